package api

import (
	"net/url"
	"strings"
)

// A Question is a request that nobody sends, to be explained.
type Question struct {
	// URL is the request's, its path as a client would write it. Its port is that where the request comes in. With
	// ws:// or wss:// the request is the handshake of a WebSocket, and Headers need not hold what every one has.
	URL string
	// Method is GET where it is empty.
	Method string
	// Headers are lines, "Name: value". One of Host stands in place of the URL's host.
	Headers []string
	// Client is the client's IP address, of which pools with source_hash make their choice; empty for any. Rewrites read an
	// empty one as no address, and a port of 0.
	Client string
	// AtListener is the name of a listener at whose address and port the request comes in, in place of the URL's port.
	AtListener string
}

// Values are the query of PathExplain.
func (q Question) Values() url.Values {
	v := url.Values{ParamURL: {q.URL}}
	for name, value := range map[string]string{
		ParamMethod: q.Method, ParamHeaders: strings.Join(q.Headers, "\n"), ParamClient: q.Client, ParamAtListener: q.AtListener,
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// Explanation is what would become of a request.
type Explanation struct {
	// Address and Port are where the request comes in; an empty address is every one of the machine.
	Address string `json:"address" tfsdk:"address"`
	Port    int    `json:"port" tfsdk:"port"`
	// Action is what the rule does: pool, split, redirect or respond; empty where no rule gets to act.
	Action string `json:"action" tfsdk:"action"`
	// Status is that of an answer of the gateway's or the rule's own; 0 where a target answers. Reason is the word of the
	// gateway's, empty for a rule's; Message says why. Location is where a redirect sends the client.
	Status   int    `json:"status" tfsdk:"status"`
	Reason   string `json:"reason" tfsdk:"reason"`
	Message  string `json:"message" tfsdk:"message"`
	Location string `json:"location" tfsdk:"location"`
	// Path is the path that rules match, after the last reroute, Sent the path and query that a target gets; empty where it
	// does not come so far. Of a split, each share has its own.
	Path string `json:"path" tfsdk:"path"`
	Sent string `json:"sent" tfsdk:"sent"`
	// Listener is the one that serves the host, Rule the rule that takes the request, Pool and Setting are what it names; empty for none.
	Listener string `json:"listener" tfsdk:"listener"`
	Rule     string `json:"rule" tfsdk:"rule"`
	Pool     string `json:"pool" tfsdk:"pool"`
	Setting  string `json:"setting" tfsdk:"setting"`
	// ClientAuth is the mode of the listener's client_auth; empty where it asks for no certificate. What is told is of a client
	// that connected for this host, and shows what the listener asks for.
	ClientAuth string `json:"client_auth" tfsdk:"client_auth"`
	// Rewritten says that a rewrite was done. Path, Sent and Location are what it made of them; headers that it changes are
	// not told. Rerouted are the rules whose rewrites had the rule chosen anew, in order.
	Rewritten bool     `json:"rewritten" tfsdk:"rewritten"`
	Rerouted  []string `json:"rerouted" tfsdk:"rerouted"`
	// Shares are those of a split, by key. A request draws one of them by weight, of which nothing can be told before.
	Shares []ExplainedShare `json:"shares" tfsdk:"shares"`
	// Targets are all of the pool, by key. A pool without a hash chooses among all that are a choice: they are all told,
	// not the one whose turn it is.
	Targets []ExplainedTarget `json:"targets" tfsdk:"targets"`
	// Passed are rules of the listener that do not take the request, the nearest first, at most 20; More counts the others.
	Passed []PassedRule `json:"passed" tfsdk:"passed"`
	More   int          `json:"more" tfsdk:"more"`
}

// An ExplainedShare is a part of a split. A request is answered by the gateway itself where Status is not 0.
type ExplainedShare struct {
	Share   string            `json:"share" tfsdk:"share"`
	Weight  int               `json:"weight" tfsdk:"weight"`
	Pool    string            `json:"pool" tfsdk:"pool"`
	Setting string            `json:"setting" tfsdk:"setting"`
	Sent    string            `json:"sent" tfsdk:"sent"`
	Status  int               `json:"status" tfsdk:"status"`
	Reason  string            `json:"reason" tfsdk:"reason"`
	Message string            `json:"message" tfsdk:"message"`
	Targets []ExplainedTarget `json:"targets" tfsdk:"targets"`
}

// An ExplainedTarget is a target that a request may go to.
type ExplainedTarget struct {
	Target  string `json:"target" tfsdk:"target"`
	Address string `json:"address" tfsdk:"address"`
	Port    int    `json:"port" tfsdk:"port"`
	State   string `json:"state" tfsdk:"state"`
	Reason  string `json:"reason" tfsdk:"reason"`
	// Choice says that the request may go to it now: by a hash or an affinity cookie to it alone, else to any that is a choice.
	Choice bool `json:"choice" tfsdk:"choice"`
}

// A PassedRule is a rule that does not take a request.
type PassedRule struct {
	Rule string `json:"rule" tfsdk:"rule"`
	Why  string `json:"why" tfsdk:"why"`
}
