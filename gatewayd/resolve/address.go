package resolve

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Prefixes under which a gateway finds its own host's secrets, or other than what the address says.
var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")         // RFC 1122, section 3.2.1.3; the kernel takes 0.0.0.0 for loopback
	translated  = netip.MustParsePrefix("64:ff9b::/96")      // RFC 6052: an IPv4 address is in the last four bytes
	metadata    = netip.MustParsePrefix("fd00:ec2::254/128") // instance metadata of a cloud, in the private range
	broadcast   = netip.MustParsePrefix("255.255.255.255/32")
)

// objection says why an address is never taken from a name; empty where it is. The address is unmapped.
func objection(a netip.Addr) string {
	if translated.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	switch {
	case a.IsUnspecified() || thisNetwork.Contains(a):
		return "unspecified"
	case a.IsMulticast():
		return "multicast"
	case a.IsLinkLocalUnicast() || a.Zone() != "":
		return "link-local"
	case broadcast.Contains(a):
		return "broadcast"
	case metadata.Contains(a):
		return "cloud metadata"
	}
	return ""
}

// usable are the addresses of a list that may be taken, unmapped, sorted and each once; and the others in words, with
// the reason, as many as there is room for in a text.
func usable(list []netip.Addr) (addrs []netip.Addr, others string) {
	var left []netip.Addr
	for _, a := range list {
		a = a.Unmap()
		if objection(a) == "" {
			addrs = append(addrs, a)
		} else {
			left = append(left, a)
		}
	}
	left = unique(left)
	var words []string
	for _, a := range left[:min(len(left), 3)] {
		words = append(words, fmt.Sprintf("%s (%s)", a, objection(a)))
	}
	if more := len(left) - len(words); more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	return unique(addrs), strings.Join(words, ", ")
}

// unique sorts a list of its caller's and drops what is twice in it.
func unique(list []netip.Addr) []netip.Addr {
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}
