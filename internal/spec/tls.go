package spec

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The protocols of listeners.
const (
	HTTP  = "http"
	HTTPS = "https"
)

// A TLS says by which versions and cipher suites a listener talks: a policy, or its own choice.
type TLS struct {
	Policy       *string  `json:"policy" tfsdk:"policy" spec:"one_of=modern|AppGwSslPolicy20150501|AppGwSslPolicy20170401|AppGwSslPolicy20170401S|AppGwSslPolicy20220101|AppGwSslPolicy20220101S" doc:"Name of a policy: \"modern\" (TLS 1.2 and 1.3, suites with forward secrecy and authenticated encryption alone), or one of Azure Application Gateway's. Cipher suites of those that gatewayd does not have are left out, and named in a warning; all that have a suite for the certificate's kind of key go on. Null means modern, unless something else is given here."`
	MinVersion   *string  `json:"min_version" tfsdk:"min_version" spec:"one_of=1.0|1.1|1.2|1.3" doc:"Oldest version of TLS, in place of a policy; below 1.2 cipher_suites must hold one of TLS 1.1 or older. Null means 1.2."`
	MaxVersion   *string  `json:"max_version" tfsdk:"max_version" spec:"one_of=1.0|1.1|1.2|1.3" doc:"Newest version of TLS, in place of a policy. Null means 1.3."`
	CipherSuites []string `json:"cipher_suites" tfsdk:"cipher_suites" spec:"set,is=cipher_suite,0..32" doc:"Cipher suites of TLS 1.2 and older, in place of a policy, by their names of the IANA registry: \"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\". Which of them a connection gets, the gateway decides by what the client's machine computes best. None means those of the policy modern. Those of TLS 1.3 are always all there and cannot be listed."`
}

func (t *TLS) defaults() {}

// The policy that holds where none is given.
const policyModern = "modern"

// A TLSPolicy is what a policy of a TLS stands for.
type TLSPolicy struct {
	Min, Max string   // versions, as "1.2"
	Suites   []string // of TLS 1.2 and older, by their IANA names
	Missing  []string // suites of the policy that gatewayd does not have
}

// Cipher suites of TLS 1.2 and older that gatewayd has, in groups that the policies share.
var (
	suitesModern = []string{
		"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
		"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
	}
	suitesGCM    = suitesModern[:4]
	suitesCBC256 = []string{"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"}
	suitesCBC    = []string{
		"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
		"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
	}
	suitesRSA = []string{
		"TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_128_CBC_SHA256",
		"TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA",
	}
	suites3DES = []string{"TLS_RSA_WITH_3DES_EDE_CBC_SHA"}

	cipherSuites = slices.Concat(suitesModern, suitesCBC256, suitesCBC, suitesRSA, suites3DES,
		[]string{"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"})
	suitesOf13 = []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
)

// tlsPolicies are the predefined policies (Azure: "Application Gateway TLS policy overview").
var tlsPolicies = map[string]TLSPolicy{
	policyModern: {Min: "1.2", Max: "1.3", Suites: suitesModern},
	"AppGwSslPolicy20150501": {Min: "1.0", Max: "1.2", Suites: slices.Concat(suitesGCM, suitesCBC256, suitesCBC, suitesRSA, suites3DES), Missing: []string{
		"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "TLS_RSA_WITH_AES_256_CBC_SHA256",
		"TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
		"TLS_DHE_DSS_WITH_AES_256_CBC_SHA256", "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256", "TLS_DHE_DSS_WITH_AES_256_CBC_SHA", "TLS_DHE_DSS_WITH_AES_128_CBC_SHA", "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA",
	}},
	"AppGwSslPolicy20170401":  {Min: "1.1", Max: "1.2", Suites: suites2017, Missing: missing2017},
	"AppGwSslPolicy20170401S": {Min: "1.2", Max: "1.2", Suites: suites2017, Missing: missing2017},
	"AppGwSslPolicy20220101": {Min: "1.2", Max: "1.3", Suites: slices.Concat(suitesGCM, suitesCBC256), Missing: []string{
		"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
	}},
	"AppGwSslPolicy20220101S": {Min: "1.2", Max: "1.3", Suites: suitesGCM},
}

var (
	suites2017 = slices.Concat(suitesGCM, []string{"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"}, suitesCBC, suitesRSA)

	missing2017 = []string{"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "TLS_RSA_WITH_AES_256_CBC_SHA256"}
)

// Effective is what holds: the policy, or the listener's own choice. t may be nil.
func (t *TLS) Effective() TLSPolicy {
	p := tlsPolicies[policyModern]
	if t == nil {
		return p
	}
	if t.Policy != nil {
		return tlsPolicies[*t.Policy]
	}
	if t.MinVersion != nil {
		p.Min = *t.MinVersion
	}
	if t.MaxVersion != nil {
		p.Max = *t.MaxVersion
	}
	if len(t.CipherSuites) > 0 {
		p.Suites = t.CipherSuites
	}
	return p
}

// check notes what is wrong with the tls of an object.
func (t *TLS) check(ps *Problems) {
	if t == nil {
		return
	}
	own := t.MinVersion != nil || t.MaxVersion != nil || len(t.CipherSuites) > 0
	if t.Policy != nil && own {
		ps.AddNeeding("tls.policy", []string{"tls.min_version", "tls.max_version", "tls.cipher_suites"}, "cannot be given together with min_version, max_version or cipher_suites, which stand in its place; keep the one or the other")
	}
	// Versions compare as their texts do.
	switch p := t.Effective(); {
	case p.Min > p.Max:
		ps.AddNeeding("tls.min_version", []string{"tls.max_version"}, "must not be above max_version: %s is newer than %s", p.Min, p.Max)
	case len(t.CipherSuites) > 0 && p.Min >= "1.3":
		ps.AddNeeding("tls.cipher_suites", []string{"tls.min_version"}, "must not be given where min_version is 1.3: the suites of TLS 1.3 are always all there")
	case (p.Min == "1.0" || p.Min == "1.1") && !slices.ContainsFunc(p.Suites, beforeTLS12):
		ps.AddNeeding("tls.cipher_suites", []string{"tls.min_version"}, "must hold a suite of TLS 1.1 or older where min_version is %s, as TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA for an RSA key; without one nobody is served by these versions, and the policy modern has none", p.Min)
	}
}

// beforeTLS12 says that a suite is older than TLS 1.2, which brought all that have another hash than SHA-1.
func beforeTLS12(suite string) bool { return strings.HasSuffix(suite, "_SHA") }

// checkCipherSuite is the grammar of a cipher suite.
func checkCipherSuite(s string) error {
	switch {
	case slices.Contains(cipherSuites, s):
		return nil
	case slices.Contains(suitesOf13, s):
		return errors.New("must not be a suite of TLS 1.3: they are always all there where max_version is 1.3")
	}
	return fmt.Errorf("must be a cipher suite of TLS 1.2 or older that gatewayd has: %s", strings.Join(cipherSuites, ", "))
}
