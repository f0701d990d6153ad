package table

// Rebase appends to dst the path to send in place of a raw one, which NormalPath accepted and ResolveDots resolved: prefix,
// and then what the rule's pattern did not take, took being the length of what it took of the normal form. Exactly one
// slash stands between the two, whatever stood there; all else is the client's own bytes. ok is false (400) where the cut
// leaves a dot-segment that was none before: "/a*" takes the "/a" of "/a../b".
func Rebase(dst []byte, prefix string, raw []byte, took int) (path []byte, ok bool) {
	dst = append(dst, prefix...)
	rest := raw[offset(raw, took):]
	if len(rest) == 0 {
		return dst, true
	}
	if prefix[len(prefix)-1] != '/' {
		dst = append(dst, '/')
	}
	for len(rest) > 0 {
		c, used := pathByte(rest)
		if c != '/' {
			break
		}
		rest = rest[used:]
	}
	return append(dst, rest...), !beginsWithDots(rest)
}

// offset is where the first n bytes of the normal form of raw end in it, with all the slashes that are merged into the
// last of them.
func offset(raw []byte, n int) int {
	i, slash := 0, false
	for i < len(raw) {
		c, used := pathByte(raw[i:])
		merged := slash && c == '/'
		if n == 0 && !merged {
			break
		}
		if !merged {
			n--
		}
		i, slash = i+used, c == '/'
	}
	return i
}

// pathByte decodes the first byte of a part of a path that NormalPath accepted.
func pathByte(raw []byte) (c byte, used int) {
	if raw[0] == '%' {
		return byte(unhex[raw[1]])<<4 | byte(unhex[raw[2]]), 3
	}
	return raw[0], 1
}

// beginsWithDots says whether the first segment is one that somebody reads as a dot-segment: decoded or not, with or
// without what follows a ";".
func beginsWithDots(raw []byte) bool {
	for dots := 0; ; dots++ {
		c := byte('/')
		used := 0
		if len(raw) > 0 {
			c, used = pathByte(raw)
		}
		if c == '/' || c == ';' {
			return dots == 1 || dots == 2
		}
		if c != '.' {
			return false
		}
		raw = raw[used:]
	}
}
