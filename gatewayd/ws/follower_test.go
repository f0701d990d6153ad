package ws

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// frame writes a frame of n payload octets.
func frame(first byte, n int, mask *[4]byte) []byte {
	return append(AppendHeader(nil, first, uint64(n), mask), bytes.Repeat([]byte{0xff}, n)...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// seen is what one pass over a stream tells.
type seen struct {
	boundaries []int // offsets at which a frame may be placed, but for the first
	ends       []byte
	messages   int
	passed     int // octets that may be passed on
	lost       bool
	closing    bool
}

// watch follows b in pieces as a tunnel does: what Next holds back is given again with the next piece.
func watch(b []byte, piece int) (s seen) {
	var f Follower
	for have := 0; ; {
		for s.passed < have || have == 0 {
			n, ev := f.Next(b[s.passed:have])
			s.passed += n
			if ev == FrameEnd {
				s.ends = append(s.ends, f.first)
				if f.EndsMessage() {
					s.messages++
				}
				if f.AtBoundary() {
					s.boundaries = append(s.boundaries, s.passed)
				}
			}
			if ev == NeedHeader || n == 0 {
				break
			}
		}
		if have == len(b) {
			s.lost, s.closing = f.Lost(), f.Closing()
			return s
		}
		have = min(have+piece, len(b))
	}
}

func (s seen) equal(o seen) bool {
	return slices.Equal(s.boundaries, o.boundaries) && bytes.Equal(s.ends, o.ends) && s.passed == o.passed &&
		s.messages == o.messages && s.lost == o.lost && s.closing == o.closing
}

// reference reads the whole of b at once, written as RFC 6455 5.2 reads.
func reference(b []byte) (s seen) {
	fragmented := false
	for at := 0; ; {
		rest := b[at:]
		s.passed = at
		if len(rest) == 0 {
			return s
		}
		fin, opcode := rest[0] >= 0x80, rest[0]&15
		data, control := opcode == 1 || opcode == 2, opcode >= 8 && opcode <= 10
		bad := s.closing || control && !fin || data && fragmented || opcode == 0 && !fragmented || !data && !control && opcode != 0
		if !bad && len(rest) < 2 {
			return s
		}
		var length, need int
		if !bad {
			length, need = int(rest[1]&0x7f), 2
			bad = control && length > 125
		}
		if !bad && length == 126 {
			if need = 4; len(rest) < need {
				return s
			}
			length = int(binary.BigEndian.Uint16(rest[2:]))
			bad = length < 126
		} else if !bad && length == 127 {
			if need = 10; len(rest) < need {
				return s
			}
			long := binary.BigEndian.Uint64(rest[2:])
			bad = long < 1<<16 || long >= 1<<63
			length = int(long)
		}
		if bad {
			s.lost, s.passed = true, len(b)
			return s
		}
		if rest[1] >= 0x80 {
			need += 4
		}
		if len(rest) < need {
			return s
		}
		if length > len(rest)-need {
			s.passed = len(b)
			return s
		}
		at += need + length
		s.ends = append(s.ends, rest[0])
		if opcode == 8 {
			s.closing = true
		} else {
			s.boundaries = append(s.boundaries, at)
		}
		if data || opcode == 0 {
			fragmented = !fin
			if fin {
				s.messages++
			}
		}
	}
}

func streams() map[string][]byte {
	mask := &[4]byte{1, 2, 3, 4}
	long := func(first, second byte, length uint64) []byte {
		return binary.BigEndian.AppendUint64([]byte{first, second}, length)
	}
	return map[string][]byte{
		"nothing":                           nil,
		"5.2 empty text":                    frame(0x81, 0, nil),
		"5.2 masked empty text":             frame(0x81, 0, mask),
		"5.2 lengths of 7, 16 and 64 bits":  join(frame(0x82, 125, nil), frame(0x82, 126, nil), frame(0x82, 65535, nil), frame(0x82, 65536, nil)),
		"5.2 masked lengths":                join(frame(0x82, 125, mask), frame(0x82, 126, mask), frame(0x82, 65536, mask)),
		"5.2 reserved bits of an extension": join(frame(0xc1, 5, nil), frame(0xc1, 5, nil)),
		"5.4 ping between fragments":        join(frame(0x01, 3, nil), frame(0x89, 4, nil), frame(0x00, 3, nil), frame(0x80, 3, nil), frame(0x81, 1, nil)),
		"5.5.1 close":                       join(frame(0x81, 1, nil), AppendClose(nil, CodeGoingAway, "bye", nil)),
		"5.5.1 close between fragments":     join(frame(0x01, 3, nil), AppendClose(nil, CodeGoingAway, "", mask)),
		"header cut":                        frame(0x82, 65536, mask)[:13],
		"payload cut":                       frame(0x82, 300, mask)[:100],
		"lost: opcode 3":                    join(frame(0x81, 1, nil), frame(0x83, 1, nil), frame(0x81, 1, nil)),
		"lost: opcode 11":                   frame(0x8b, 1, nil),
		"lost: fragmented ping":             frame(0x09, 1, nil),
		"lost: long ping":                   frame(0x89, 126, nil),
		"lost: continuation of nothing":     frame(0x80, 1, nil),
		"lost: message inside a message":    join(frame(0x01, 1, nil), frame(0x81, 1, nil)),
		"lost: frame behind close":          join(frame(0x88, 0, nil), frame(0x81, 1, nil)),
		"lost: 16 bits for 125":             []byte{0x82, 126, 0, 125},
		"lost: 64 bits for 65535":           long(0x82, 127, 65535),
		"lost: high bit of 64":              long(0x82, 127, 1<<63),
		"largest length":                    long(0x82, 127, math.MaxInt64),
		"HTTP behind an upgrade":            []byte("GET / HTTP/1.1\r\n\r\n"),
	}
}

func TestFollower(t *testing.T) {
	for name, b := range streams() {
		t.Run(name, func(t *testing.T) {
			want := reference(b)
			if strings.HasPrefix(name, "lost") != want.lost && name != "HTTP behind an upgrade" {
				t.Errorf("the reference says lost: %v", want.lost)
			}
			for _, piece := range []int{1, 2, 3, 7, 14, 100, 4096, len(b) + 1} {
				if got := watch(b, piece); !got.equal(want) {
					t.Errorf("by %d: got %+v, want %+v", piece, got, want)
				}
			}
		})
	}
}

func TestFollowerDescribesFrame(t *testing.T) {
	var f Follower
	if !f.AtBoundary() || f.Left() != 0 || f.Closing() || f.Lost() {
		t.Errorf("the zero value is not at a boundary: %+v", f)
	}
	b := frame(0x02, 200, &[4]byte{9, 9, 9, 9})
	if n, ev := f.Next(b[:7]); n != 0 || ev != NeedHeader || !f.AtBoundary() {
		t.Errorf("7 of 8 header octets: %d %v", n, ev)
	}
	if n, ev := f.Next(b[:10]); n != 10 || ev != More || f.AtBoundary() || f.Left() != 198 {
		t.Errorf("2 payload octets: %d %v, left %d", n, ev, f.Left())
	}
	if f.Opcode() != Binary || f.Fin() || !f.Masked() {
		t.Errorf("opcode %d, fin %v, masked %v", f.Opcode(), f.Fin(), f.Masked())
	}
	if n, ev := f.Next(nil); n != 0 || ev != More {
		t.Errorf("nothing: %d %v", n, ev)
	}
	if ev := f.Skip(100); ev != More || f.Left() != 98 {
		t.Errorf("spliced: %v, left %d", ev, f.Left())
	}
	if ev := f.Skip(98); ev != FrameEnd || !f.AtBoundary() || f.EndsMessage() {
		t.Errorf("spliced to the end: %v, of a message %v", ev, f.EndsMessage())
	}
	f.Next([]byte{0x80, 100})
	if ev := f.Skip(100); ev != FrameEnd || !f.EndsMessage() {
		t.Errorf("the last fragment spliced: %v, of a message %v", ev, f.EndsMessage())
	}
	if ev := f.Skip(0); ev != More || f.Lost() {
		t.Errorf("nothing spliced at a boundary: %v", ev)
	}
	if ev := f.Skip(1); ev != Lost || f.AtBoundary() {
		t.Errorf("spliced past the end: %v", ev)
	}
	if n, ev := f.Next(b); n != len(b) || ev != Lost || f.Left() != 0 {
		t.Errorf("lost: %d %v", n, ev)
	}
}

func TestNextAll(t *testing.T) {
	small := bytes.Repeat(frame(0x82, 3, nil), 3) // 15 octets
	tests := []struct {
		name        string
		in          []byte
		n, messages int
		ev          Event
		boundary    bool
	}{
		{"nothing", nil, 0, 0, More, true},
		{"whole frames", small, 15, 3, FrameEnd, true},
		{"a header begins", join(small, []byte{0x82}), 15, 3, NeedHeader, true},
		{"a payload begins", join(small, []byte{0x82, 2, 0}), 18, 3, More, false},
		{"inside the first", []byte{0x82, 2, 0}, 3, 0, More, false},
		{"stops behind a close", join(small, frame(0x88, 0, nil), small), 17, 3, FrameEnd, false},
		{"a ping between", join(small, frame(0x89, 2, nil), small), 34, 6, FrameEnd, true},
		{"a fragmented message between", join(small, frame(0x01, 2, nil), frame(0x80, 300, nil), small), 338, 7, FrameEnd, true},
		{"a ping between fragments", join(frame(0x01, 2, nil), frame(0x89, 2, nil), frame(0x00, 300, nil), frame(0x80, 0, nil)), 314, 1, FrameEnd, true},
		{"lost", join(small, frame(0x83, 0, nil), small), 32, 3, Lost, false},
	}
	for _, tt := range tests {
		var f Follower
		if n, messages, ev := f.NextAll(tt.in); n != tt.n || messages != tt.messages || ev != tt.ev || f.AtBoundary() != tt.boundary {
			t.Errorf("%s: got %d %d %v %v, want %d %d %v %v", tt.name, n, messages, ev, f.AtBoundary(), tt.n, tt.messages, tt.ev, tt.boundary)
		}
	}
	var f Follower
	f.Next([]byte{0x82, 2, 0})
	if n, messages, ev := f.NextAll(nil); n != 0 || messages != 0 || ev != More {
		t.Errorf("inside a payload: %d %d %v", n, messages, ev)
	}
	if n, messages, ev := f.NextAll(append([]byte{0}, small...)); n != 16 || messages != 4 || ev != FrameEnd {
		t.Errorf("from inside a payload: %d %d %v", n, messages, ev)
	}
}

func TestFollowerIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Follower{}); size > 16 {
		t.Errorf("%d octets, a million tunnels have two million of them", size)
	}
}

