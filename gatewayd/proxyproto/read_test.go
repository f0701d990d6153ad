package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	tcp4 = "\x21\x11\x00\x0c" + blockTCP4
	tcp6 = "\x21\x21\x00\x24" + blockTCP6

	blockTCP4 = "\xc0\x00\x02\x01" + "\xc6\x33\x64\x07" + "\xdc\x04" + "\x01\xbb"
	blockTCP6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc6\x33\x64\x07" + "\x00\x00" + "\xff\xff"
)

// sized is a header of version 2 with a block of any length.
func sized(commandAndFamily, block string) string {
	return Signature + commandAndFamily + string(binary.BigEndian.AppendUint16(nil, uint16(len(block)))) + block
}

// summed has the checksum in place of four bytes in front of what is behind, which are zeros.
func summed(header, behind string) string {
	b := []byte(header)
	binary.BigEndian.PutUint32(b[len(b)-len(behind)-4:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return string(b)
}

const noSum = "\x03\x00\x04\x00\x00\x00\x00"

func filled(n int) string { return strings.Repeat("\x04", n) }

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, header, from, to string }{
		{"version 1 over IPv4", "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", "192.0.2.1:56324", "198.51.100.7:443"},
		{"version 1 over IPv6", "PROXY TCP6 2001:DB8::1 2001:db8:0:0::ff 0 65535\r\n", "[2001:db8::1]:0", "[2001:db8::ff]:65535"},
		{"version 1, IPv4-mapped", "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::ff 1 2\r\n", "192.0.2.1:1", "[2001:db8::ff]:2"},
		{"version 1 of the greatest length", "PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\n", "", ""},
		{"version 1 that knows nothing", "PROXY UNKNOWN\r\n", "", ""},
		{"version 1 that knows nothing and says it", "PROXY UNKNOWN ::1 ::1 1 x\r\n", "", ""},
		{"version 2 over IPv4", Signature + tcp4, "192.0.2.1:56324", "198.51.100.7:443"},
		{"version 2 over IPv6, half of it IPv4-mapped", Signature + tcp6, "[2001:db8::1]:0", "198.51.100.7:65535"},
		{"version 2 of the sender's own", Local, "", ""},
		{"version 2 of the sender's own, with what has no meaning", sized("\x20\x99", "any"), "", ""},
		{"version 2 over nothing known", sized("\x21\x00", "any"), "", ""},
		{"version 2 over a Unix socket", sized("\x21\x31", strings.Repeat("a", 216)), "", ""},
		{"extensions", sized("\x21\x11", blockTCP4+"\xea\x00\x01v"+"\x04\x00\x00"), "192.0.2.1:56324", "198.51.100.7:443"},
		{"extensions of the greatest length", sized("\x21\x11", blockTCP4+"\x04\x0f\xf1"+filled(4096-12-3)), "192.0.2.1:56324", "198.51.100.7:443"},
		{"a checksum", summed(sized("\x21\x11", blockTCP4+noSum+"\x05\x00\x02id"), "\x05\x00\x02id"), "192.0.2.1:56324", "198.51.100.7:443"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := Header{addr(c.from), addr(c.to)}
			for i := range len(c.header) {
				if h, n, err := Read([]byte(c.header[:i])); n != 0 || err != nil || h != (Header{}) {
					t.Fatalf("%q is %v, %d, %v", c.header[:i], h, n, err)
				}
			}
			for _, behind := range []string{"", "GET / HTTP/1.1\r\n", "\r\n", "PROXY "} {
				got, n, err := Read([]byte(c.header + behind))
				if d := cmp.Diff(want.From.String()+" "+want.To.String(), got.From.String()+" "+got.To.String()); d != "" || n != len(c.header) || err != nil {
					t.Errorf("%d of %d bytes, %v (-want +got):\n%s", n, len(c.header), err, d)
				}
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ name, header, why string }{
		{"another protocol", "GET / HTTP/1.1\r\n", "does not begin"},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "does not begin"},
		{"lower case", "proxy TCP4 ", "does not begin"},
		{"a signature with one other byte", "\r\n\r\n\x00\r\nQUIT\r", "does not begin"},
		{"an empty line", "\r\n\r\nG", "does not begin"},
		{"a method of that name", "PROXY / HTTP/1.1\r\n", "not that of TCP4"},
		{"version 1 over UDP", "PROXY UDP4 192.0.2.1 198.51.100.7 1 2\r\n", "not that of TCP4"},
		{"version 1 that knows nothing and more of it", "PROXY UNKNOWNX\r\n", "not that of TCP4"},
		{"version 1, a word too few", "PROXY TCP4 192.0.2.1 198.51.100.7 1\r\n", "not that of TCP4"},
		{"version 1, a word too many", "PROXY TCP4 192.0.2.1 198.51.100.7 1 2 3\r\n", "not that of TCP4"},
		{"version 1, two spaces", "PROXY TCP4  192.0.2.1 198.51.100.7 1 2\r\n", "not that of TCP4"},
		{"version 1, a space at the end", "PROXY TCP4 192.0.2.1 198.51.100.7 1 2 \r\n", "not that of TCP4"},
		{"version 1, IPv6 in TCP4", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", "none of its family"},
		{"version 1, IPv4 in TCP6", "PROXY TCP6 192.0.2.1 198.51.100.7 1 2\r\n", "none of its family"},
		{"version 1, octal", "PROXY TCP4 192.0.2.01 198.51.100.7 1 2\r\n", "none of its family"},
		{"version 1, a zone", "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n", "none of its family"},
		{"version 1, an address of three numbers", "PROXY TCP4 192.0.2 198.51.100.7 1 2\r\n", "none of its family"},
		{"version 1, the second address", "PROXY TCP4 192.0.2.1 a 1 2\r\n", "none of its family"},
		{"version 1, a port with a zero in front", "PROXY TCP4 192.0.2.1 198.51.100.7 01 2\r\n", "a port is none"},
		{"version 1, a port with a sign", "PROXY TCP4 192.0.2.1 198.51.100.7 1 +2\r\n", "a port is none"},
		{"version 1, a port too large", "PROXY TCP4 192.0.2.1 198.51.100.7 1 65536\r\n", "a port is none"},
		{"version 1, bare LF", "PROXY TCP4 192.0.2.1 198.51.100.7 1 2\n", "does not end"},
		{"version 1, bare CR", "PROXY UNKNOWN\rX", "does not end"},
		{"version 1, NUL", "PROXY UNKNOWN \x00", "does not end"},
		{"version 1, a tab", "PROXY UNKNOWN\t", "does not end"},
		{"version 1, beyond ASCII", "PROXY UNKNOWN \xff", "does not end"},
		{"version 1, a byte too long", "PROXY UNKNOWN " + strings.Repeat("f", 92) + "\r\n", "does not end"},
		{"version 1 without an end", "PROXY UNKNOWN " + strings.Repeat("f", 93), "too long"},
		{"version 3", Signature + "\x31", "no version and command"},
		{"version 1 in version 2", Signature + "\x11", "no version and command"},
		{"a command that there is not", Signature + "\x22", "no version and command"},
		{"version 2, too long", Signature + "\x21\x11\x10\x01", "too long"},
		{"version 2 of the sender's own, too long", Signature + "\x20\x00\x10\x01", "too long"},
		{"version 2 over UDP", sized("\x21\x12", blockTCP4), "no family"},
		{"version 2 over UDP and IPv6", sized("\x21\x22", blockTCP6), "no family"},
		{"version 2 over datagrams of a Unix socket", sized("\x21\x32", strings.Repeat("a", 216)), "no family"},
		{"version 2, a family without a protocol", sized("\x21\x10", blockTCP4), "no family"},
		{"version 2, a protocol without a family", sized("\x21\x01", ""), "no family"},
		{"version 2, a family that there is not", sized("\x21\x41", blockTCP4), "no family"},
		{"version 2, too short for IPv4", sized("\x21\x11", blockTCP4[1:]), "too short"},
		{"version 2, too short for IPv6", sized("\x21\x21", blockTCP6[1:]), "too short"},
		{"version 2, too short for a Unix socket", sized("\x21\x31", strings.Repeat("a", 215)), "too short"},
		{"an extension without a length", sized("\x21\x11", blockTCP4+"\x04\x00"), "breaks off"},
		{"an extension that is longer than the header", sized("\x21\x11", blockTCP4+"\x04\x00\x02a"), "breaks off"},
		{"a wrong checksum", sized("\x21\x11", blockTCP4+noSum), "checksum is wrong"},
		{"a checksum of another length", sized("\x21\x11", blockTCP4+"\x03\x00\x03\x00\x00\x00"), "checksum is none"},
		{"two checksums", summed(sized("\x21\x11", blockTCP4+noSum+noSum), noSum), "checksum is none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := []byte(c.header)
			h, n, err := Read(b)
			if n != 0 || err == nil || !strings.Contains(err.Error(), c.why) || h != (Header{}) {
				t.Fatalf("read %v, %d, %v; want an error with %q", h, n, err, c.why)
			}
			if missing := strings.HasPrefix(c.why, "does not begin"); errors.Is(err, ErrMissing) != missing || errors.Is(err, ErrMalformed) == missing {
				t.Errorf("%v is of the wrong kind", err)
			}
			for i := range len(b) {
				if _, n, _ := Read(b[:i]); n != 0 {
					t.Errorf("%q is a header of %d bytes", b[:i], n)
				}
			}
		})
	}
}

// FuzzRead reads a header in pieces and at once, with something behind it and without.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\nGET", "PROXY TCP6 2001:db8::1 ::ffff:1.2.3.4 0 65535\r\n", "PROXY UNKNOWN x\r\n",
		Signature + tcp4, Signature + tcp6, Local + "GET", sized("\x21\x31", strings.Repeat("a", 216)), sized("\x21\x11", blockTCP4+"\xea\x00\x01v"),
		summed(sized("\x21\x11", blockTCP4+noSum), ""), "GET / HTTP/1.1\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := Read(b)
		switch {
		case n < 0 || n > len(b) || n > MaxSize || n > 0 && err != nil:
			t.Fatalf("%d of %d bytes, %v", n, len(b), err)
		case n == 0 && h != (Header{}):
			t.Fatalf("%v of no header", h)
		case n == 0 && err == nil && len(b) >= MaxSize:
			t.Fatalf("%d bytes and no end", len(b))
		case h.From.IsValid() != h.To.IsValid() || h.From.Addr().Is4In6() || h.To.Addr().Is4In6() || h.From.Addr().Zone()+h.To.Addr().Zone() != "":
			t.Fatalf("it tells of %v", h)
		}
		// Whatever is known of the beginning holds for the whole.
		for i := range min(len(b), 2*maxText) {
			early, k, wrong := Read(b[:i])
			if k > 0 && (k != n || early != h) || wrong != nil && err == nil {
				t.Fatalf("%d bytes are %v, %d, %v, all are %v, %d, %v", i, early, k, wrong, h, n, err)
			}
		}
		if n == 0 {
			return
		}
		if again, k, err := Read(b[:n]); again != h || k != n || err != nil {
			t.Fatalf("alone it is %v, %d, %v", again, k, err)
		}
		// What it tells can be told on, where both are of one family.
		if told, k, err := Read(Append(nil, h.From, h.To)); err != nil || k == 0 || h.From.Addr().Is4() == h.To.Addr().Is4() && told != h {
			t.Fatalf("told on it is %v, %v", told, err)
		}
		if bytes.HasPrefix(b, []byte("PROXY ")) && bytes.IndexByte(b, '\n') != n-1 {
			t.Fatalf("%q ends elsewhere", b[:n])
		}
	})
}
