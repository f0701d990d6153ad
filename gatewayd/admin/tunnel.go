package admin

import (
	"encoding/base64"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// tunnelParams are those of a list of tunnels.
var tunnelParams = []string{
	api.ParamListener, api.ParamRule, api.ParamPool, api.ParamTarget, api.ParamClient, api.ParamIdleFor, api.ParamOlderThan, api.ParamDraining,
	api.ParamSort, api.ParamLimit, api.ParamNext,
}

// tunnels answers a page of the open tunnels.
func (a *admin) tunnels(w http.ResponseWriter, r *http.Request) error {
	limit, next, err := readPage(r)
	if err != nil {
		return err
	}
	selector, problems := api.ReadTunnelSelector(r.URL.Query())
	if len(problems) == 0 {
		var view api.Tunnels
		view, problems = a.Views.Tunnels(api.TunnelQuery{TunnelSelector: selector, Sort: r.URL.Query().Get(api.ParamSort), Limit: limit, Next: next})
		if len(problems) == 0 {
			if view.Next != "" {
				view.Next = base64.RawURLEncoding.EncodeToString([]byte(view.Next))
			}
			return writeJSON(w, http.StatusOK, view)
		}
	}
	e := api.NewError(api.Malformed, "The query selects no tunnels.")
	e.Problems = problems
	return e
}

// tunnels describes the list of tunnels.
func (d *description) tunnels() *huma.Operation {
	sort := text()
	for _, word := range api.TunnelOrders {
		sort.Enum = append(sort.Enum, word)
	}
	params := []*huma.Param{}
	for _, f := range selectorFields {
		params = append(params, query(f.name, f.schema(), f.doc))
	}
	return d.operation("list-tunnels", "List the open WebSockets", responses(http.StatusOK, "A page.", schemaOf[api.Tunnels](d)), append(params,
		query(api.ParamSort, sort, "Order: by the beginning, by the last byte, or by the bytes in all. Only lists in the order of beginnings have more than one page."),
		query(api.ParamLimit, between(1, api.MaxPage), fmt.Sprintf("Size of the page; %d where it is not given.", api.DefaultPage)),
		query(api.ParamNext, text(), "What the page before gave as next."))...)
}

// closeLimit bounds the body that says which tunnels are closed.
var closeLimit = limit{api.MaxBody, api.MaxPage, "ids"}

// closeTunnels ends tunnels. When it answers all have been told, and their Closes go out within the time that was given.
func (a *admin) closeTunnels(w http.ResponseWriter, r *http.Request) error {
	dryRun, err := flag(r, api.ParamDryRun)
	if err != nil {
		return err
	}
	raw, err := readBody(r, closeLimit)
	if err != nil {
		return err
	}
	var body api.TunnelClose
	if ps := spec.Unmarshal(raw, &body); len(ps) > 0 {
		return undecodable(raw, ps)
	}
	closed, ps := a.Views.CloseTunnels(&body, dryRun)
	if len(ps) > 0 {
		e := api.NewError(api.Invalid, "The body does not say well which WebSockets to close, or how.")
		e.Problems = ps
		return e
	}
	noteWrite(w, "ends", closed.Ends, "ending", closed.Ending, "selected", body.TunnelSelector.Values().Encode(), "ids", len(body.IDs), "all", body.All, "code", body.Status(), "within", body.Spread())
	status := http.StatusAccepted
	if dryRun {
		status = http.StatusOK
	}
	return writeJSON(w, status, closed)
}

// selectorFields describe a selector, in a query and in a body.
var selectorFields = []struct {
	name, doc string
	schema    func() *huma.Schema
}{
	{api.ParamListener, "Name of a listener, as it is now, or the last one of a listener that is gone.", text},
	{api.ParamRule, "Name of a rule, in the same way.", text},
	{api.ParamPool, "Name of a pool, in the same way.", text},
	{api.ParamTarget, "Key of a target, as in the health, of any pool. Without @ and an address it is all addresses of a DNS name.", text},
	{api.ParamClient, "IP address of clients, or a range in CIDR form.", text},
	{api.ParamIdleFor, "Duration for which nothing has passed, at least.", text},
	{api.ParamOlderThan, "Duration for which they have been open, at least.", text},
	{api.ParamDraining, "Only those that are on their way out, or only those that are not.", boolean},
}

// closeSchema describes the body that says which tunnels are closed, and how.
func closeSchema() *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{}}
	for _, f := range selectorFields {
		s.Properties[f.name] = f.schema()
		s.Properties[f.name].Description, s.Properties[f.name].Nullable = f.doc, true
	}
	whole := func(low, high float64) *huma.Schema {
		return &huma.Schema{Type: huma.TypeInteger, Minimum: &low, Maximum: &high}
	}
	for name, field := range map[string]*huma.Schema{
		"ids":    {Type: huma.TypeArray, Items: text(), MinItems: new(1), MaxItems: new(api.MaxPage), Nullable: true, Description: "Ids of WebSockets, as the list has them."},
		"all":    {Type: huma.TypeBoolean, Description: "Every WebSocket is meant; nothing else selects then."},
		"within": {Type: huma.TypeString, Nullable: true, Default: spec.Brief(api.DefaultCloseWithin), Description: "Time over which the Closes are spread, 0s to 1h."},
		"code": {Type: huma.TypeInteger, Nullable: true, Default: api.DefaultCloseCode, Description: "Code of the Closes.",
			OneOf: []*huma.Schema{{Enum: []any{1000, 1001, 1008, 1012, 1013, nil}}, whole(3000, 4999)}},
		"reason": {Type: huma.TypeString, Description: fmt.Sprintf("Text in the Closes, at most %d bytes of UTF-8.", api.MaxCloseReason)},
	} {
		s.Properties[name] = field
	}
	return s
}

// closeTunnels describes how tunnels are closed.
func (d *description) closeTunnels() *huma.Operation {
	answer := schemaOf[api.TunnelsClosed](d)
	o := d.operation("close-tunnels", "End open WebSockets with a Close", responses(http.StatusAccepted, "How many are closed within the time, and how many were being closed already.", answer), dryRun())
	o.Responses["200"] = responses(http.StatusOK, "Of a dry run, how many would be.", answer)["200"]
	o.Description = "The body selects WebSockets as the list of them does, or by ids, or by all = true."
	d.schemas.kinds["close"] = closeSchema()
	o.RequestBody = body(refTo("close"))
	return o
}
