package http1

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http/httputil"
	"strings"
	"testing"
)

// follow reads a body whose octets come in pieces of the given size, the way a caller does, and returns the payload,
// the octets that belong to it, and how it ended: nil when complete, io.ErrUnexpectedEOF when more is wanted.
func follow(kind BodyKind, length int64, raw []byte, piece int) (payload []byte, used int, trailer *Trailer, err error) {
	var b Body
	b.Start(kind, length)
	for have := 0; ; {
		n, data, done, e := b.Next(raw[used:have])
		payload = append(payload, data...)
		used += n
		switch {
		case e != nil:
			return payload, used, nil, e
		case done:
			return payload, used, nil, nil
		case n > 0 && used < have:
			continue
		case b.AtTrailer():
			end, _, e := TrailerEnd(raw[used:have], 0)
			if e != nil {
				return payload, used, nil, e
			}
			if end > 0 {
				trailer = new(Trailer)
				if e := trailer.Parse(raw[used:used+end], Limits{}); e != nil {
					return payload, used, nil, e
				}
				b.EndTrailer()
				return payload, used + end, trailer, nil
			}
		case used < have:
			return payload, used, nil, errors.New("no progress")
		}
		if have == len(raw) {
			return payload, used, nil, io.ErrUnexpectedEOF
		}
		have = min(have+piece, len(raw))
	}
}

