package admin

import (
	"encoding/base64"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
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
	e := api.NewError(api.Malformed, "The query selects no tunnels: %s.", problems)
	e.Problems = problems
	return e
}

// tunnels describes the list of tunnels.
func (d *description) tunnels() *huma.Operation {
	sort := text()
	for _, word := range api.TunnelOrders {
		sort.Enum = append(sort.Enum, word)
	}
	return d.operation("list-tunnels", "List the open WebSockets", responses(http.StatusOK, "A page.", schemaOf[api.Tunnels](d)),
		query(api.ParamListener, text(), "Name of a listener, as it is now, or the last one of a listener that is gone."),
		query(api.ParamRule, text(), "Name of a rule, in the same way."),
		query(api.ParamPool, text(), "Name of a pool, in the same way."),
		query(api.ParamTarget, text(), "Key of a target, as in the health, of any pool. Without @ and an address it is all addresses of a DNS name."),
		query(api.ParamClient, text(), "IP address of clients, or a range in CIDR form."),
		query(api.ParamIdleFor, text(), "Duration for which nothing has passed, at least."),
		query(api.ParamOlderThan, text(), "Duration for which they have been open, at least."),
		query(api.ParamDraining, boolean(), "Only those that are on their way out, or only those that are not."),
		query(api.ParamSort, sort, "Order: by the beginning, by the last byte, or by the bytes in all. Only lists in the order of beginnings have more than one page."),
		query(api.ParamLimit, between(1, api.MaxPage), fmt.Sprintf("Size of the page; %d where it is not given.", api.DefaultPage)),
		query(api.ParamNext, text(), "What the page before gave as next."))
}
