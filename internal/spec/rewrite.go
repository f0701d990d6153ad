package spec

import (
	"maps"
	"slices"
	"strings"
)

// A Rewrite changes the heads of requests and answers of the rules that name it, in steps.
type Rewrite struct {
	Name  string        `json:"name" tfsdk:"name" spec:"required,is=name" doc:"Name of the rewrite, unique among rewrites. A new name renames it in place."`
	Steps []RewriteStep `json:"steps" tfsdk:"steps" spec:"0..40" doc:"What is done, in this order: where two steps change the same, the later one counts. Together they have at most 40 conditions and 40 changes of headers and URLs. Variables are what the client or the target sent, whatever the steps before did. All new values of one request or answer come to at most 32 KiB, else it is answered 500; max_url_bytes and max_header_bytes of the listener are of what clients send, and do not bound them."`
}

// A RewriteStep is done where all of its conditions hold.
type RewriteStep struct {
	When            []RewriteCondition               `json:"when" tfsdk:"when" spec:"0..40" doc:"Conditions, all of which must hold. None means always. A step with a condition on the answer can change the answer only."`
	RequestHeaders  map[string]RewriteHeader         `json:"request_headers" tfsdk:"request_headers" spec:"0..40,keys=field_name" doc:"Headers of the request to the target, by name. Those that belong to one connection or frame the message (Connection, Upgrade, TE, Trailer, Transfer-Encoding, Content-Length, Expect and the like) and those that prove a WebSocket handshake or end loops of gateways (CDN-Loop) cannot be changed, and Host cannot be deleted. Host counts more than the setting's host."`
	ResponseHeaders map[string]RewriteResponseHeader `json:"response_headers" tfsdk:"response_headers" spec:"0..40,keys=field_name" doc:"Headers of the target's final answer, the 101 of a WebSocket included, by name. What the gateway answers itself is not changed."`
	URL             *RewriteURL                      `json:"url" tfsdk:"url" doc:"What becomes of the path and the query. Null means that they stay."`
}

// A RewriteCondition compares a variable with a pattern.
type RewriteCondition struct {
	Variable   string `json:"variable" tfsdk:"variable" spec:"required,is=variable" doc:"What is compared: \"http_req_NAME\" or \"http_resp_NAME\" for a header of the request or the answer, or \"var_NAME\" for a server variable. What is not there is empty. The server variables are add_x_forwarded_for_proxy, ciphers_used, client_certificate, client_certificate_end_date, client_certificate_fingerprint, client_certificate_issuer, client_certificate_serial, client_certificate_start_date, client_certificate_subject, client_certificate_verification, client_ip, client_port, client_user, cookie_NAME, host, http_method, http_status, http_version, query_string, request_query, request_scheme, request_uri, server_port, ssl_connection_protocol, ssl_enabled and uri_path; client_ip and client_port are of the client that trusted_proxies of the listener tell of, add_x_forwarded_for_proxy is the X-Forwarded-For that the gateway sends; those of client certificates are empty where client_auth of the listener asks for none or none was shown, but for client_certificate_verification, which is NONE then. ciphers_supported, received_bytes, sent_bytes and client_tcp_rtt of Application Gateway are not known."`
	Pattern    string `json:"pattern" tfsdk:"pattern" spec:"required,is=pattern" doc:"RE2 expression that is found anywhere in the value, unless \"^\" and \"$\" anchor it."`
	IgnoreCase bool   `json:"ignore_case" tfsdk:"ignore_case" doc:"Do not tell upper from lower case."`
	Negate     bool   `json:"negate" tfsdk:"negate" doc:"Hold where the pattern is not found."`
}

// A RewriteHeader is what becomes of a header.
type RewriteHeader struct {
	Value  *string `json:"value" tfsdk:"value" spec:"is=value_template,1..8192" doc:"New value, in the place of all that there are. \"{http_req_NAME}\", \"{http_resp_NAME}\" and \"{var_NAME}\" stand for variables, with a number behind, as in \"{var_uri_path_1}\", for what a group of the step's condition on that variable found. \"{{\" is a brace. A value that comes out empty deletes the header."`
	Delete bool    `json:"delete" tfsdk:"delete" doc:"Delete the header. Excludes value."`
}

// A RewriteResponseHeader is what becomes of a header of an answer.
type RewriteResponseHeader struct {
	Value  *string       `json:"value" tfsdk:"value" spec:"is=value_template,1..8192" doc:"New value, as in request_headers."`
	Delete bool          `json:"delete" tfsdk:"delete" doc:"Delete the header. Excludes value."`
	Match  *RewriteMatch `json:"match" tfsdk:"match" doc:"Which of several Set-Cookie headers are meant; for no other header. \"{http_resp_Set-Cookie}\" in value is then the one that was found, and \"{http_resp_Set-Cookie_1}\" what a group found in it. None found means that nothing is changed."`
}

