package proxy

import (
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// outTLS has the servers of tests speak TLS, and every rig that has no others speak TLS to them, so that all that holds for
// targets of plain HTTP is seen to hold for them ("make unit").
var outTLS = os.Getenv("GATEWAYD_TEST_TLS_OUT") != ""

// securedAt are the addresses of servers that speak TLS for it.
var securedAt sync.Map // of bool by netip.AddrPort

// secured makes a server's listener one of TLS, where all speak it.
func secured(t testing.TB, ln net.Listener) net.Listener {
	if !outTLS {
		return ln
	}
	noted(t, ln.Addr().(*net.TCPAddr).AddrPort())
	return tls.NewListener(ln, securedConfig())
}

// noted notes that whoever has an address speaks TLS there until the test ends.
func noted(t testing.TB, at netip.AddrPort) {
	securedAt.Store(at, true)
	t.Cleanup(func() { securedAt.Delete(at) })
}

func securedConfig() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certtest.Sample(77).TLS()}, DynamicRecordSizingDisabled: true}
}

// outward are the rig's settings of plain HTTP as ones of TLS, where all speak it and all targets do.
func (r *rig) outward() (settings []spec.Object) {
	if !outTLS {
		return nil
	}
	for _, o := range append([]spec.Object{r.pool, r.setting}, r.more...) {
		switch o := o.(type) {
		case *spec.Pool:
			for _, target := range o.Targets {
				ip, err := netip.ParseAddr(target.Address)
				if err != nil || target.Port == nil {
					return nil
				}
				if _, known := securedAt.Load(netip.AddrPortFrom(ip, uint16(*target.Port))); !known {
					return nil
				}
			}
		case *spec.Setting:
			if o.Protocol == spec.HTTP {
				over := *o
				over.Protocol, over.TLS = spec.HTTPS, &spec.TLSOut{}
				if over.ConnectTimeout == spec.Settings.New().(*spec.Setting).ConnectTimeout {
					over.ConnectTimeout = "1m" // A handshake waits for all others that compute.
				}
				settings = append(settings, &over)
			}
		}
	}
	return settings
}
