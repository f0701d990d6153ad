package spec

import (
	"errors"
	"net/netip"
	"strings"
)

func checkNetwork(s string) error {
	_, err := parseNetwork(s)
	return err
}

// parseNetwork reads a network in CIDR notation (RFC 4632 3.1, RFC 4291 2.3), or an IP address, which is a network of one.
// Bits behind the mask are refused: whoever writes 10.0.1.0/8 means either more or less than they get.
func parseNetwork(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, errNoNetwork
		}
		if err := checkIP(s); err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	n, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, errNoNetwork
	}
	if plain := n.Masked(); plain != n {
		return netip.Prefix{}, errors.New("has bits behind its mask; write " + asIPv4(plain).String() + " for the network, or leave out the mask for the one address")
	}
	if as4 := asIPv4(n); as4 != n {
		return netip.Prefix{}, errors.New("must be written as the IPv4 network " + as4.String())
	}
	return n, nil
}

var errNoNetwork = errors.New("must be a network such as 10.0.0.0/8 or 2001:db8::/32, or an IP address")

// asIPv4 is a network of IPv4-mapped addresses as one of IPv4, and any other as it is.
func asIPv4(n netip.Prefix) netip.Prefix {
	if a := n.Addr(); a.Is4In6() && n.Bits() >= 96 {
		return netip.PrefixFrom(a.Unmap(), n.Bits()-96)
	}
	return n
}
