package affinity

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

var web = Scope{"pool", "setting"}

// long is a scope with ids as long as those of a gateway.
var long = Scope{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}

// key is the same in every run.
func key(t testing.TB) *Key {
	t.Helper()
	k, err := ParseKey("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestForm holds what pins and ids are made of, octet by octet: those that clients hold must be good after an upgrade.
func TestForm(t *testing.T) {
	k := key(t)
	secret := make([]byte, 32)
	for i := range secret {
		secret[i] = byte(i)
	}
	mac := func(text string) []byte {
		m := hmac.New(sha256.New, secret)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	id := k.Backend("pool", "10.0.0.1:80")
	if want := mac("b\x04pool10.0.0.1:80")[:8]; !bytes.Equal(id[:], want) {
		t.Errorf("the id is %x, want %x", id, want)
	}
	head := "\x01" + string(id[:]) + "\x00\x65\x53\xf1\x00"
	want := base64.RawURLEncoding.EncodeToString([]byte(head + string(mac(head + "\x04poolsetting")[:16])))
	got := string(NewSealer(k).Append(nil, Pin{id, 1_700_000_000}, web))
	if got != want || len(got) != Size {
		t.Errorf("the pin is %s, want %s of %d", got, want, Size)
	}
}

func TestOpen(t *testing.T) {
	k := key(t)
	s := NewSealer(k)
	pin := Pin{Backend: k.Backend("pool", "10.0.0.1:80"), Issued: 1_700_000_000}
	text := s.Append(nil, pin, web)
	if got, ok := s.Open(text, web); !ok || got != pin {
		t.Fatalf("got %v %v, want %v", got, ok, pin)
	}
	flipped := func(i int) []byte {
		raw, _ := base64.RawURLEncoding.DecodeString(string(text))
		raw[i/8] ^= 1 << (i % 8)
		return []byte(base64.RawURLEncoding.EncodeToString(raw))
	}
	for i := range size * 8 {
		if _, ok := s.Open(flipped(i), web); ok {
			t.Errorf("opened with bit %d flipped", i)
		}
	}
	other := NewSealer(NewKey())
	for _, c := range []struct {
		name string
		s    *Sealer
		text string
		of   Scope
	}{
		{"another pool", s, string(text), Scope{"poom", "setting"}},
		{"another setting", s, string(text), Scope{"pool", "settinG"}},
		{"a letter that moved from the setting to the pool", s, string(text), Scope{"pools", "etting"}},
		{"another gateway", other, string(text), web},
		{"nothing", s, "", web},
		{"less", s, string(text[1:]), web},
		{"more", s, string(text) + "A", web},
		{"padding", s, string(text[:Size-1]) + "=", web},
		{"another alphabet", s, strings.Repeat("+", Size), web},
		{"line ends, which decoders skip", s, string(text[:Size-2]) + "\r\n", web},
		{"zeros", s, strings.Repeat("A", Size), web},
	} {
		if got, ok := c.s.Open([]byte(c.text), c.of); ok || got != (Pin{}) {
			t.Errorf("%s: opened as %v", c.name, got)
		}
	}
}

// TestTimes: an issue time survives, and one that cannot be kept does no harm.
func TestTimes(t *testing.T) {
	s := NewSealer(key(t))
	for _, c := range [][2]int64{{0, 0}, {1, 1}, {1 << 39, 1 << 39}, {1<<40 - 1, 1<<40 - 1}, {-1, 0}} {
		pin, ok := s.Open(s.Append(nil, Pin{Issued: c[0]}, web), web)
		if !ok || pin.Issued != c[1] {
			t.Errorf("%d came back as %d", c[0], pin.Issued)
		}
	}
}

func TestWorth(t *testing.T) {
	now := time.Unix(1_700_000_000, 900_000_000)
	for _, c := range []struct {
		name string
		age  time.Duration // -1 is a pin without a time
		ttl  time.Duration
		want Worth
	}{
		{"a session's", -1, 0, Good},
		{"a session's, since there is a ttl", -1, time.Hour, Due},
		{"a timed one, since there is none", time.Hour, 0, Due},
		{"a fresh one", 0, time.Hour, Good},
		{"before a tenth", 6*time.Minute - time.Second, time.Hour, Good},
		{"behind a tenth", 6 * time.Minute, time.Hour, Due},
		{"at the end", time.Hour, time.Hour, Due},
		{"behind the end", time.Hour + time.Second, time.Hour, Expired},
		{"years behind the end", 9 * 8760 * time.Hour, 8760 * time.Hour, Expired},
		{"of a clock that ran ahead", -time.Hour, time.Minute, Due},
		{"fresh, of the shortest", 0, time.Second, Good},
		{"at the end of the shortest", time.Second, time.Second, Due},
		{"behind the end of the shortest", 2 * time.Second, time.Second, Expired},
		{"a broken second is a whole one", 2 * time.Second, 1500 * time.Millisecond, Due},
	} {
		p := Pin{Issued: now.Add(-c.age).Unix()}
		if c.age == -1 {
			p.Issued = 0
		}
		if got := p.Worth(now, c.ttl); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestKey(t *testing.T) {
	a, b := NewKey(), NewKey()
	if *a == *b || *a == (Key{}) {
		t.Error("keys are not random")
	}
	again, err := ParseKey(a.Text())
	if err != nil || *again != *a {
		t.Errorf("a key is not what it was: %v", err)
	}
	for _, bad := range []string{"", "AAAA", a.Text() + "A", a.Text()[:42] + "=", a.Text()[:42] + "\n", strings.Repeat("!", 43)} {
		k, err := ParseKey(bad)
		if k != nil || err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		for _, v := range []any{a, *a, []Key{*a}} {
			if got := strings.Trim(fmt.Sprintf(verb, v), "[]"); !strings.HasSuffix(strings.Trim(got, "{}"), "affinity.Key") {
				t.Errorf("%s of %T shows %s", verb, v, got)
			}
		}
	}
	if a.Backend("p", "1") == a.Backend("p", "2") || a.Backend("p", "1") == a.Backend("q", "1") || a.Backend("p", "q1") == a.Backend("pq", "1") ||
		a.Backend("p", "1") == b.Backend("p", "1") {
		t.Error("ids do not go by key, pool and address")
	}
}

// TestSealersAllocateNothing once they were used.
func TestSealersAllocateNothing(t *testing.T) {
	k := key(t)
	s := NewSealer(k)
	var pins Pins
	field := append([]byte("a=b; GatewaydAffinity="), s.Append(nil, Pin{Backend: k.Backend("p", "x")}, long)...)
	dst := make([]byte, 0, 512)
	if n := testing.AllocsPerRun(100, func() {
		pins.Reset()
		pins.Collect(field, "GatewaydAffinity")
		pin, ok := s.Take(&pins, long)
		if !ok {
			t.Fatal("not opened")
		}
		dst = s.AppendCookie(pins.AppendTo(dst[:0]), &Cookie{Name: "GatewaydAffinity", Lifetime: time.Hour, Pin: pin, Of: long})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
