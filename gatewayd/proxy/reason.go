package proxy

import "github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"

// A Reason says why the gateway answered itself, or ended what it could not answer. The first values are those of http1.Reason; the words that String
// returns are stable and appear in the answer's field Gatewayd-Reason, in metrics and logs.
type Reason uint8

// The reasons that the exchange itself has.
const (
	ReasonNoListener Reason = Reason(http1.Reasons) + iota
	ReasonNoRule
	ReasonBadPath
	ReasonCostlyMatch
	ReasonBodyTooLarge
	ReasonSlowRequest
	ReasonSlowBody
	ReasonNoPool
	ReasonNoRedirect
	ReasonNoBackend
	ReasonMaxConnections
	ReasonTooManyConnections
	ReasonTooManyTunnels
	ReasonOrigin
	ReasonNotTLS
	ReasonMisdirected
	ReasonNoCertificate
	ReasonCertificateExpired
	ReasonCertificateUntrusted
	ReasonCertificateInvalid
	ReasonConnectFailed
	ReasonNoDescriptor
	ReasonNoPort
	ReasonNoRoute
	ReasonTLSFailed
	ReasonConnectTimeout
	ReasonBackendClosed
	ReasonBadAccept
	ReasonTooManyInterims
	ReasonBytesBehindAnswer
	ReasonUnaskedBytes
	ReasonRequestTimeout
	ReasonDrained
	ReasonRewriteLoop
	ReasonBadRewrite
	ReasonRewriteTooLarge
	ReasonRequestLoop
	ReasonUntrustedProxy
	ReasonNoProxyHeader
	ReasonBadProxyHeader
	ReasonInternal

	reasonEnd
)

// Reasons is the length of an array indexed by [Reason].
const Reasons = int(reasonEnd)

var reasons = [...]struct {
	status         int
	word, sentence string
}{
	{404, "no_listener", "no listener serves this host here"},
	{404, "no_rule", "no rule serves this path"},
	{400, "bad_path", "the path can be read in more than one way"},
	{431, "costly_match", "the rules' conditions would take too long on so large a request"},
	{413, "body_too_large", "the request body is larger than the listener takes"},
	{408, "slow_request", "the request head did not arrive in time"},
	{408, "slow_body", "the request body stood still for too long"},
	{502, "no_pool", "the rule's pool, setting or rewrite is gone"},
	{502, "no_redirect", "the listener that the rule redirects to is gone"},
	{502, "no_backend", "the pool has no healthy target"},
	{503, "max_connections", "every target serves as many requests as it may"},
	{503, "too_many_connections", "this address and port has as many connections as it may"},
	{503, "too_many_tunnels", "this listener has as many WebSockets as it may"},
	{403, "origin", "pages of this origin may not open WebSockets here"},
	{400, "not_tls", "this port speaks TLS: ask it with https"},
	{421, "misdirected", "this host does not ask clients for the same certificates as the one that the connection was made for: it wants a connection of its own"},
	{400, "no_client_certificate", "this host wants a client certificate, and none was shown"},
	{400, "client_certificate_expired", "the client certificate has expired, or is not valid yet"},
	{400, "client_certificate_untrusted", "the client certificate is by no authority that is trusted here"},
	{400, "client_certificate_invalid", "the client certificate is not one for clients, or breaks a rule of its authority"},
	{502, "connect_failed", "the target cannot be reached"},
	{503, "no_descriptor", "the gateway has no room for another connection"},
	{503, "no_port", "the gateway has no address and port left to reach the target from"},
	{502, "no_route", "this machine has no route to the target, or does not let the gateway use it"},
	{502, "tls_failed", "the target and the gateway do not come to terms over TLS"},
	{502, "connect_timeout", "the target did not accept the connection in time"},
	{502, "backend_closed", "the target closed the connection without a whole answer"},
	{502, "bad_accept", "the target's WebSocket handshake does not belong to the request"},
	{502, "too_many_interims", "the target sent too many interim answers"},
	{502, "bytes_behind_answer", "the target sent more than its answer"},
	{502, "unasked_bytes", "the target sent what nobody had asked for"},
	{504, "request_timeout", "the target did not answer in time"},
	{504, "drained", "what serves this request was removed"},
	{500, "rewrite_loop", "the rewrites lead from rule to rule without end"},
	{400, "bad_rewrite", "the rule's rewrite makes no valid request of this one"},
	{500, "rewrite_too_large", "the rule's rewrite makes the head too large"},
	{508, "request_loop", "the request came through this gateway, or others of its kind, too often: a target leads back to it"},
	{400, "untrusted_proxy", "the connection comes from none of the proxies that may tell whose it is"},
	{400, "no_proxy_header", "the connection does not begin with a PROXY protocol header"},
	{400, "bad_proxy_header", "the PROXY protocol header is malformed"},
	{500, "internal", "the gateway failed"},
}

// Status is what to answer for this reason; what http1 refused in a backend's answer is 502 instead.
func (r Reason) Status() int {
	if int(r) < http1.Reasons {
		return http1.Refusal(http1.Reason(r)).Status
	}
	return reasons[int(r)-http1.Reasons].status
}

// String is the word of the reason, in lower case with underscores.
func (r Reason) String() string {
	if int(r) < http1.Reasons {
		return http1.Reason(r).String()
	}
	return reasons[int(r)-http1.Reasons].word
}

// Sentence is for people; it holds no bytes of the request.
func (r Reason) Sentence() string {
	if int(r) < http1.Reasons {
		return http1.Refusal(http1.Reason(r)).Error()
	}
	return reasons[int(r)-http1.Reasons].sentence
}

// unclean says that a backend's answer was none.
func (r Reason) unclean() bool {
	return int(r) < http1.Reasons || r == ReasonBadAccept || r == ReasonTooManyInterims
}

// own says that an attempt ended by the gateway, which tells nothing of its target.
func (r Reason) own() bool {
	switch r {
	case ReasonNoDescriptor, ReasonNoPort, ReasonNoRoute, ReasonDrained, ReasonInternal:
		return true
	}
	return false
}

// A refusal is an answer of our own.
type refusal struct {
	status int
	reason Reason
}

func refuse(r Reason) refusal { return refusal{r.Status(), r} }

func refuseBy(err *http1.Error) refusal { return refusal{err.Status, Reason(err.Reason)} }
