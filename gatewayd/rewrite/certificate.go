package rewrite

import (
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"unicode/utf8"
)

// A TLS is what is told of a client by its handshake.
type TLS struct {
	Protocol, Cipher string // "" where the client speaks no TLS
	Certificate      *x509.Certificate
	Verification     string
}

// value appends that of a server variable of TLS.
func (t *TLS) value(dst []byte, name string) []byte {
	switch name {
	case "ciphers_used":
		return append(dst, t.Cipher...)
	case "ssl_connection_protocol":
		return append(dst, t.Protocol...)
	case "ssl_enabled":
		if t.Protocol != "" {
			dst = append(dst, "On"...)
		}
		return dst
	case "client_certificate_verification":
		return append(dst, t.Verification...)
	}
	c := t.Certificate
	if c == nil {
		return dst
	}
	switch name {
	case "client_certificate":
		return appendEscaped(dst, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	case "client_certificate_end_date":
		return c.NotAfter.UTC().AppendFormat(dst, dateForm)
	case "client_certificate_fingerprint":
		sum := sha1.Sum(c.Raw)
		return hex.AppendEncode(dst, sum[:])
	case "client_certificate_issuer":
		return AppendName(dst, c.RawIssuer)
	case "client_certificate_serial":
		return appendSerial(dst, c)
	case "client_certificate_start_date":
		return c.NotBefore.UTC().AppendFormat(dst, dateForm)
	case "client_certificate_subject":
		return AppendName(dst, c.RawSubject)
	}
	return dst
}

// dateForm is how openssl and nginx write the dates of certificates.
const dateForm = "Jan _2 15:04:05 2006 GMT"

// appendEscaped appends a text with everything percent-encoded but letters, digits and "-_.~", so that it stands in a field as
// it is and any decoder of URLs reads it.
func appendEscaped(dst, text []byte) []byte {
	for _, c := range text {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~':
			dst = append(dst, c)
		default:
			dst = appendHex(append(dst, '%'), c)
		}
	}
	return dst
}

// appendSerial appends a serial number in hex, two digits a byte, as openssl writes it.
func appendSerial(dst []byte, c *x509.Certificate) []byte {
	if c.SerialNumber.Sign() < 0 {
		dst = append(dst, '-')
	}
	b := c.SerialNumber.Bytes()
	if len(b) == 0 {
		b = []byte{0}
	}
	for _, c := range b {
		dst = appendHex(dst, c)
	}
	return dst
}

// The parts of a distinguished name. Names of types end in SET where encoding/asn1 is to read a SET.
type (
	attribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	attributeSET []attribute
)

// AppendName appends a distinguished name as RFC 2253 writes it, the last part first, with a comma and nothing else between
// any two. Two names come to the same text only where they are the same: so nothing is put in another order, and what is no
// plain text stands in hex.
func AppendName(dst, der []byte) []byte {
	var parts []attributeSET
	if rest, err := asn1.Unmarshal(der, &parts); err != nil || len(rest) > 0 {
		return dst // crypto/x509 has read it before.
	}
	start := len(dst)
	for i := len(parts) - 1; i >= 0; i-- {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		for k := len(parts[i]) - 1; k >= 0; k-- {
			if dst = parts[i][k].append(dst); k > 0 {
				dst = append(dst, '+')
			}
		}
	}
	return dst
}

func (a *attribute) append(dst []byte) []byte {
	oid := a.Type.String()
	name, known := attributeNames[oid]
	if !known {
		name = oid
	}
	dst = append(append(dst, name...), '=')
	v := &a.Value
	text := v.Class == asn1.ClassUniversal && !v.IsCompound
	switch v.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString:
	default:
		text = false
	}
	if !known || !text || !utf8.Valid(v.Bytes) {
		dst = append(dst, '#')
		for _, c := range v.FullBytes {
			dst = appendHex(dst, c)
		}
		return dst
	}
	return appendNameValue(dst, v.Bytes)
}

// appendNameValue appends a text within a name. What is not ASCII stands in hex too: few who read a field agree on its
// characters.
func appendNameValue(dst, text []byte) []byte {
	for i, c := range text {
		switch {
		case c < ' ' || c >= 0x7f:
			dst = appendHex(append(dst, '\\'), c)
		case c == ',', c == '+', c == '"', c == '\\', c == '<', c == '>', c == ';',
			c == '#' && i == 0, c == ' ' && (i == 0 || i == len(text)-1):
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// attributeNames are those that RFC 2253 and openssl give to types.
var attributeNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "street",
	"2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.13": "description", "2.5.4.15": "businessCategory", "2.5.4.17": "postalCode",
	"2.5.4.41": "name", "2.5.4.42": "GN", "2.5.4.43": "initials", "2.5.4.46": "dnQualifier", "2.5.4.65": "pseudonym", "2.5.4.97": "organizationIdentifier",
	"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "emailAddress",
}
