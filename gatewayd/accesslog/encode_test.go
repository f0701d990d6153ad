package accesslog

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestQueries(t *testing.T) {
	for _, c := range []struct{ query, names, full string }{
		{"a=1&b=2", "a=*&b=*", "a=1&b=2"},
		{"token=secret", "token=*", "token=secret"},
		{"secret", "*", "secret"},
		{"", "", ""},
		{"a=1&&secret&b", "a=*&&*&*", "a=1&&secret&b"},
		{"a=b=c", "a=*", "a=b=c"},
		{"=x", "=*", "=x"},
		{"c2VjcmV0cw==", "*", "c2VjcmV0cw=="},
		{"c2VjcmV0cyE=&a=1", "*&a=*", "c2VjcmV0cyE=&a=1"},
		{"a=&b", "*&*", "a=&b"},
		{`"=1`, `\"=*`, `\"=1`},
		{strings.Repeat("n", 100) + "=1", strings.Repeat("n", 64) + "...=*", strings.Repeat("n", 100) + "=1"},
	} {
		if got := string(Names.AppendQuery(nil, "query", []byte(c.query), 1000)); got != `,"query":"`+c.names+`"` {
			t.Errorf("the names of %q are %s", c.query, got)
		}
		if got := string(Full.AppendQuery(nil, "query", []byte(c.query), 1000)); got != `,"query":"`+c.full+`"` {
			t.Errorf("all of %q is %s", c.query, got)
		}
		if got := None.AppendQuery(nil, "query", []byte(c.query), 1000); len(got) > 0 {
			t.Errorf("nothing of %q is %s", c.query, got)
		}
	}
	if got := string(Names.AppendQuery(nil, "query", []byte(strings.Repeat("a=1&", 1000)), 40)); len(got) > 80 || !strings.HasSuffix(got, `..."`) {
		t.Errorf("a long query is %s", got)
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/a/b":                         "/a/b",
		"/a;jsessionid=secret":         "/a;*",
		"/a;jsessionid=secret/b;v=1/c": "/a;*/b;*/c",
		"/;secret":                     "/;*",
		"/a%3bsid=secret/b":            "/a;*/b",
		"/a%3Bsid=secret;x":            "/a;*",
		"/a%3":                         "/a%3",
		"/100%/%3c":                    "/100%/%3c",
	} {
		if got := string(Names.AppendPath(nil, "path", []byte(path), 1000)); got != `,"path":"`+want+`"` {
			t.Errorf("%s is shown as %s", path, got)
		}
		if got := string(Full.AppendPath(nil, "path", []byte(path), 1000)); got != `,"path":"`+path+`"` {
			t.Errorf("%s is shown in full as %s", path, got)
		}
	}
	// What is cut shows, whether there is something to hide or not.
	for _, path := range []string{strings.Repeat("/a", 30), strings.Repeat("/a;b", 30), "/;" + strings.Repeat("/a", 30), "/;/" + strings.Repeat("a", 90)} {
		if got := string(Names.AppendPath(nil, "path", []byte(path), 40)); !strings.HasSuffix(got, `..."`) || len(got) > 100 {
			t.Errorf("a path of %d bytes is shown as %s", len(path), got)
		}
	}
}

func TestTime(t *testing.T) {
	s := &Sink{second: -1}
	for _, now := range []time.Duration{0, 5 * time.Millisecond, 999 * time.Millisecond, 1500 * time.Millisecond, time.Hour} {
		before := time.Now()
		text := string(s.AppendTime(nil, now)) + "}"
		var line struct{ Time time.Time }
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if d := line.Time.Sub(before.Add(now - s.read)); d.Abs() > 5*time.Second {
			t.Errorf("at %v the line says %v, %v off", now, line.Time, d)
		}
	}
}

// FuzzLine: whatever is sent, a line is one valid JSON object of printable ASCII, and says it again where it was UTF-8.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"", "plain", "\"}\n{\"msg\":\"forged\"", "\x00\x1b[31m\x7f\x9b", "\xff\xfe", "é\u2028\u202e😀", `\u0022`, "a=b;c\\"} {
		f.Add([]byte(s), uint8(200))
	}
	f.Fuzz(func(t *testing.T, s []byte, most uint8) {
		b := AppendText([]byte(`{"msg":"x"`), "text", s, int(most))
		for _, q := range []Query{Names, None, Full} {
			b = q.AppendPath(b, "path"+string('0'+rune(q)), s, int(most))
			b = q.AppendQuery(b, "query"+string('0'+rune(q)), s, int(most))
		}
		b = append(b, '}')
		var line map[string]string
		if err := json.Unmarshal(b, &line); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		for _, c := range b {
			if c < ' ' || c > '~' {
				t.Fatalf("%q holds the byte %x", b, c)
			}
		}
		if utf8.Valid(s) && len(s) <= int(most) && line["text"] != string(s) {
			t.Errorf("%q is read as %q", s, line["text"])
		}
		if len(line) > 7 || line["msg"] != "x" {
			t.Errorf("%q has other fields than were written", b)
		}
	})
}

func BenchmarkAppendText(b *testing.B) {
	agent, line := []byte("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"), make([]byte, 0, 4096)
	b.ReportAllocs()
	for range b.N {
		line = AppendText(line[:0], "user_agent", agent, 512)
	}
}