func TestBody(t *testing.T) {
	tests := []struct {
		name    string
		kind    BodyKind
		length  int64
		in      string
		payload string
		rest    string // what belongs to the next message
		want    Reason
		more    bool // the body is not complete
	}{
		{name: "none", kind: BodyNone, in: "GET", rest: "GET"},
		{name: "length", kind: BodyLength, length: 5, in: "helloGET", payload: "hello", rest: "GET"},
		{name: "length zero", kind: BodyLength, in: "GET", rest: "GET"},
		{name: "length short", kind: BodyLength, length: 5, in: "hell", payload: "hell", more: true},
		{name: "until close", kind: BodyUntilClose, in: "hello", payload: "hello", more: true},

		{name: "9112 7.1 chunks", kind: BodyChunked, in: "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nGET", payload: "hello!", rest: "GET"},
		{name: "9112 7.1 hex in both cases", kind: BodyChunked, in: "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", payload: "01234567890123456789a"},
		{name: "9112 7.1 leading zeros", kind: BodyChunked, in: "0005\r\nhello\r\n000\r\n\r\n", payload: "hello"},
		{name: "9112 7.1 data may look like framing", kind: BodyChunked, in: "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", payload: "\r\n0\r\n\r\n"},
		{name: "9112 7.1 empty", kind: BodyChunked, in: "0\r\n\r\n", payload: ""},
		{name: "9112 7.1 incomplete size", kind: BodyChunked, in: "5", more: true},
		{name: "9112 7.1 incomplete end", kind: BodyChunked, in: "0\r\n\r", more: true},
		{name: "9112 7.1.1 extensions", kind: BodyChunked, in: "5;a;b=c;d=\"e\\\"f\"\r\nhello\r\n0;x\r\n\r\n", payload: "hello"},
		{name: "9112 7.1.2 trailer", kind: BodyChunked, in: "1\r\na\r\n0\r\nSum: 1\r\n\r\nGET", payload: "a", rest: "GET"},
		{name: "15 digits", kind: BodyChunked, in: "000000000000001\r\na\r\n0\r\n\r\n", payload: "a"},

		{name: "class 5 16 digits", kind: BodyChunked, in: "0000000000000001\r\na", want: ReasonBadChunkSize},
		{name: "class 5 overflow", kind: BodyChunked, in: "10000000000000005\r\nhello", want: ReasonBadChunkSize},
		{name: "class 5 empty", kind: BodyChunked, in: "\r\nhello", want: ReasonBadChunkSize},
		{name: "class 5 empty before an extension", kind: BodyChunked, in: ";a\r\n", want: ReasonBadChunkSize},
		{name: "class 5 0x", kind: BodyChunked, in: "0x5\r\nhello", want: ReasonBadChunkSize},
		{name: "class 5 plus", kind: BodyChunked, in: "+5\r\nhello", want: ReasonBadChunkSize},
		{name: "class 5 minus", kind: BodyChunked, in: "-0\r\n\r\n", want: ReasonBadChunkSize},
		{name: "class 5 underscore", kind: BodyChunked, in: "1_0\r\nhello", want: ReasonBadChunkSize},
		{name: "class 5 letter g", kind: BodyChunked, in: "g\r\n", want: ReasonBadChunkSize},
		{name: "class 5 space before", kind: BodyChunked, in: " 5\r\nhello", want: ReasonBadChunkSize},
		{name: "class 5 space behind", kind: BodyChunked, in: "5 \r\nhello", want: ReasonBadChunkSize},
		{name: "class 5 tab behind", kind: BodyChunked, in: "5\t\r\nhello", want: ReasonBadChunkSize},
		{name: "class 5 NUL", kind: BodyChunked, in: "5\x00\r\nhello", want: ReasonBadChunkSize},
		{name: "class 4 bare LF", kind: BodyChunked, in: "5\nhello", want: ReasonBareLF},
		{name: "class 4 bare LF in an extension", kind: BodyChunked, in: "5;a\nhello", want: ReasonBareLF},
		{name: "class 4 bare LF in a quoted extension", kind: BodyChunked, in: "5;a=\"\n\"\r\nhello", want: ReasonBareLF},
		{name: "class 4 bare LF escaped", kind: BodyChunked, in: "5;a=\"\\\n\"\r\nhello", want: ReasonBareLF},
		{name: "class 4 bare CR", kind: BodyChunked, in: "5\rXhello", want: ReasonBareCR},
		{name: "class 4 CR CR LF", kind: BodyChunked, in: "5\r\r\nhello", want: ReasonBareCR},
		{name: "9112 7.1 data too long", kind: BodyChunked, in: "5\r\nhelloo\r\n", payload: "hello", want: ReasonBadChunkEnd},
		{name: "9112 7.1 data too short", kind: BodyChunked, in: "5\r\nhell\r\n0\r\n\r\n", payload: "hell\r", want: ReasonBadChunkEnd},
		{name: "9112 7.1 LF behind data", kind: BodyChunked, in: "5\r\nhello\n0\r\n\r\n", payload: "hello", want: ReasonBadChunkEnd},
		{name: "9112 7.1 CR behind data", kind: BodyChunked, in: "5\r\nhello\r0\r\n\r\n", payload: "hello", want: ReasonBadChunkEnd},
		{name: "9112 7.1.1 extension without name", kind: BodyChunked, in: "5;\r\nhello", want: ReasonBadChunkExtension},
		{name: "9112 7.1.1 extension without value", kind: BodyChunked, in: "5;a=\r\nhello", want: ReasonBadChunkExtension},
		{name: "9112 7.1.1 extension with a space", kind: BodyChunked, in: "5; a\r\nhello", want: ReasonBadChunkExtension},
		{name: "9112 7.1.1 extension behind a quoted value", kind: BodyChunked, in: "5;a=\"b\"c\r\nhello", want: ReasonBadChunkExtension},
		{name: "9112 7.1.1 CR in a quoted value", kind: BodyChunked, in: "5;a=\"\r\n\"\r\nhello", want: ReasonBadChunkExtension},
		{name: "9112 7.1.1 long extension", kind: BodyChunked, in: "5;" + strings.Repeat("a", 1024) + "\r\nhello", want: ReasonBadChunkExtension},
		{name: "CVE-2023-39326 mostly framing", kind: BodyChunked, in: strings.Repeat("1;"+strings.Repeat("a", 1000)+"\r\na\r\n", 20),
			payload: strings.Repeat("a", 16), want: ReasonChunkOverhead},
		{name: "9112 7.1.2 trailer with a bare LF", kind: BodyChunked, in: "0\r\nA: b\n\r\n", want: ReasonBareLF},
		{name: "9112 7.1.2 trailer folded", kind: BodyChunked, in: "0\r\nA: b\r\n c\r\n\r\n", want: ReasonObsFold},
		{name: "9112 7.1.2 next request taken for a trailer", kind: BodyChunked, in: "0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", want: ReasonBadFieldName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for piece := 1; piece <= len(tt.in)+1; piece += 1 + piece/64*piece {
				payload, used, _, err := follow(tt.kind, tt.length, []byte(tt.in), piece)
				var refused *Error
				switch errors.As(err, &refused); {
				case refused != nil && refused.Reason != tt.want, refused == nil && tt.want != 0:
					t.Fatalf("by %d: got %v, want %v", piece, err, tt.want)
				case tt.more != errors.Is(err, io.ErrUnexpectedEOF):
					t.Fatalf("by %d: got %v, want more: %v", piece, err, tt.more)
				case err == nil && tt.in[used:] != tt.rest:
					t.Fatalf("by %d: rest %q, want %q", piece, tt.in[used:], tt.rest)
				}
				if string(payload) != tt.payload {
					t.Fatalf("by %d: payload %q, want %q", piece, payload, tt.payload)
				}
			}
		})
	}
}

func TestBodyErrorRepeats(t *testing.T) {
	var b Body
	b.Start(BodyChunked, 0)
	for range 3 {
		if _, _, done, err := b.Next([]byte("x")); done || reasonOf(err) != ReasonBadChunkSize {
			t.Fatalf("got %v, done %v", err, done)
		}
	}
	if got := reasonOf(b.Close()); got != ReasonBadChunkSize {
		t.Errorf("Close: %v", got)
	}
}

