package gatewaytest

import (
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/dnstest"
)

// A DNS is a DNS server; see dnstest, which the tests of the gateway's own packages use.
type DNS = dnstest.Server

// NewDNS starts a DNS server on a free port of 127.0.0.1 that ends with the test.
func NewDNS(t testing.TB) *DNS {
	t.Helper()
	return dnstest.New(t)
}
