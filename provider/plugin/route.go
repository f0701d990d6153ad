package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// A route is gatewayd_route: what would become of a request. Unlike the other views it has arguments, those of a question.
type route struct{ view }

var (
	_ datasource.DataSourceWithConfigure      = (*route)(nil)
	_ datasource.DataSourceWithValidateConfig = (*route)(nil)
)

// newRoute is gatewayd_route.
func newRoute() datasource.DataSource {
	attributes := explained()
	for name, a := range asked() {
		attributes[name] = a
	}
	return &route{view{name: "route", schema: schema.Schema{
		MarkdownDescription: "Asks the gateway what would become of a request, by the matcher and the health that serve, and makes none: " +
			"for `check` blocks, preconditions and postconditions. `gatewayd explain` tells the same. " +
			"A route that rests on resources of the same configuration needs them in `depends_on`, so that it is read behind them.",
		Attributes: attributes,
	}}}
}

// A question is the arguments, by the names of the API's parameters.
type question struct {
	URL        types.String `tfsdk:"url"`
	Method     types.String `tfsdk:"method"`
	Headers    types.List   `tfsdk:"headers"`
	Client     types.String `tfsdk:"client"`
	AtListener types.String `tfsdk:"at_listener"`
}

func asked() map[string]schema.Attribute {
	optional := func(doc string) schema.Attribute {
		return schema.StringAttribute{Optional: true, MarkdownDescription: doc}
	}
	return map[string]schema.Attribute{
		api.ParamURL: schema.StringAttribute{Required: true, MarkdownDescription: "URL of the request, its path as a client would write it. " +
			"Its port is where the request comes in. With `ws://` or `wss://` it asks to open a WebSocket."},
		api.ParamMethod: optional("Method of the request. Null means `GET`."),
		api.ParamHeaders: schema.ListAttribute{ElementType: types.StringType, Optional: true, MarkdownDescription: "Headers of the request, " +
			"a line each: `X-Team: blue`. One of Host stands in place of the URL's host."},
		api.ParamClient:     optional("IP address of the client, by which pools with `source_hash` choose."),
		api.ParamAtListener: optional("Name of the listener at whose address and port the request comes in, in place of the URL's port."),
	}
}

func explained() map[string]schema.Attribute {
	rule, sent := text("Name of the rule."), text("Path and query that a target gets. Empty where none gets the request.")
	status, reason, message := number("Status of an answer that no target gives, of the gateway's or the rule's own. 0 where a target answers."),
		text("The word of the gateway's own answer, as in `Gatewayd-Reason`. Empty where a target or a rule answers."),
		text("Why the gateway or the rule answers, in words.")
	targets := listOf("The targets of the pool, by key.", map[string]schema.Attribute{
		"target":  text("The key in the pool, or `target/` and the name of a `gatewayd_target`."),
		"address": text("IP address of the target, or `unix:` and the path of its socket."),
		"port":    number("TCP port. 0 for a Unix socket."),
		"state":   text("`healthy`, `unhealthy` or `unknown`."),
		"reason":  text("Why the last probe failed, in words."),
		"choice":  flag("Whether the request may go to it now: by a hash or an affinity cookie to it alone, else to any that is a choice."),
	})
	return map[string]schema.Attribute{
		"address":  text("Address where the request comes in. Empty means every one of the machine."),
		"port":     number("Port where the request comes in."),
		"action":   text("What the rule does: `pool`, `split`, `redirect` or `respond`. Empty where no rule gets to act."),
		"status":   status,
		"reason":   reason,
		"message":  message,
		"location": text("Where a redirect sends the client."),
		"path":     text("The path that rules match, in its normal form, behind the last reroute."),
		"sent":     sent,
		"listener": text("Name of the listener that serves the host. Empty for none."),
		"client_auth": text("Mode of the listener's `client_auth`. Empty where it asks clients for no certificate. What is told is of a client that " +
			"connected for this host, and shows what the listener asks for."),
		"rule":      text("Name of the rule that takes the request. Empty for none."),
		"pool":      text("Name of the rule's pool. Empty where its action is another."),
		"setting":   text("Name of the rule's setting. Empty where its action is another."),
		"rewritten": flag("Whether a rewrite was done. `path`, `sent` and `location` are what it made of them; headers that it changes are not told."),
		"rerouted": schema.ListAttribute{ElementType: types.StringType, Computed: true,
			MarkdownDescription: "The rules whose rewrites had the rule chosen anew, in order."},
		"shares": listOf("The shares of a split, by key. A request draws one of them by weight.", map[string]schema.Attribute{
			"share": text("Key of the share."), "weight": number("Its weight."), "pool": text("Name of its pool."), "setting": text("Name of its setting."),
			"sent": sent, "status": status, "reason": reason, "message": message, "targets": targets,
		}),
		"targets": targets,
		"passed": listOf("Rules of the listener that do not take the request, the nearest first, at most 20.", map[string]schema.Attribute{
			"rule": rule, "why": text("Why it does not, in words."),
		}),
		"more": number("How many other rules do not take it."),
	}
}

// ValidateConfig refuses what would not be one header a line.
func (r *route) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	headers := ask(ctx, req.Config, &resp.Diagnostics).Headers
	for i, e := range headers.Elements() {
		line, is := e.(types.String)
		if !is || line.IsUnknown() {
			continue
		}
		if name, _, parted := strings.Cut(line.ValueString(), ":"); !parted || name == "" || strings.ContainsAny(line.ValueString(), "\r\n") {
			where := fmt.Sprintf("%s[%d]", api.ParamHeaders, i)
			resp.Diagnostics.AddAttributeError(path.Root(api.ParamHeaders).AtListIndex(i), "Invalid value for "+where,
				where+` must be a header, such as "X-Team: blue", in one line.`)
		}
	}
}

// ask reads the arguments.
func ask(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) (q question) {
	for name, value := range map[string]any{
		api.ParamURL: &q.URL, api.ParamMethod: &q.Method, api.ParamHeaders: &q.Headers, api.ParamClient: &q.Client, api.ParamAtListener: &q.AtListener,
	} {
		diags.Append(config.GetAttribute(ctx, path.Root(name), value)...)
	}
	return q
}

// Read asks the gateway. What is wrong with the question is told at its argument.
func (r *route) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	const summary = "Unable to ask the gateway for a route"
	q := ask(ctx, req.Config, &resp.Diagnostics)
	var headers []string
	resp.Diagnostics.Append(q.Headers.ElementsAs(ctx, &headers, false)...)
	c := r.gateway.Reach(summary, &resp.Diagnostics)
	if c == nil || resp.Diagnostics.HasError() {
		return
	}
	answer, err := c.Explain(ctx, api.Question{URL: q.URL.ValueString(), Method: q.Method.ValueString(), Headers: headers,
		Client: q.Client.ValueString(), AtListener: q.AtListener.ValueString()})
	if refusal, ok := errors.AsType[*api.Error](err); ok && len(refusal.Problems) > 0 {
		for _, p := range refusal.Problems {
			resp.Diagnostics.Append(diag.WithPath(path.Root(p.Path), diag.NewErrorDiagnostic(summary, p.Path+" "+p.Message+".")))
		}
		return
	}
	if err != nil {
		resp.Diagnostics.Append(r.gateway.Failed(nil, summary, err)...)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, struct {
		question
		api.Explanation
	}{q, *answer})...)
}
