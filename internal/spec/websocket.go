package spec

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// A WebSocket bounds the WebSockets of a setting. They are passed without it, too.
type WebSocket struct {
	IdleTimeout     Duration `json:"idle_timeout" tfsdk:"idle_timeout" spec:"0s..24h" doc:"How long a WebSocket may pass nothing in either direction, pings and pongs included; whatever a slow side takes of what waits for it counts, too. Reached: both sides are asked to close, 1001. 0s means without limit."`
	MaxLifetime     Duration `json:"max_lifetime" tfsdk:"max_lifetime" spec:"0s..8760h" doc:"How long a WebSocket may live, up to a tenth less for each so that many do not come back at once. Reached: both sides are asked to close, 1001. 0s means without limit."`
	MaxMessageBytes int      `json:"max_message_bytes" tfsdk:"max_message_bytes" spec:"0..1125899906842624" doc:"How many bytes of payload a message may have in all of its frames, as they are sent, which may be compressed. Nothing of the frame with which it has more is passed: a client is asked to close with 1009, the client of a target that sends more with 1011. A frame that breaks the framing ends a WebSocket too, with 1002 or 1011: behind it nobody can tell how long messages are. 0 means without limit."`
	AllowedOrigins  []string `json:"allowed_origins" tfsdk:"allowed_origins" spec:"set,is=origin,0..256" doc:"Origins whose pages may open WebSockets, as browsers send them: \"https://app.example.com\", \"https://*.example.com\" for all names below, with a port where it is not the scheme's own. Pages of others get 403, which keeps them from using the cookies of whoever looks at them. A request without Origin does not come from a page and is let in. None means all."`
}

func (w *WebSocket) defaults() { w.IdleTimeout, w.MaxLifetime = "0s", "0s" }

// checkOrigin is the grammar of an origin as browsers send it (RFC 6454 section 6.2), or with a star for the names below
// another one.
func checkOrigin(s string) error {
	if s == "null" {
		return nil
	}
	scheme, authority, ok := strings.Cut(s, "://")
	if !ok || scheme == "" || strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+.-") != "" {
		return errors.New("must be a scheme in lower case, \"://\" and a host, perhaps with a port, as in \"https://app.example.com\"")
	}
	if strings.ContainsAny(authority, "/?#@") {
		return errors.New("must end behind the host or port: an origin has no path, and no slash at its end")
	}
	if port := map[string]string{"http": ":80", "https": ":443"}[scheme]; port != "" && strings.HasSuffix(authority, port) {
		return errors.New("must not have the port " + port[1:] + ", which browsers leave out with " + scheme)
	}
	rest, below := strings.CutPrefix(authority, "*.")
	if checkAuthority(rest) != nil || below && strings.HasPrefix(rest, "[") {
		return errors.New("must have a host name or IP address behind \"://\", perhaps with a port; a star may stand for the names below another one, as in \"https://*.example.com\"")
	}
	if literal, _, ok := strings.Cut(strings.TrimPrefix(rest, "["), "]"); ok {
		if a := netip.MustParseAddr(literal); a.String() != strings.ToLower(literal) && !a.Is4In6() {
			return fmt.Errorf("must have the address as browsers write it, [%s]", a)
		}
	}
	return nil
}