// A RewriteMatch finds values of a header that may be there several times.
type RewriteMatch struct {
	Pattern    string `json:"pattern" tfsdk:"pattern" spec:"required,is=pattern" doc:"RE2 expression that is found in the value."`
	IgnoreCase bool   `json:"ignore_case" tfsdk:"ignore_case" doc:"Do not tell upper from lower case."`
	Negate     bool   `json:"negate" tfsdk:"negate" doc:"Mean those in which the pattern is not found."`
}

// A RewriteURL is what becomes of a path and a query.
type RewriteURL struct {
	Path       *string `json:"path" tfsdk:"path" spec:"is=path_template,1..8192" doc:"New path, with variables as in request_headers. What they bring that cannot stand in a path is percent-encoded. A path that two parsers could read differently is answered 400. Null means that the path stays."`
	Query      *string `json:"query" tfsdk:"query" spec:"is=query_template,1..8192" doc:"New query, without the \"?\", with variables as in request_headers. Null means that the query stays."`
	ClearQuery bool    `json:"clear_query" tfsdk:"clear_query" doc:"Send no query. Excludes query."`
	Reroute    bool    `json:"reroute" tfsdk:"reroute" doc:"Choose the rule anew, by the new path and query, when all steps are done. The rewrite of that rule is done too, with the new path and query in its variables; response headers are changed by the rule that is chosen last. More than 4 times in one request is answered 500. Without it the rule stays that of the client's path."`
}

// maxRewrites bounds the conditions of a rewrite, and what it changes.
const maxRewrites = 40

// Key is the rewrite's name.
func (r *Rewrite) Key() string { return r.Name }

func (r *Rewrite) check(ps *Problems) {
	conditions, changes := 0, 0
	for i := range r.Steps {
		s := &r.Steps[i]
		path := at("steps", i)
		conditions += len(s.When)
		if changes += len(s.RequestHeaders) + len(s.ResponseHeaders); s.URL != nil {
			changes++
		}
		c := stepCheck{ps: ps, step: s, path: path}
		c.check()
	}
	if conditions > maxRewrites {
		ps.Add("steps", "have %d conditions together, and at most %d are possible; make two rewrites, or one pattern of two", conditions, maxRewrites)
	}
	if changes > maxRewrites {
		ps.Add("steps", "change %d headers and URLs together, and at most %d are possible", changes, maxRewrites)
	}
}

// A stepCheck looks at what more than one field of a step says.
type stepCheck struct {
	ps   *Problems
	step *RewriteStep
	path string
}