func TestAppendClose(t *testing.T) {
	// RFC 6455 5.7 has the masking of "Hello".
	hello, mask := []byte("Hello"), [4]byte{0x37, 0xfa, 0x21, 0x3d}
	if Mask(hello, mask); !bytes.Equal(hello, []byte{0x7f, 0x9f, 0x4d, 0x51, 0x58}) {
		t.Errorf("masked Hello: % x", hello)
	}
	if got, want := AppendClose(nil, CodeGoingAway, "bye", nil), "\x88\x05\x03\xe9bye"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got := AppendClose([]byte("x"), CodeServiceRestart, "bye", &mask)
	if string(got[:7]) != "x\x88\x85\x37\xfa\x21\x3d" {
		t.Errorf("masked header: %q", got[:7])
	}
	if Mask(got[7:], mask); string(got[7:]) != "\x03\xf4bye" {
		t.Errorf("unmasked: %q", got[7:])
	}
	if got := AppendClose(nil, CodePolicy, strings.Repeat("a", 124), nil); len(got) != 2+2+123 {
		t.Errorf("long reason: %d octets", len(got))
	}
	if got := AppendClose(nil, CodePolicy, strings.Repeat("é", 62), nil); len(got) != 2+2+122 || got[1] != 124 {
		t.Errorf("long reason of two octets a character: %d octets, length %d", len(got), got[1])
	}
}

