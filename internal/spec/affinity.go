package spec

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// An Affinity is the cookie that brings clients back to their target.
type Affinity struct {
	CookieName string    `json:"cookie_name" tfsdk:"cookie_name" spec:"is=cookie_name" doc:"Name of the cookie. Gateways behind one another need different names. It must not end in CORS, which names the twin of the cookie for other sites on https listeners, and not begin with __Host- or __Secure-, which browsers take over https alone."`
	TTL        *Duration `json:"ttl" tfsdk:"ttl" spec:"1s..8760h" doc:"How long the client is brought back after its last request, or up to a tenth less: the cookie is renewed when a tenth of the time has passed. Null means until the browser ends its session."`
}

func (a *Affinity) defaults() { a.CookieName = "GatewaydAffinity" }

// Lifetime is the ttl, 0 for the session of the browser.
func (a *Affinity) Lifetime() time.Duration {
	if a.TTL == nil {
		return 0
	}
	return a.TTL.Value()
}

// AffinityTwin ends the name of an affinity cookie's twin, which has SameSite=None; Secure for other sites.
const AffinityTwin = "CORS"

// maxCookieName leaves the value room in the 4096 bytes that every browser keeps of a cookie (RFC 6265 section 6.1).
const maxCookieName = 128

// checkCookieName is the grammar of the name of an affinity cookie (RFC 6265 section 4.1.1).
func checkCookieName(s string) error {
	if len(s) > maxCookieName || checkFieldName(s) != nil {
		return fmt.Errorf("must be the name of a cookie, of 1 to %d letters, digits and !#$%%&'*+-.^_`|~", maxCookieName)
	}
	for _, prefix := range []string{"__host-", "__secure-"} {
		if strings.HasPrefix(Lower(s), prefix) {
			return errors.New("must not begin with __Host- or __Secure-: browsers take such a cookie over https alone, and would drop it on http listeners")
		}
	}
	if strings.HasSuffix(s, AffinityTwin) {
		return fmt.Errorf("must not end in %s: the gateway names the twin of the cookie so, which is for requests from other sites", AffinityTwin)
	}
	return nil
}