func (c *stepCheck) check() {
	answer := c.onAnswer()
	for _, k := range slices.Sorted(maps.Keys(c.step.RequestHeaders)) {
		h, where := c.step.RequestHeaders[k], key(join(c.path, "request_headers"), k)
		c.header(where, k, h.Value, h.Delete)
		if h.Delete && strings.EqualFold(k, "Host") {
			c.ps.Add(join(where, "delete"), "cannot be true for Host, which every request must have; give it a value instead")
		}
		c.requestOnly(where, answer)
		if h.Value != nil {
			c.template(join(where, "value"), *h.Value, false, nil)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(c.step.ResponseHeaders)) {
		h, where := c.step.ResponseHeaders[k], key(join(c.path, "response_headers"), k)
		c.header(where, k, h.Value, h.Delete)
		if h.Match != nil && !strings.EqualFold(k, "Set-Cookie") {
			c.ps.Add(join(where, "match"), "means nothing for %s; only Set-Cookie may be there several times", k)
		}
		if h.Value != nil {
			c.template(join(where, "value"), *h.Value, true, h.Match)
		}
	}
	if c.step.URL != nil {
		c.url(join(c.path, "url"), answer)
	}
}

// onAnswer is the path of a condition that reads the answer; "" where there is none.
func (c *stepCheck) onAnswer() string {
	for i, w := range c.step.When {
		if v, err := ParseVariable(w.Variable); err == nil && v.OfAnswer() {
			return join(at(join(c.path, "when"), i), "variable")
		}
	}
	return ""
}

func (c *stepCheck) requestOnly(where, answer string) {
	if answer != "" {
		c.ps.AddNeeding(where, []string{answer}, "cannot depend on the answer, which comes after it; %s is a variable of the answer", answer)
	}
}

func (c *stepCheck) header(where, name string, value *string, remove bool) {
	switch {
	case Untouchable(name):
		c.ps.Add(where, "cannot be changed: it belongs to one connection, frames the message, proves a WebSocket handshake or ends loops of gateways, and the gateway says it itself")
	case value == nil && !remove:
		c.ps.AddNeeding(join(where, "value"), []string{join(where, "delete")}, "is required, or delete = true")
	case value != nil && remove:
		c.ps.AddNeeding(join(where, "delete"), []string{join(where, "value")}, "cannot be true beside a value; keep one of the two")
	}
}

func (c *stepCheck) url(where, answer string) {
	u := c.step.URL
	c.requestOnly(where, answer)
	if u.Query != nil && u.ClearQuery {
		c.ps.AddNeeding(join(where, "clear_query"), []string{join(where, "query")}, "cannot be true beside a query; keep one of the two")
	}
	same := u.Path == nil || *u.Path == "{var_uri_path}"
	if u.Reroute && same && u.Query == nil && !u.ClearQuery {
		c.ps.AddNeeding(join(where, "reroute"), []string{join(where, "path"), join(where, "query"), join(where, "clear_query")},
			"would lead back to this rule without end, since neither path nor query change; give one of them, or leave it out")
	}
	if u.Path != nil {
		c.template(join(where, "path"), *u.Path, false, nil)
	}
	if u.Query != nil {
		c.template(join(where, "query"), *u.Query, false, nil)
	}
}

// template checks the variables of a value. answer says that those of the answer are there; match is of the header that
// the value is for.
func (c *stepCheck) template(where, text string, answer bool, match *RewriteMatch) {
	parts, err := ParseTemplate(text)
	if err != nil {
		return // Its format says so.
	}
	for _, p := range parts {
		if p.Variable == (Variable{}) {
			continue
		}
		if p.Variable.OfAnswer() && !answer {
			c.ps.Add(where, "names %s, which is of the answer and not known yet when the request is sent", p.Variable)
			continue
		}
		if p.Group > 0 {
			c.capture(where, p, match)
		}
	}
}

// capture checks that there is one condition that captures what a value names.
func (c *stepCheck) capture(where string, p TemplatePart, match *RewriteMatch) {
	if match != nil && p.Variable == setCookie {
		c.group(where, p, match, join(strings.TrimSuffix(where, ".value"), "match"))
		return
	}
	when := join(c.path, "when")
	found := -1
	for i, w := range c.step.When {
		v, err := ParseVariable(w.Variable)
		if err != nil || v != p.Variable {
			continue
		}
		if found >= 0 {
			c.ps.AddNeeding(where, []string{when}, "names group %d of %s, on which the step has two conditions; put them into one pattern", p.Group, p.Variable)
			return
		}
		found = i
	}
	if found < 0 {
		c.ps.AddNeeding(where, []string{when}, "names group %d of %s, on which the step has no condition; a number behind a variable is a group of such a condition's pattern",
			p.Group, p.Variable)
		return
	}
	w := &c.step.When[found]
	c.group(where, p, &RewriteMatch{Pattern: w.Pattern, Negate: w.Negate}, when)
}

// group checks that a pattern, which stands at need, has the group that a value names.
func (c *stepCheck) group(where string, p TemplatePart, in *RewriteMatch, need string) {
	needs := []string{need}
	re, err := CompilePattern(in.Pattern, false)
	switch {
	case err != nil: // Its format says so.
	case in.Negate:
		c.ps.AddNeeding(where, needs, "names group %d of %s, whose condition is negated and so finds nothing", p.Group, p.Variable)
	case p.Group > re.NumSubexp():
		c.ps.AddNeeding(where, needs, "names group %d of %s, and the pattern has %d", p.Group, p.Variable, re.NumSubexp())
	}
}

// Untouchable says that a header is the gateway's business alone: it ends at one connection (RFC 9110 section 7.6.1),
// says where the message ends, proves that a handshake was understood, or counts the gateways on the way (RFC 8586). A
// name that some backends read as one of these, with "_" for "-", is one of them.
func Untouchable(name string) bool {
	return untouchable[strings.ReplaceAll(Lower(name), "_", "-")]
}

var untouchable = map[string]bool{
	"connection": true, "content-length": true, "expect": true, "http2-settings": true, "keep-alive": true, "proxy-authenticate": true,
	"proxy-authorization": true, "proxy-connection": true, "te": true, "trailer": true, "transfer-encoding": true, "upgrade": true,
	"cdn-loop": true, "sec-websocket-accept": true, "sec-websocket-key": true, "sec-websocket-version": true,
}
