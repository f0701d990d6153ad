package table

// NormalPath appends to dst the form of a request's raw path that rules match: escapes decoded once, slashes merged,
// ASCII letters in lower case, plain dot-segments resolved. ok is false where two parsers could see two paths (400): no
// slash at the start, a backslash, a NUL, a bad escape, a dot-segment that only decoding reveals. raw has no query. The
// bytes forwarded are the client's own, but for plain dot-segments: they are what ResolveDots gives.
func NormalPath(dst, raw []byte) (normal []byte, ok bool) { return dst, false }

// ResolveDots gives the raw path to send for a raw path that NormalPath accepted: raw itself, nothing copied, where it
// has no plain dot-segments, else a copy without them appended to dst (RFC 3986 section 5.2.4).
func ResolveDots(dst, raw []byte) []byte { return raw }
