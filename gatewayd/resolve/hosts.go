package resolve

import (
	"net/netip"
	"strings"
)

// hosts is what a hosts(5) file says: addresses by name, the name in lower case and without a dot at the end. It is
// never changed.
type hosts map[string][]netip.Addr

// parseHosts reads a hosts file. A name may stand in several lines. Lines that do not begin with an IP address are
// passed over.
func parseHosts(text []byte) hosts {
	h := hosts{}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		a, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			name = strings.TrimSuffix(lower(name), ".")
			h[name] = append(h[name], a)
		}
	}
	return h
}

// local is what this host says of a name without asking anybody: nothing where it is left to DNS.
func (h hosts) local(name string) []netip.Addr {
	if list := h[strings.TrimSuffix(name, ".")]; len(list) > 0 {
		return list
	}
	if isLocalhost(name) {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	}
	return nil
}
