package proxyproto

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

// textStart begins a header of version 1, maxText is the longest one, its line break included (section 2.1).
const (
	textStart = "PROXY "
	maxText   = 107
)

// readText reads a header of version 1: one line, of words with one space between them.
func readText(b []byte) (h Header, n int, err error) {
	line := b[:min(len(b), maxText)]
	end := bytes.IndexFunc(line, func(r rune) bool { return r < ' ' || r > '~' })
	switch {
	case end < 0 && len(line) == maxText:
		return Header{}, 0, malformed("its line is too long")
	case end < 0, end == len(b)-1 && b[end] == '\r' && end < maxText-1:
		return Header{}, 0, nil
	case !bytes.HasPrefix(line[end:], []byte("\r\n")):
		return Header{}, 0, malformed("its line does not end as it should")
	}
	if h, err = parseText(string(line[len(textStart):end])); err != nil {
		return Header{}, 0, err
	}
	return h, end + 2, nil
}

// parseText reads what follows the first word of a line.
func parseText(s string) (h Header, err error) {
	if s == "UNKNOWN" || strings.HasPrefix(s, "UNKNOWN ") {
		return Header{}, nil // Whatever it says besides has no meaning.
	}
	words := strings.Split(s, " ")
	if len(words) != 5 || words[0] != "TCP4" && words[0] != "TCP6" {
		return Header{}, malformed("its line is not that of TCP4, TCP6 or UNKNOWN")
	}
	for i, to := range []*netip.AddrPort{&h.From, &h.To} {
		addr, err := netip.ParseAddr(words[1+i])
		if err != nil || addr.Zone() != "" || addr.Is4() != (words[0] == "TCP4") {
			return Header{}, malformed("an address is none of its family")
		}
		port, err := strconv.ParseUint(words[3+i], 10, 16)
		if err != nil || strconv.FormatUint(port, 10) != words[3+i] {
			return Header{}, malformed("a port is none")
		}
		*to = netip.AddrPortFrom(addr.Unmap(), uint16(port))
	}
	return h, nil
}
