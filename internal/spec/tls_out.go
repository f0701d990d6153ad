package spec

import (
	"errors"
	"strings"
)

// A TLSOut says whom to believe among the targets of a setting, and what to prove to them.
type TLSOut struct {
	Verify            bool     `json:"verify" tfsdk:"verify" doc:"Whether a target must prove who it is. With false anybody in between can read and change everything; for tests alone."`
	ServerName        *string  `json:"server_name" tfsdk:"server_name" spec:"is=server_name" doc:"Name or IP address that the certificates of targets must be for, and that is sent to them in the handshake (SNI). Null means the setting's host without its port; else the DNS name of the target, else its IP address; for a Unix socket localhost. An IP address is verified and not sent. It is never the host that a client asks for, as it is with Azure: connections are shared between clients, and no client chooses whom the gateway believes."`
	CABundles         []string `json:"ca_bundles" tfsdk:"ca_bundles" spec:"set,ref=ca_bundle,0..16" doc:"Names of the bundles whose authorities are believed, and no others. None means those of the gateway's machine."`
	ClientCertificate *string  `json:"client_certificate" tfsdk:"client_certificate" spec:"ref=certificate" doc:"Name of the certificate that is shown to targets that ask for one. Null means none."`
}

func (t *TLSOut) defaults() { t.Verify = true }

// Effective is what holds: t, or the defaults where it is nil.
func (t *TLSOut) Effective() TLSOut {
	if t == nil {
		return TLSOut{Verify: true}
	}
	return *t
}

// check notes what is wrong with the tls of a setting with a protocol. t may be nil.
func (t *TLSOut) check(ps *Problems, protocol string) {
	switch {
	case t == nil:
	case protocol != HTTPS:
		ps.AddNeeding("tls", []string{"protocol"}, "must not be given where protocol is http; set protocol = \"https\" or take it out")
	case !t.Verify && len(t.CABundles) > 0:
		ps.AddNeeding("tls.ca_bundles", []string{"tls.verify"}, "means nothing with verify = false, which believes everybody; take the one or the other out")
	}
}

// HostOf is a Host header without its port, and without the brackets of an IPv6 address.
func HostOf(authority string) string {
	host := authority
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") && (host[0] == '[' || strings.Count(host, ":") == 1) {
		host = host[:i]
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// ServerName is the name that the setting itself says targets have; "" where it says none.
func (s *Setting) ServerName() string {
	switch {
	case s.TLS != nil && s.TLS.ServerName != nil:
		return *s.TLS.ServerName
	case s.Host != nil:
		return HostOf(*s.Host)
	}
	return ""
}

// checkServerName is the grammar of a name that a certificate is for.
func checkServerName(s string) error {
	if checkIP(s) == nil && s != "" {
		return nil
	}
	if strings.ContainsAny(s, "*?:[") || checkHostname(s) != nil {
		return errors.New("must be a host name or an IP address, without a port")
	}
	return nil
}