func TestBodyClose(t *testing.T) {
	tests := []struct {
		name   string
		kind   BodyKind
		length int64
		in     string
		want   Reason
	}{
		{"until close", BodyUntilClose, 0, "hello", 0},
		{"none", BodyNone, 0, "", 0},
		{"length complete", BodyLength, 5, "hello", 0},
		{"class 10 length cut short", BodyLength, 5, "hell", ReasonTruncatedBody},
		{"class 10 chunk cut short", BodyChunked, 0, "5\r\nhell", ReasonTruncatedBody},
		{"class 10 last chunk missing", BodyChunked, 0, "5\r\nhello\r\n", ReasonTruncatedBody},
		{"class 10 trailer missing", BodyChunked, 0, "0\r\n", ReasonTruncatedBody},
	}
	for _, tt := range tests {
		var b Body
		b.Start(tt.kind, tt.length)
		for p := []byte(tt.in); len(p) > 0; {
			n, _, _, err := b.Next(p)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			p = p[n:]
		}
		if got := reasonOf(b.Close()); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
		if tt.want == 0 && !b.Done() {
			t.Errorf("%s: not done behind Close", tt.name)
		}
	}
}

func TestBodySkip(t *testing.T) {
	var b Body
	b.Start(BodyLength, 10)
	if b.Left() != 10 {
		t.Errorf("left %d of 10", b.Left())
	}
	b.Skip(4)
	if n, data, done, _ := b.Next([]byte("012345GET")); n != 6 || len(data) != 6 || !done {
		t.Errorf("behind Skip: n %d, data %q, done %v", n, data, done)
	}
	b.Start(BodyChunked, 0)
	b.Next([]byte("5\r\n"))
	if b.Left() != 5 {
		t.Errorf("left %d of a chunk of 5", b.Left())
	}
	b.Skip(5)
	if b.Left() != 0 {
		t.Errorf("left %d behind a chunk", b.Left())
	}
	if n, _, done, err := b.Next([]byte("\r\n0\r\n\r\n")); n != 7 || !done || err != nil {
		t.Errorf("end of chunks: n %d, done %v, %v", n, done, err)
	}
	b.Start(BodyChunked, 0)
	b.Next([]byte("5"))
	if b.Skip(0); b.Done() || b.Left() != 0 {
		t.Errorf("nothing skipped in a chunk head: done %v, left %d", b.Done(), b.Left())
	}
	b.Next([]byte("\r\nh"))
	b.Skip(5)
	if _, _, _, err := b.Next(nil); reasonOf(err) != ReasonBadChunkEnd {
		t.Errorf("skipped past the end: %v", err)
	}
	b.Start(BodyUntilClose, 0)
	b.Skip(1 << 40)
	if b.Left() != math.MaxUint64 {
		t.Errorf("left %d until close", b.Left())
	}
}

func TestTrailer(t *testing.T) {
	section := "Sum: 1\r\nContent-Length: 5\r\nHost: b\r\nX_Forwarded_For: c\r\nTransfer-Encoding: chunked\r\nGrpc-Status: 0\r\n\r\n"
	end, _, err := TrailerEnd([]byte(section), 0)
	if err != nil || end != len(section) {
		t.Fatalf("end %d, %v", end, err)
	}
	var trailer Trailer
	if err := trailer.Parse([]byte(section), Limits{}); err != nil {
		t.Fatal(err)
	}
	want := "0\r\nSum: 1\r\nGrpc-Status: 0\r\n\r\n"
	if got := AppendLastChunk(nil, &trailer); string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := AppendLastChunk(nil, nil); string(got) != "0\r\n\r\n" {
		t.Errorf("without trailer: %q", got)
	}
	if end, _, err := TrailerEnd([]byte("\r\nGET"), 0); end != 2 || err != nil {
		t.Errorf("empty section: end %d, %v", end, err)
	}
	if got := reasonOf(trailer.Parse([]byte(section), Limits{HeadBytes: 10})); got != ReasonHeadTooLarge {
		t.Errorf("bytes: %v", got)
	}
	if got := reasonOf(trailer.Parse([]byte(section), Limits{Fields: 5})); got != ReasonTooManyFields {
		t.Errorf("fields: %v", got)
	}
}

func TestAppendChunkHead(t *testing.T) {
	var b []byte
	var want bytes.Buffer
	sizes := []int{1, 9, 10, 15, 16, 17, 255, 256, 4096, 65535, 65536, 1 << 20}
	for _, n := range sizes {
		data := bytes.Repeat([]byte("x"), n)
		b = append(append(AppendChunkHead(b, n), data...), ChunkEnd...)
		want.Write(data)
	}
	b = AppendLastChunk(b, nil)
	got, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(b)))
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("net/http reads %d octets and %v, want %d", len(got), err, want.Len())
	}
}
