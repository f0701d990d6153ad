package proxy

import (
	"net/netip"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

// An origin is where a request comes from, as far as that is believed. Everything that goes by the client's address goes
// by this.
type origin struct {
	peer    netip.AddrPort // who gave the request to the gateway, or to a proxy that told of it by the PROXY protocol
	client  netip.AddrPort // the peer, or whom it tells of; its port is 0 where that is not told
	trusted bool           // what the peer says of the request is believed
	listed  bool           // so is its X-Forwarded-For, which goes on in front of the peer's address
}

// The bounds of an X-Forwarded-For, all of its lines together. A longer one is no list of proxies.
const (
	mostSenders     = 64
	mostSenderBytes = 2 << 10
)

// originOf finds out where a request comes from: from the last of its senders that is not trusted. From the right of
// X-Forwarded-For, each address is what the next one said, the last of them what the peer said. Where all are trusted it
// is the first; where one hides who its sender is, it is that one. A list that is malformed or too long says nothing.
func (w *Worker) originOf(trust table.Trust, req *http1.Request, peer netip.AddrPort) origin {
	o := origin{peer: peer, client: peer}
	if !trust.Has(peer.Addr()) {
		return o
	}
	o.trusted = true
	if w.senders, o.listed = appendSenders(w.senders[:0], req.Fields); !o.listed {
		return o
	}
	for i := len(w.senders) - 1; i >= 0 && trust.Has(o.client.Addr()); i-- {
		if !w.senders[i].IsValid() {
			break
		}
		o.client = w.senders[i]
	}
	return o
}

// appendSenders reads X-Forwarded-For from left to right. An address that is hidden is the zero one. ok is false where there
// is none, or none that can be believed as a whole.
func appendSenders(senders []netip.AddrPort, fields []http1.Field) (list []netip.AddrPort, ok bool) {
	size := 0
	for i := range fields {
		f := &fields[i]
		if f.ID != http1.FieldXForwardedFor {
			continue
		}
		if size += len(f.Value); size > mostSenderBytes {
			return senders, false
		}
		rest := f.Value
		for more := true; more; {
			var word []byte
			word, rest, more = cutSender(rest)
			sender, ok := parseSender(word)
			if !ok || len(senders) == mostSenders {
				return senders, false
			}
			senders = append(senders, sender)
		}
	}
	return senders, len(senders) > 0
}

// cutSender takes the first element off a list, without the whitespace around it.
func cutSender(list []byte) (word, rest []byte, more bool) {
	end := 0
	for end < len(list) && list[end] != ',' {
		end++
	}
	if word, more = list[:end], end < len(list); more {
		rest = list[end+1:]
	}
	for len(word) > 0 && (word[0] == ' ' || word[0] == '\t') {
		word = word[1:]
	}
	for len(word) > 0 && (word[len(word)-1] == ' ' || word[len(word)-1] == '\t') {
		word = word[:len(word)-1]
	}
	return word, rest, more
}

// parseSender reads an element of X-Forwarded-For: an address, perhaps with a port and then one of IPv6 in brackets, or what
// hides one: "unknown", or a word that begins with "_" (RFC 7239 6.2, 6.3), which gives the zero AddrPort.
func parseSender(word []byte) (sender netip.AddrPort, ok bool) {
	if hides(word) {
		return sender, true
	}
	host, port := word, []byte(nil)
	switch {
	case len(word) > 0 && word[0] == '[':
		end := 1
		for end < len(word) && word[end] != ']' {
			end++
		}
		if end == len(word) || end+1 < len(word) && word[end+1] != ':' {
			return sender, false
		}
		host = word[1:end]
		if end+1 < len(word) {
			port = word[end+2:]
			if len(port) == 0 {
				return sender, false
			}
		}
	default:
		colon, colons := 0, 0
		for i, c := range word {
			if c == ':' {
				colon, colons = i, colons+1
			}
		}
		if colons == 1 {
			if host, port = word[:colon], word[colon+1:]; len(port) == 0 {
				return sender, false
			}
		}
	}
	addr, ok := http1.ParseIP(host)
	if !ok || word[0] == '[' && addr.Is4() {
		return sender, false
	}
	n, ok := parsePort(port)
	return netip.AddrPortFrom(addr.Unmap(), n), ok
}

// parsePort reads a port in decimal, without zeros in front; none at all is 0.
func parsePort(b []byte) (port uint16, ok bool) {
	if len(b) == 0 {
		return 0, true
	}
	if len(b) > 5 || b[0] == '0' {
		return 0, false
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return uint16(n), n <= 65535
}

// hides says that a word stands in the place of an address that is kept secret, or not known.
func hides(word []byte) bool {
	if http1.EqualFold(word, "unknown") {
		return true
	}
	if len(word) < 2 || word[0] != '_' {
		return false
	}
	for _, c := range word {
		if !letterOrDigit(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func letterOrDigit(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}
