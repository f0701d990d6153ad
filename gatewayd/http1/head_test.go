package http1

import (
	"strings"
	"testing"
)

func TestHeadEnd(t *testing.T) {
	tests := []struct {
		name, in string
		end      int
		want     Reason
	}{
		{"nothing", "", 0, 0},
		{"incomplete", "GET / HTTP/1.1\r\nHost: a\r\n\r", 0, 0},
		{"complete", "GET / HTTP/1.1\r\n\r\n", 18, 0},
		{"bytes behind are not looked at", "GET / HTTP/1.1\r\n\r\n\x00\n\r", 18, 0},
		{"tabs are text", "A: \tb\t\tc\r\n\r\n", 12, 0},
		{"bare LF at once", "GET / HTTP/1.1\n", 0, ReasonBareLF},
		{"bare LF first", "\n", 0, ReasonBareLF},
		{"bare LF behind CRLF", "A: b\r\n\n", 0, ReasonBareLF},
		{"bare CR at once", "GET / HTTP/1.1\rX", 0, ReasonBareCR},
		{"NUL at once", "GET /\x00", 0, ReasonNUL},
		{"the first of two decides", "a\x00b\nc", 0, ReasonNUL},
		{"TLS on a plain port", "\x16\x03\x01\x02\x00\x01", 0, ReasonNUL},
		{"empty line first", "\r\nGET", 0, ReasonEmptyStartLine},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := []byte(tt.in)
			end, _, err := HeadEnd(b, 0)
			if end != tt.end || reasonOf(err) != tt.want {
				t.Errorf("whole: got %d %v, want %d %v", end, reasonOf(err), tt.end, tt.want)
			}
			if end, err := headEndByOctet(b); end != tt.end || reasonOf(err) != tt.want {
				t.Errorf("octet by octet: got %d %v, want %d %v", end, reasonOf(err), tt.end, tt.want)
			}
		})
	}
}

func reasonOf(err *Error) Reason {
	if err == nil {
		return 0
	}
	return err.Reason
}

// headEndByOctet finds the end while the octets come one by one.
func headEndByOctet(b []byte) (int, *Error) {
	from := 0
	for n := range len(b) + 1 {
		end, next, err := HeadEnd(b[:n], from)
		if end > 0 || err != nil {
			return end, err
		}
		from = next
	}
	return 0, nil
}

// The offset to go on from must stay near the end, or a head that comes octet by octet costs its square.
func TestHeadEndResumes(t *testing.T) {
	b := []byte("GET / HTTP/1.1\r\n" + strings.Repeat("Name: value\r\n", 100))
	from := 0
	for n := range len(b) {
		_, next, err := HeadEnd(b[:n], from)
		if err != nil {
			t.Fatal(err)
		}
		if n-next > 1 || next < from {
			t.Fatalf("after %d octets: go on from %d", n, next)
		}
		from = next
	}
}

func TestEmptyLine(t *testing.T) {
	for in, want := range map[string]int{"": 0, "\r": 0, "\r\n": 2, "\r\n\r\n": 2, "\nG": 0, "G\r\n": 0} {
		if got := EmptyLine([]byte(in)); got != want {
			t.Errorf("%q: got %d, want %d", in, got, want)
		}
	}
}

func TestParseWantsWholeHead(t *testing.T) {
	tests := []struct {
		name, head string
		want       Reason
	}{
		{"nothing", "", ReasonIncompleteHead},
		{"method", "GET", ReasonIncompleteHead},
		{"target", "GET /", ReasonIncompleteHead},
		{"version", "GET / HTTP/1.1", ReasonIncompleteHead},
		{"half a line end", "GET / HTTP/1.1\r", ReasonIncompleteHead},
		{"no empty line", "GET / HTTP/1.1\r\nHost: a\r\n", ReasonIncompleteHead},
		{"name", "GET / HTTP/1.1\r\nHost", ReasonIncompleteHead},
		{"value", "GET / HTTP/1.1\r\nHost: a", ReasonIncompleteHead},
		{"too much", "GET / HTTP/1.1\r\nHost: a\r\n\r\nG", ReasonBytesBehindHead},
	}
	var r Request
	for _, tt := range tests {
		if got := reasonOf(r.Parse([]byte(tt.head), Limits{})); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
