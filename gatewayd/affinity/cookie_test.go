package affinity

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

const name = "GatewaydAffinity"

// TestCollect: which pins are found in Cookie fields. "1" to "9" stand for what has the shape of a pin.
func TestCollect(t *testing.T) {
	pin := func(c byte) string { return strings.Repeat(string(c), Size) }
	expand := strings.NewReplacer("<1>", pin('1'), "<2>", pin('2'), "<3>", pin('3'), "<x>", pin('!'), "<s>", pin('1')[1:], "<l>", pin('1')+"1")
	for _, c := range []struct {
		fields []string
		want   string // the first characters
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"GatewaydAffinity=<1>"}, "1"},
		{[]string{"a=b; GatewaydAffinity=<1>; c=d"}, "1"},
		{[]string{"a=b;GatewaydAffinity=<1>;c=d"}, "1"},
		{[]string{" \tGatewaydAffinity=<1>\t "}, "1"},
		{[]string{"GatewaydAffinity=<1>.<2>.<3>"}, "123"},
		{[]string{"GatewaydAffinity=<1>; GatewaydAffinity=<2>"}, "12"},
		{[]string{"GatewaydAffinity=<1>", "a=b", "GatewaydAffinity=<2>"}, "12"},
		{[]string{"GatewaydAffinity=<x>.<2>"}, "2"},
		{[]string{"GatewaydAffinity=<s>.<l>..<2>."}, "2"},
		{[]string{"GatewaydAffinity=; GatewaydAffinity; GatewaydAffinity=.; =<1>; <1>"}, ""},
		{[]string{"gatewaydaffinity=<1>; GATEWAYDAFFINITY=<1>; XGatewaydAffinity=<1>; GatewaydAffinityX=<1>"}, ""},
		{[]string{"GatewaydAffinity =<1>; GatewaydAffinity= <1>; GatewaydAffinity=\"<1>\""}, ""},
		{[]string{"a=GatewaydAffinity=<1>"}, ""},
		{[]string{"GatewaydAffinity=<1>,GatewaydAffinity=<2>"}, ""},
		{[]string{strings.Repeat(";", 30_000) + "GatewaydAffinity=<1>"}, "1"},
		{[]string{strings.Repeat("GatewaydAffinity=junk; ", 1000) + "GatewaydAffinity=<1>"}, "1"},
		{[]string{strings.Repeat("GatewaydAffinity=<1>; ", 1000)}, "11111111"},
		{[]string{"GatewaydAffinity=<1>" + strings.Repeat(".<1>", 1000)}, "11111111"},
	} {
		var pins Pins
		for _, f := range c.fields {
			pins.Collect([]byte(expand.Replace(f)), name)
		}
		got := ""
		for i := range pins.Len() {
			got += string(pins.list[i][0])
		}
		if got != c.want {
			t.Errorf("%.200q: got %q, want %q", c.fields, got, c.want)
		}
	}
}

// TestTake: the first pin of a pool and setting holds, all of them are taken out, and others' stay in their order.
func TestTake(t *testing.T) {
	k := key(t)
	s := NewSealer(k)
	a, b := k.Backend("p", "a"), k.Backend("p", "b")
	text := map[string]string{
		"a": string(s.Append(nil, Pin{Backend: a}, Scope{"p", "s"})),
		"b": string(s.Append(nil, Pin{Backend: b}, Scope{"p", "s"})),
		"q": string(s.Append(nil, Pin{Backend: a}, Scope{"q", "s"})),
		"t": string(s.Append(nil, Pin{Backend: a}, Scope{"p", "t"})),
		"f": string(NewSealer(NewKey()).Append(nil, Pin{Backend: a}, Scope{"p", "s"})),
	}
	for _, c := range []struct{ sent, first, left string }{
		{"", "", ""},
		{"a", "a", ""},
		{"b a", "b", ""},
		{"q a t b f", "a", "q t f"},
		{"f", "", "f"},
		{"q q q q q q q q", "", "q q q q q q q"},
		{"q q q q q q q a", "a", "q q q q q q q"},
		{"q q q q q q q q a", "", "q q q q q q q"},
	} {
		var sent, left []string
		for _, n := range strings.Fields(c.sent) {
			sent = append(sent, text[n])
		}
		var pins Pins
		pins.Collect([]byte(name+"="+strings.Join(sent, ".")), name)
		pin, ok := s.Take(&pins, Scope{"p", "s"})
		if want := (map[string]ID{"a": a, "b": b})[c.first]; ok != (c.first != "") || pin.Backend != want {
			t.Errorf("%s: got %v %v", c.sent, pin, ok)
		}
		for _, n := range strings.Fields(c.left) {
			left = append(left, "."+text[n])
		}
		if got := string(pins.AppendTo(nil)); got != strings.Join(left, "") {
			t.Errorf("%s: %q is left", c.sent, got)
		}
	}
}

