package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// schemaPrefix stands before the name of a schema in a reference.
const schemaPrefix = "#/components/schemas/"

// openAPI writes the API's description, OpenAPI 3.1. Everything it says of kinds and fields comes from spec, so that
// there is no second copy of a default or a range.
func openAPI(version string) []byte {
	d := &description{schemas: &schemas{
		Registry: huma.NewMapRegistry(schemaPrefix, huma.DefaultSchemaNamer),
		kinds:    map[string]*huma.Schema{},
	}}
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "gatewayd admin API", Version: version,
			Description: "Configuration and state of a gateway. A failure is a problem document whose problems name fields of the body by their path.",
		},
		Security: []map[string][]string{{"token": {}}},
		Components: &huma.Components{
			Schemas: d.schemas,
			SecuritySchemes: map[string]*huma.SecurityScheme{"token": {
				Type: "http", Scheme: "bearer", Description: "The admin token is in the file " + TokenFile + " of the data directory.",
			}},
		},
		Paths: map[string]*huma.PathItem{},
	}
	for _, kind := range spec.Kinds() {
		d.kind(doc.Paths, kind)
	}
	d.documents(doc.Paths)
	d.views(doc.Paths)
	doc.Paths[api.PathClose] = &huma.PathItem{Post: d.closeTunnels()}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("admin: encoding the OpenAPI document: %v", err)) // It is made of values that encode.
	}
	return append(text, '\n')
}

// schemas are those of the kinds beside those that huma makes of Go types.
type schemas struct {
	huma.Registry
	kinds map[string]*huma.Schema
}

// Map is every schema by name.
func (s *schemas) Map() map[string]*huma.Schema {
	all := maps.Clone(s.Registry.Map())
	maps.Copy(all, s.kinds)
	return all
}

// MarshalJSON writes the schemas by name.
func (s *schemas) MarshalJSON() ([]byte, error) { return json.Marshal(s.Map()) }

// A description is the document in the making.
type description struct{ schemas *schemas }

// schemaOf is a reference to the schema of a Go type of the wire.
func schemaOf[T any](d *description) *huma.Schema {
	return d.schemas.Schema(reflect.TypeFor[T](), true, "")
}

func refTo(name string) *huma.Schema { return &huma.Schema{Ref: schemaPrefix + name} }

// kindName is the name of a kind's schema.
func kindName(kind *spec.Kind) string { return "kind." + kind.Name }

// kind describes a collection and its objects.
func (d *description) kind(paths map[string]*huma.PathItem, kind *spec.Kind) {
	object := objectSchema(kind.Fields())
	object.Description = kind.Doc
	d.schemas.kinds[kindName(kind)] = object
	page := kindName(kind) + ".page"
	d.schemas.kinds[page] = pageSchema(kind)

	name := &huma.Param{Name: "name", In: "path", Required: true, Schema: text(), Description: "Name of the " + kind.Name + "."}
	id := query(api.ParamID, text(), "Hidden id of the object. A read finds a renamed object by it; a write is refused where the object has another.")
	retired := query(api.ParamRetired, boolean(), "Turn to objects that were deleted and still serve those that name them.")
	paths[api.CollectionPath(kind)] = &huma.PathItem{
		Get: d.operation("list-"+kind.Collection, "List the "+kind.Collection, responses(http.StatusOK, "A page, in the order of names.", refTo(page)),
			query(api.ParamLimit, between(1, api.MaxPage), fmt.Sprintf("Size of the page; %d where it is not given.", api.DefaultPage)),
			query(api.ParamNext, text(), "What the page before gave as next."), retired),
	}
	put := d.operation("put-"+kind.Name, "Create, update, rename or revive a "+kind.Name,
		responses(http.StatusOK, "The object, updated or equal to what it was; of a dry run, what would be done.",
			&huma.Schema{OneOf: []*huma.Schema{refTo(kindName(kind)), schemaOf[api.ChangesAnswer](d)}}),
		name, id, dryRun(), header("If-None-Match", "*, to create."), header("If-Match", "The ETag that the object was read with, or *, to update."), idempotencyKey())
	put.Responses["201"] = responses(http.StatusCreated, "The object, created or revived.", refTo(kindName(kind)))["201"]
	put.RequestBody = body(refTo(kindName(kind)))
	remove := d.operation("delete-"+kind.Name, "Delete a "+kind.Name,
		responses(http.StatusOK, "The object is retired and serves its holders, or it was dropped and left them without it; of a dry run, what would be done.",
			&huma.Schema{OneOf: []*huma.Schema{schemaOf[api.Deleted](d), schemaOf[api.ChangesAnswer](d)}}),
		name, id, dryRun(), retired, header("If-Match", "The ETag that the object was read with, or * for any."), idempotencyKey())
	remove.Responses["204"] = &huma.Response{Description: "The object is gone."}
	paths[api.CollectionPath(kind)+"/{name}"] = &huma.PathItem{
		Get: d.operation("get-"+kind.Name, "Read a "+kind.Name, responses(http.StatusOK, "The object, as a PUT takes it. Its revision is in ETag, its id in "+api.HeaderID+".", refTo(kindName(kind))),
			name, id, retired),
		Put: put, Delete: remove,
	}
}

