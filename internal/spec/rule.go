package spec

import (
	"maps"
	"slices"
)

// A Rule says what becomes of requests of a listener: they go to a pool, or the gateway answers them by itself. Among the
// rules of a listener, those with a priority come first, in ascending order; then the more specific match wins. The order never depends on when a rule was made.
type Rule struct {
	Name     string           `json:"name" tfsdk:"name" spec:"required,is=name" doc:"Name of the rule, unique among rules. A new name renames it in place."`
	Listener string           `json:"listener" tfsdk:"listener" spec:"required,ref=listener" doc:"Name of the listener whose requests the rule takes."`
	Priority *int             `json:"priority" tfsdk:"priority" spec:"1..1000000" doc:"Rules with a priority are tried before the others, the smallest number first. Null means that the more specific match decides."`
	Match    *Match           `json:"match" tfsdk:"match" doc:"Which requests the rule takes. Null means every one."`
	Pool     *string          `json:"pool" tfsdk:"pool" spec:"ref=pool" doc:"Name of the pool that the requests go to. A rule has one action: pool with setting, split, redirect or respond."`
	Setting  *string          `json:"setting" tfsdk:"setting" spec:"ref=setting" doc:"Name of the setting by which they go to the pool."`
	Split    map[string]Share `json:"split" tfsdk:"split" spec:"1..100" doc:"Pools among which the requests are split by weight, as for a canary. Which one takes a request is drawn anew for each; retries stay in its pool. Keys are names of your choice."`
	Redirect *Redirect        `json:"redirect" tfsdk:"redirect" doc:"Where clients are sent instead."`
	Respond  *Respond         `json:"respond" tfsdk:"respond" doc:"The answer that the gateway gives by itself, as a page for the time of maintenance."`
	Rewrite  *string          `json:"rewrite" tfsdk:"rewrite" spec:"ref=rewrite" doc:"Name of the rewrite that changes the heads of requests and answers. Null means that they stay as they are. Needs a pool or a split; what the gateway answers itself is not changed."`
}

// A Match narrows a rule. Conditions of different fields must all hold; of one field, any.
type Match struct {
	Hostnames []string `json:"hostnames" tfsdk:"hostnames" spec:"set,is=hostname,0..1000" doc:"Host names, \"*\" and \"?\" as in a listener's."`
	Paths     []string `json:"paths" tfsdk:"paths" spec:"set,is=path_pattern,0..1000" doc:"Paths in decoded form (\"/café\", not \"/caf%C3%A9\"), ASCII case ignored. A \"*\" at the end makes a prefix: \"/chat/*\" is everything below /chat/, \"/chat*\" is /chat too."`
	Methods   []string `json:"methods" tfsdk:"methods" spec:"set,is=method,0..32" doc:"Methods in upper case. \"GET\" is not HEAD too. A WebSocket begins with a GET."`

	Headers map[string]ValueMatch `json:"headers" tfsdk:"headers" spec:"0..32,keys=field_name" doc:"What headers must be, by their names. All of them must hold; of a header that is sent several times, any line may. Lists with commas are one value."`
	Query   map[string]ValueMatch `json:"query" tfsdk:"query" spec:"0..32,keys=query_name" doc:"What parameters of the query must be, by their names in decoded form, upper and lower case told apart. All of them must hold; of a parameter that is sent several times, any may. Parameters are parted by \"&\", names and values decoded once, \"+\" is a space; what is no valid escape stands for itself."`
}

// Key is the rule's name.
func (r *Rule) Key() string { return r.Name }

func (r *Rule) check(ps *Problems) {
	r.checkAction(ps)
	if r.Match == nil {
		return
	}
	checkHeaders(ps, "match.headers", r.Match.Headers)
	for _, name := range slices.Sorted(maps.Keys(r.Match.Query)) {
		v := r.Match.Query[name]
		v.check(ps, key("match.query", name))
	}
}