func FuzzFollower(f *testing.F) {
	for _, b := range streams() {
		if len(b) < 1000 {
			f.Add(b, uint8(2))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		want := reference(b)
		for _, size := range []int{1, int(piece) + 1, len(b) + 1} {
			if got := watch(b, size); !got.equal(want) {
				t.Fatalf("by %d: got %+v, want %+v", size, got, want)
			}
		}
		var g Follower
		messages, n := 0, 0
		for n < len(b) && !g.Closing() {
			k, whole, ev := g.NextAll(b[n:])
			messages += whole
			if n += k; ev == NeedHeader || k == 0 {
				break
			}
		}
		if messages != want.messages {
			t.Fatalf("NextAll told of %d messages, want %d", messages, want.messages)
		}
		if !want.closing && n != want.passed {
			t.Fatalf("NextAll passed %d, want %d", n, want.passed)
		}
	})
}

func BenchmarkFollower(b *testing.B) {
	small := bytes.Repeat(frame(0x82, 125, &[4]byte{1, 2, 3, 4}), 512)
	b.Run("Frames125", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(small)))
		var f Follower
		for b.Loop() {
			if n, _, _ := f.NextAll(small); n != len(small) {
				b.Fatal(n)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/512, "ns/frame")
	})
	b.Run("OneBigFrame", func(b *testing.B) {
		head := AppendHeader(nil, 0x82, math.MaxInt64, nil)
		read := make([]byte, 64<<10)
		var f Follower
		f.Next(head)
		b.ReportAllocs()
		for b.Loop() {
			if n, _ := f.Next(read); n != len(read) {
				b.Fatal(n)
			}
		}
	})
	b.Run("AppendClose", func(b *testing.B) {
		dst := make([]byte, 0, 64)
		b.ReportAllocs()
		for b.Loop() {
			dst = AppendClose(dst[:0], CodeGoingAway, "going away", &[4]byte{1, 2, 3, 4})
		}
	})
}

func TestCloseCode(t *testing.T) {
	for _, c := range []struct {
		before, last string
		code         uint16
		known        bool
	}{
		{"", "\x88\x02\x03\xe8", 1000, true},
		{"", "\x88\x05\x03\xf3bye", 1011, true},
		{"", "\x88\x82\x01\x02\x03\x04\x02\xea", 1000, true},
		{"", "\x81\x01a\x88\x00", CodeNone, true},
		{"", "\x88\x01a", CodeNone, true},
		{"\x88", "\x02\x03\xe8", 0, false},
		{"\x88\x02", "\x03\xe8", 0, false},
		{"\x88\x82\x01\x02\x03\x04", "\x02\xea", 0, false},
		{"", "\x81\x01a", 0, false},
	} {
		var f Follower
		f.NextAll([]byte(c.before))
		b := []byte(c.last)
		if c.before == "\x88" {
			b = []byte(c.before + c.last) // A header that is not complete is given again.
			c.code, c.known = 1000, true
		}
		f.NextAll(b)
		if code, known := f.CloseCode(b); code != c.code || known != c.known {
			t.Errorf("%q behind %q: %d, %v; want %d, %v", c.last, c.before, code, known, c.code, c.known)
		}
	}
}