// documents describes writes of several objects.
func (d *description) documents(paths map[string]*huma.PathItem) {
	done := responses(http.StatusOK, "What was done; of a dry run, what would be.", schemaOf[api.ChangesAnswer](d))
	changes := d.operation("post-changes", "Make several changes in one commit", done, dryRun(), idempotencyKey())
	d.schemas.kinds["changes"] = changesSchema()
	changes.RequestBody = body(refTo("changes"))
	paths[api.PathChanges] = &huma.PathItem{Post: changes}

	config := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, AdditionalProperties: false}
	for _, kind := range spec.Kinds() {
		config.Properties[kind.Collection] = &huma.Schema{Type: huma.TypeArray, Items: refTo(kindName(kind)), Description: kind.Doc}
	}
	d.schemas.kinds["config"] = config
	replace := d.operation("put-config", "Replace the whole configuration in one commit", done, dryRun(),
		header("If-Match", "The ETag of the configuration that is replaced, or * for any."), idempotencyKey())
	replace.RequestBody = body(refTo("config"))
	paths[api.PathConfig] = &huma.PathItem{
		Get: d.operation("get-config", "Read the whole configuration", responses(http.StatusOK, "Every object that is not retired.", refTo("config"))),
		Put: replace,
	}
}

// views describes what is read only.
func (d *description) views(paths map[string]*huma.PathItem) {
	plain := &huma.Response{Description: "ok", Content: map[string]*huma.MediaType{"text/plain": {Schema: text()}}}
	for path, get := range map[string]*huma.Operation{
		api.PathHealth: d.operation("get-health", "Read the health of every target", responses(http.StatusOK, "By pool, setting and target.", schemaOf[api.Health](d)),
			query(api.ParamPool, text(), "Name of a pool: answer for it alone, with the last results of each target.")),
		api.PathDrains + "/{revision}": d.operation("get-drains", "Follow what a change ended", responses(http.StatusOK, "What is gone since that revision, and how much of it is still open.", schemaOf[api.Drains](d)),
			&huma.Param{Name: "revision", In: "path", Required: true, Schema: between(0, math.MaxInt64), Description: "Revision of the configuration, as the answer to the change has it in " + api.HeaderRevision + "."}),
		api.PathExplain: d.operation("get-explain", "Explain what would become of a request", responses(http.StatusOK, "What serves it, or why nothing does.", schemaOf[api.Explanation](d)),
			query(api.ParamURL, text(), "URL of the request, its path as a client would write it. Its port is where the request comes in."),
			query(api.ParamMethod, text(), "Method; GET where it is left out."),
			query(api.ParamHeaders, text(), "Header lines, parted by line feeds. One of Host stands in place of the URL's host."),
			query(api.ParamClient, text(), "IP address of the client, by which pools with source_hash choose."),
			query(api.ParamAtListener, text(), "Name of a listener at whose address and port the request comes in, in place of the URL's port.")),
		api.PathTunnels: d.tunnels(),
		api.PathEvents:  d.events(),
		api.PathStatus:  d.operation("get-status", "Read the state of the gateway", responses(http.StatusOK, "Version, revision, conditions, retired objects.", schemaOf[api.Status](d))),
		api.PathMetrics: d.operation("get-metrics", "Read the metrics, in the text form of Prometheus", map[string]*huma.Response{"200": plain}),
		api.PathOpenAPI: d.operation("get-openapi", "Read this document", responses(http.StatusOK, "OpenAPI 3.1.", &huma.Schema{Type: huma.TypeObject})),
		api.PathLive:    d.operation("get-live", "Ask whether the process serves", map[string]*huma.Response{"200": plain}),
		api.PathReady:   d.operation("get-ready", "Ask whether the gateway should get connections", map[string]*huma.Response{"200": plain}),
	} {
		if path == api.PathLive || path == api.PathReady {
			get.Security = []map[string][]string{{}}
		}
		paths[path] = &huma.PathItem{Get: get}
	}
}

// operation is one method of a path; every one can fail with a problem.
func (d *description) operation(id, summary string, responses map[string]*huma.Response, params ...*huma.Param) *huma.Operation {
	all := maps.Clone(responses)
	all["default"] = &huma.Response{
		Description: "A problem.",
		Content:     map[string]*huma.MediaType{api.MediaProblem: {Schema: schemaOf[api.Error](d)}},
	}
	return &huma.Operation{OperationID: id, Summary: summary, Parameters: params, Responses: all}
}

func responses(status int, doc string, schema *huma.Schema) map[string]*huma.Response {
	return map[string]*huma.Response{fmt.Sprint(status): {
		Description: doc, Content: map[string]*huma.MediaType{api.MediaJSON: {Schema: schema}},
	}}
}

func body(schema *huma.Schema) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{api.MediaJSON: {Schema: schema}}}
}

func query(name string, schema *huma.Schema, doc string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Schema: schema, Description: doc}
}

func header(name, doc string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Schema: text(), Description: doc}
}

func dryRun() *huma.Param {
	return query(api.ParamDryRun, boolean(), "Answer what would be done, and do not do it.")
}

func idempotencyKey() *huma.Param {
	p := header(api.HeaderIdempotencyKey, "Visible ASCII. A repetition with the same key gets the first answer again.")
	p.Schema.MinLength, p.Schema.MaxLength = new(1), new(api.MaxKey)
	return p
}
