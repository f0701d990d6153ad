package resolve

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// A failure is why there are no addresses, in words that are the same whenever the cause is.
type failure struct {
	who    string // who did it
	did    string // what, up to the name
	detail string // what follows the name
}

// about puts a failure into words for a user. What is what was asked for.
func (f *failure) about(what string) string {
	return clip(fmt.Sprintf("%s %s %s%s", f.who, f.did, what, f.detail))
}

// dnsServer is a server as the culprit of a failure.
func dnsServer(server string) string { return "DNS server " + server }

// refusal is what an answer that says nothing of the name comes down to; nil for one that does.
func refusal(server string, m *dns.Msg) *failure {
	f := &failure{who: dnsServer(server), detail: " (" + code(m.Rcode) + ")"}
	switch m.Rcode {
	case dns.RcodeNameError:
		return nil
	case dns.RcodeSuccess:
		if !referral(m) {
			return nil
		}
		f.did, f.detail = "only names other servers when asked for", ""
	case dns.RcodeServerFailure:
		f.did = "could not look up"
	case dns.RcodeRefused:
		f.did = "refuses to look up"
	case dns.RcodeFormatError, dns.RcodeNotImplemented:
		f.did = "does not understand the question for"
	default:
		f.did = "answers with an error for"
	}
	return f
}

// referral says whether an answer only names servers that may know more (RFC 2308, section 2.2): it is from one that
// looks nothing up for others.
func referral(m *dns.Msg) bool {
	if len(m.Answer) > 0 || m.Authoritative || m.RecursionAvailable {
		return false
	}
	refers := false
	for _, rr := range m.Ns {
		switch rr.(type) {
		case *dns.NS:
			refers = true
		case *dns.SOA:
			return false
		}
	}
	return refers
}

func code(rcode int) string {
	if s, ok := dns.RcodeToString[rcode]; ok {
		return s
	}
	return fmt.Sprintf("code %d", rcode)
}

// broken is why an exchange failed. A look-up that was ended is no fault of the server, but has the same words: both
// mean that there was no answer in time.
func broken(server string, err error) *failure {
	why := cause(err)
	switch {
	case why == "":
		return &failure{who: dnsServer(server), did: "did not answer in time for"}
	case errors.Is(err, errMalformed):
		return &failure{who: dnsServer(server), did: "sent a malformed answer for"}
	case errors.Is(err, errTruncated):
		return &failure{who: dnsServer(server), did: "sent half an answer, over TCP as well, for"}
	}
	return &failure{who: dnsServer(server), did: "could not be asked for", detail: ": " + why}
}
