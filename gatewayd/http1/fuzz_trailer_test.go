package http1

import (
	"bytes"
	"testing"
)

// A trailer section is the same by whatever pieces it comes, and what is forwarded of it says the same again and nothing
// that a head may say.
func FuzzTrailer(f *testing.F) {
	for _, s := range []string{
		"\r\n", "Sum: 1\r\n\r\n", "A: b\r\nContent-Length: 5\r\nX_Forwarded_For: c\r\n\r\nGET", "A : b\r\n\r\n", "A: b\r\n c\r\n\r\n", "A: b\n\r\n", ": b\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		end, _, err := TrailerEnd(raw, 0)
		from, stepped, at := 0, (*Error)(nil), 0
		for n := 0; n <= len(raw) && at == 0 && stepped == nil; n++ {
			at, from, stepped = TrailerEnd(raw[:n], from)
		}
		if at != end || stepped != err {
			t.Fatalf("whole %d %v, octet by octet %d %v", end, err, at, stepped)
		}
		var trailer Trailer
		if end == 0 || trailer.Parse(raw[:end], Limits{}) != nil {
			return
		}
		passed := 0
		for i, field := range trailer.Fields {
			if !trailer.Drop(i) {
				passed++
				if Lookup(field.Name) != FieldOther || imitates(field.Name) {
					t.Fatalf("%q passes", field.Name)
				}
			}
		}
		section := bytes.TrimPrefix(AppendLastChunk(nil, &trailer), []byte("0\r\n"))
		var again Trailer
		if n, _, _ := TrailerEnd(section, 0); n != len(section) || again.Parse(section, Limits{HeadBytes: 1 << 20, Fields: 1000}) != nil || len(again.Fields) != passed {
			t.Fatalf("%q is forwarded as %q", raw[:end], section)
		}
	})
}
