package handshake

// The first bytes of a TLS connection (RFC 8446 sections 5.1 and 4).
const (
	recordHeader    = 5
	recordAlert     = 21
	recordHandshake = 22
	messageHeader   = 4
	clientHello     = 1
	maxRecord       = 16 << 10
	maxHello        = 16 << 10 // nobody's is longer; 0.3 to 2 KiB are usual
)

// decodeError is the alert for a first message that is none (RFC 8446 section 6.2).
var decodeError = [...]byte{21, 3, 1, 0, 2, 2, 50}

// helloIn says whether what a client sent so far holds its whole ClientHello, which may come in several records.
func helloIn(b []byte) (whole bool, err error) {
	if len(b) > 0 && b[0] != recordHandshake {
		return false, ErrNotTLS
	}
	// The message's header may itself stand in two records.
	var head [messageHeader]byte
	got := 0
	for len(b) >= recordHeader {
		size := int(b[3])<<8 | int(b[4])
		if b[0] != recordHandshake || b[1] != 3 || size == 0 || size > maxRecord {
			return false, ErrHello
		}
		b = b[recordHeader:]
		part := b[:min(size, len(b))]
		if got < messageHeader {
			copy(head[got:], part)
		}
		got += len(part)
		if got >= messageHeader {
			length := int(head[1])<<16 | int(head[2])<<8 | int(head[3])
			if head[0] != clientHello || length > maxHello {
				return false, ErrHello
			}
			if got >= messageHeader+length {
				return true, nil
			}
		}
		b = b[len(part):]
	}
	return false, nil
}

// answersHello says that a byte may begin what a server says to a ClientHello. Whoever speaks another protocol is told apart
// by its first byte, whatever becomes of the connection then.
func answersHello(b byte) bool { return b == recordHandshake || b == recordAlert }
