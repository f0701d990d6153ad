package http1

import "net/netip"

// ParseIP reads an IP address without zone. It agrees with netip.ParseAddr, which cannot be asked without turning the
// octets into a string first.
func ParseIP(a []byte) (addr netip.Addr, ok bool) {
	if b, ok := parseIPv4(a); ok {
		return netip.AddrFrom4(b), true
	}
	b, ok := parseIPv6(a)
	if !ok {
		return netip.Addr{}, false
	}
	return netip.AddrFrom16(b), true
}

// parseIPv6 reads the text of an IPv6 address (RFC 4291 2.2) without zone.
func parseIPv6(a []byte) (b [16]byte, ok bool) {
	groups, elided := 0, -1 // groups read, and how many of them stand before "::"
	i := 0
	if len(a) >= 2 && a[0] == ':' && a[1] == ':' {
		elided, i = 0, 2
	}
	for i < len(a) {
		start, value := i, uint32(0)
		for i < len(a) && i-start <= 4 && octets[a[i]]&isHex != 0 {
			value = value<<4 | uint32(unhex(a[i]))
			i++
		}
		if i < len(a) && a[i] == '.' {
			last, ok := parseIPv4(a[start:])
			if !ok || groups > 6 {
				return b, false
			}
			copy(b[2*groups:], last[:])
			groups += 2
			break
		}
		if i == start || i-start > 4 || groups == 8 {
			return b, false
		}
		b[2*groups], b[2*groups+1] = byte(value>>8), byte(value)
		groups++
		if i == len(a) {
			break
		}
		if a[i] != ':' || i+1 == len(a) {
			return b, false
		}
		if i++; a[i] == ':' {
			if elided >= 0 {
				return b, false
			}
			elided = groups
			i++
		}
	}
	// Eight groups, or fewer with a "::" that stands for at least one.
	if elided < 0 || groups == 8 {
		return b, groups == 8 && elided < 0
	}
	behind := b[2*elided : 2*groups]
	copy(b[16-len(behind):], behind)
	clear(b[2*elided : 16-len(behind)])
	return b, true
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// parseIPv4 reads dotted decimal without leading zeros.
func parseIPv4(a []byte) (b [4]byte, ok bool) {
	parts, value, digits := 0, 0, 0
	for i := 0; i <= len(a); i++ {
		if i == len(a) || a[i] == '.' {
			if digits == 0 || value > 255 || parts == 4 {
				return b, false
			}
			b[parts] = byte(value)
			parts, value, digits = parts+1, 0, 0
			continue
		}
		if !isDigit(a[i]) || digits == 3 || digits == 1 && value == 0 {
			return b, false
		}
		value = value*10 + int(a[i]-'0')
		digits++
	}
	return b, parts == 4
}