// TestAppendCookie: the value is one that clients take (RFC 6265 4.1.1), and what they send back is read.
func TestAppendCookie(t *testing.T) {
	s := NewSealer(key(t))
	pin := Pin{Backend: ID{1}, Issued: 7}
	text := string(s.Append(nil, pin, Scope{"p", "s"}))
	for _, c := range []struct {
		ttl    time.Duration
		others string
		want   string
	}{
		{0, "", "C=" + text + "; Path=/; HttpOnly"},
		{time.Hour, "", "C=" + text + "; Path=/; HttpOnly; Max-Age=3600"},
		{1500 * time.Millisecond, "", "C=" + text + "; Path=/; HttpOnly; Max-Age=2"},
		{0, "." + text, "C=" + text + "." + text + "; Path=/; HttpOnly"},
	} {
		if got := string(s.AppendCookie(nil, &Cookie{"C", c.ttl, pin, Scope{"p", "s"}, []byte(c.others), false})); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// TestPoolsShareACookie: a client that goes from pool to pool keeps its backend in each, with no cookie in between.
func TestPoolsShareACookie(t *testing.T) {
	s := NewSealer(key(t))
	cookie := "C="
	fresh := 0
	for i := range 100 {
		of := Scope{fmt.Sprint(i % Most), "s"}
		var pins Pins
		pins.Collect([]byte(cookie), "C")
		pin, ok := s.Take(&pins, of)
		if !ok {
			fresh++
			pin = Pin{Backend: ID{byte(i)}}
			value := s.AppendCookie(nil, &Cookie{"C", 0, pin, of, pins.AppendTo(nil), false})
			value, _, _ = bytes.Cut(value, []byte(";"))
			cookie = string(value)
		}
		if int(pin.Backend[0]) != i%Most {
			t.Fatalf("request %d came to %v", i, pin)
		}
	}
	if fresh != Most {
		t.Errorf("%d cookies for %d pools", fresh, Most)
	}
}

func FuzzCookie(f *testing.F) {
	s := NewSealer(key(f))
	a := string(s.Append(nil, Pin{Backend: ID{1}, Issued: 9}, Scope{"p", "s"}))
	b := string(s.Append(nil, Pin{Backend: ID{2}}, Scope{"q", "s"}))
	for _, seed := range []string{"", "C=" + a, "x=y; C=" + a + "." + b + "; z", "C=" + b + ";C=" + a, "C=" + a[:39] + "=;C", "C=" + strings.Repeat("A", Size)} {
		f.Add([]byte(seed), "p")
	}
	f.Fuzz(func(t *testing.T, field []byte, pool string) {
		var pins Pins
		pins.Collect(field, "C")
		n, of := pins.Len(), Scope{pool, "s"}
		if n > Most || n*Size > len(field) {
			t.Fatalf("%d pins in %d octets", n, len(field))
		}
		pin, ok := s.Take(&pins, of)
		// Nobody but these tests has the key.
		if made := string(s.Append(nil, pin, of)); ok && !bytes.Contains(field, []byte(made)) {
			t.Fatalf("%v was not in the field", pin)
		}
		if ok != (pins.Len() < n) {
			t.Fatalf("took %v and left %d of %d", ok, pins.Len(), n)
		}
		others := pins.AppendTo(nil)
		value := s.AppendCookie(nil, &Cookie{"C", time.Hour, Pin{Backend: ID{3}}, of, others, false})
		for _, c := range value {
			if c <= ' ' && c != ' ' || c >= 0x7f || c == ',' || c == '"' || c == '\\' {
				t.Fatalf("%q is no cookie", value)
			}
		}
		if len(value) > 4096 || bytes.Count(value, []byte(";")) != 3 {
			t.Fatalf("%q is no cookie", value)
		}
		// What goes back in the next request holds, and the others are there again.
		value, _, _ = bytes.Cut(value, []byte(";"))
		pins.Reset()
		pins.Collect(value, "C")
		if again, ok := s.Take(&pins, of); !ok || again.Backend != (ID{3}) || !bytes.Equal(pins.AppendTo(nil), others) {
			t.Fatalf("%q came back as %v %v", value, again, ok)
		}
	})
}

func BenchmarkTake(b *testing.B) {
	k := key(b)
	s := NewSealer(k)
	field := append([]byte("session=8a7d6c5b; theme=dark; "+name+"="), s.Append(nil, Pin{Backend: k.Backend("p", "x")}, long)...)
	var pins Pins
	b.ReportAllocs()
	for b.Loop() {
		pins.Reset()
		pins.Collect(field, name)
		if _, ok := s.Take(&pins, long); !ok {
			b.Fatal("not opened")
		}
	}
}

func BenchmarkAppendCookie(b *testing.B) {
	s := NewSealer(key(b))
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = s.AppendCookie(dst[:0], &Cookie{Name: name, Lifetime: time.Hour, Pin: Pin{Issued: 1_700_000_000}, Of: long})
	}
}
