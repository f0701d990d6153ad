package plane

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// sourceProblems tells every setting of its source addresses that this machine does not have.
func sourceProblems(set *spec.Set) []control.ObjectProblem {
	var list []control.ObjectProblem
	asked := map[string]error{}
	for _, e := range set.All(spec.Settings) {
		for _, text := range e.Object.(*spec.Setting).SourceAddresses {
			err, known := asked[text]
			if !known {
				err = owned(text)
				asked[text] = err
			}
			if err != nil {
				problem := spec.Problem{Path: "source_addresses", Message: err.Error()}
				list = append(list, control.ObjectProblem{Kind: spec.Settings, Name: e.Name(), Problem: problem, Transient: true})
			}
		}
	}
	return list
}

// owned asks the system whether connections may come from an address, as it would be asked for each of them.
func owned(text string) error {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return fmt.Errorf("holds %q, which is no IP address", text)
	}
	// UDP, so that no connection can come in meanwhile.
	l, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a.Unmap(), 0)))
	switch {
	case err == nil:
		return l.Close()
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
		return fmt.Errorf("holds %s: this machine has no such address", text)
	}
	return nil // Such as no descriptor left: it says nothing about the address.
}
