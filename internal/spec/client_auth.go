package spec

// The modes of a ClientAuth.
const (
	AuthStrict      = "strict"
	AuthOptional    = "optional"
	AuthPassthrough = "passthrough"
)

// A ClientAuth says what an https listener wants to know of its clients before it serves them.
type ClientAuth struct {
	Mode      string   `json:"mode" tfsdk:"mode" spec:"one_of=strict|optional|passthrough" doc:"What becomes of clients, all of whom are asked for a certificate. \"strict\" serves those alone that show one by an authority of ca_bundles; the requests of all others are answered 400. \"optional\" serves everybody, and verifies the certificates that are shown. \"passthrough\" serves everybody and verifies nothing. In the last two targets decide, by what a rewrite tells them of the certificate (client_certificate_verification and its kin)."`
	CABundles []string `json:"ca_bundles" tfsdk:"ca_bundles" spec:"set,ref=ca_bundle,0..16" doc:"Names of the bundles whose authorities clients' certificates are verified by. strict and optional need one at least, and passthrough has none. An authority that is taken out of a bundle is believed in no handshake from then on, nor by an earlier session; connections that are open give one more answer, and open WebSockets stay."`
}

func (a *ClientAuth) defaults() { a.Mode = AuthStrict }

// check notes what is wrong with the client_auth of a listener with a protocol. a may be nil.
func (a *ClientAuth) check(ps *Problems, protocol string) {
	const bundles, mode = "client_auth.ca_bundles", "client_auth.mode"
	switch {
	case a == nil:
	case protocol != HTTPS:
		ps.AddNeeding("client_auth", []string{"protocol"}, "must not be given where protocol is http, by which nobody shows a certificate; set protocol = \"https\" or take it out")
	case a.Mode == AuthPassthrough && len(a.CABundles) > 0:
		ps.AddNeeding(bundles, []string{mode}, "means nothing with mode = \"passthrough\", which verifies nothing; take it out, or let mode be \"optional\"")
	case (a.Mode == AuthStrict || a.Mode == AuthOptional) && len(a.CABundles) == 0:
		ps.AddNeeding(bundles, []string{mode}, "must name at least one bundle where mode is %q, or no certificate could be verified; mode = \"passthrough\" asks for certificates and verifies none", a.Mode)
	}
}
