package admin

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// checkHost refuses what a web page in a browser could send here: requests under a name that is not ours, and requests
// of other origins. Being on loopback is no protection from either (CVE-2026-27589 of another gateway).
func (a *admin) checkHost(r *http.Request) error {
	if !local(r.Host) && !slices.Contains(a.Hosts, r.Host) {
		return api.NewError(api.Misdirected, "The admin API is not served under this Host; use localhost, a loopback address, or a host that the gateway was told of.")
	}
	if origins, ok := r.Header["Origin"]; ok && !sameOrigin(r, origins) {
		return api.NewError(api.Forbidden, "Requests of other origins are refused.")
	}
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if site != "same-origin" && site != "none" {
			return api.NewError(api.Forbidden, "Requests from other sites are refused.")
		}
	}
	return nil
}

// local says whether a Host header is localhost or a loopback address, with any port: a tunnel may have changed it.
func local(host string) bool {
	name := host
	if h, port, err := net.SplitHostPort(host); err == nil {
		if strings.Trim(port, "0123456789") != "" {
			return false
		}
		name = h
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		name = host[1 : len(host)-1]
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(name)
	return err == nil && address.IsLoopback()
}

func sameOrigin(r *http.Request, origins []string) bool {
	if len(origins) != 1 {
		return false
	}
	u, err := url.Parse(origins[0])
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return err == nil && u.Scheme == scheme && u.Host == r.Host && r.Host != ""
}

// checkToken wants exactly one Authorization header with a token that is known. No answer says more than that.
func (a *admin) checkToken(r *http.Request) error {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return api.NewError(api.Unauthorized, "The request carries no bearer token. The admin token is in the file %s of the gateway's data directory, readable by the user that gatewayd runs as.", TokenFile)
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if len(values) != 1 || !strings.EqualFold(scheme, "Bearer") || !a.Auth.Authorize(token) {
		return api.NewError(api.Unauthorized, "The bearer token is wrong. The admin token is in the file %s of the gateway's data directory, readable by the user that gatewayd runs as.", TokenFile)
	}
	return nil
}
