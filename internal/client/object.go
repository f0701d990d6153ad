package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Meta is what an answer says of an object beside its fields.
type Meta struct {
	// ID is the hidden id, kept by renames and revivals.
	ID string
	// Revision is that of the object's own last write: what Update and Delete take.
	Revision uint64
	// Config is the revision of the whole configuration, after a write the one that it made: what Drains takes.
	Config uint64
	// Outcome of a write: created, updated, unchanged or revived.
	Outcome string
	// Warnings are what is legal and may not be meant.
	Warnings spec.Problems
	// Retired objects were deleted and still serve those that name them.
	Retired bool
	// Version is that of the gateway.
	Version string
}

func metaOf(a *answer) Meta {
	m := Meta{
		ID:      a.header.Get(api.HeaderID),
		Outcome: a.header.Get(api.HeaderOutcome),
		Retired: a.header.Get(api.HeaderRetired) == "true",
		Version: a.header.Get(api.HeaderVersion),
	}
	m.Revision, _ = api.ParseETag(a.header.Get("Etag"))
	m.Config = configOf(a)
	for _, value := range a.header.Values(api.HeaderWarning) {
		m.Warnings = append(m.Warnings, api.ParseWarning(value))
	}
	return m
}

// configOf is the revision of the configuration in an answer; 0 where it names none.
func configOf(a *answer) uint64 {
	revision, err := strconv.ParseUint(a.header.Get(api.HeaderRevision), 10, 64)
	if err != nil {
		return 0
	}
	return revision
}

// Get reads an object. With an id it is the object of that id, whatever its name is by now, or else that of the name.
// An error that api.IsNotFound knows means that there is none.
func (c *Client) Get(ctx context.Context, kind *spec.Kind, name, id string) (spec.Object, Meta, error) {
	r := request{method: http.MethodGet, path: api.ObjectPath(kind, name), safe: true}
	if id != "" {
		r.query = url.Values{api.ParamID: {id}}
	}
	a, err := c.do(ctx, r)
	if err != nil {
		return nil, Meta{}, err
	}
	meta := metaOf(a)
	o, ps := spec.Decode(kind, a.body)
	if len(ps) > 0 {
		return nil, Meta{}, fmt.Errorf("the gateway (gatewayd %s) answered with a %s that this version does not understand; upgrade this side: %w", meta.Version, kind, ps)
	}
	return o, meta, nil
}

// Create makes a new object. api.IsExists knows the error where its name is taken. An empty key means a fresh one.
func (c *Client) Create(ctx context.Context, kind *spec.Kind, o spec.Object, key string) (Meta, error) {
	return c.put(ctx, request{path: api.ObjectPath(kind, o.Key()), header: http.Header{"If-None-Match": {"*"}}}, o, key)
}

// Update writes the object that is called name now; another name in o renames it. revision is the one that the object
// was read at: api.IsChanged knows the error where somebody was faster. 0 means any revision. An empty key means a
// fresh one.
func (c *Client) Update(ctx context.Context, kind *spec.Kind, name string, o spec.Object, revision uint64, key string) (Meta, error) {
	return c.Known(kind, name, "").Update(ctx, o, revision, key)
}

// A Known is an object that the caller read or wrote before. Its writes meet this object and no other that came to have
// the name: where somebody renamed it meanwhile, they fail with an error that api.IsChanged knows.
type Known struct {
	client *Client
	kind   *spec.Kind
	name   string
	query  url.Values // nil where the id is not known
}

// Known is the object that was called name and has the id. With an empty id it is whatever has the name.
func (c *Client) Known(kind *spec.Kind, name, id string) Known {
	k := Known{client: c, kind: kind, name: name}
	if id != "" {
		k.query = url.Values{api.ParamID: {id}}
	}
	return k
}

func (k Known) request(revision uint64) request {
	return request{path: api.ObjectPath(k.kind, k.name), query: k.query, header: ifMatch(revision)}
}

// Update is Client.Update of the object.
func (k Known) Update(ctx context.Context, o spec.Object, revision uint64, key string) (Meta, error) {
	return k.client.put(ctx, k.request(revision), o, key)
}

// A Deletion is what became of an object that was deleted.
type Deletion struct {
	// Holders are those that still name it, where it is retired instead.
	Holders []api.Holder
	// Config is as in Meta; 0 where the answer was lost and the gateway does not remember it any more.
	Config uint64
}

// Delete is Client.Delete of the object.
func (k Known) Delete(ctx context.Context, revision uint64, key string) (Deletion, error) {
	r := k.request(revision)
	r.method = http.MethodDelete
	a, err := k.client.write(ctx, r, key)
	if api.IsNotFound(err) && a != nil && a.repeated {
		// The gateway gives a lost answer again for an hour, with its revision. It does not after a restart, when nothing
		// is open any more of what the first attempt took out, nor where somebody else deleted the object in between.
		return Deletion{}, nil
	}
	return deletionOf(a, err)
}

func ifMatch(revision uint64) http.Header {
	if revision == 0 {
		return http.Header{"If-Match": {"*"}}
	}
	return http.Header{"If-Match": {api.ETag(revision)}}
}

// put sends only what differs from the defaults, and secrets, so that a gateway that does not know a newer field is not asked about
// it without need.
func (c *Client) put(ctx context.Context, r request, o spec.Object, key string) (Meta, error) {
	r.method, r.body = http.MethodPut, spec.EncodeWhole(o)
	a, err := c.write(ctx, r, key)
	if err != nil {
		return Meta{}, err
	}
	return metaOf(a), nil
}

// write performs a call that changes something, with an idempotency key, which makes it safe to repeat.
func (c *Client) write(ctx context.Context, r request, key string) (*answer, error) {
	if key == "" {
		key = NewKey()
	}
	if !api.ValidKey(key) {
		return nil, fmt.Errorf("the idempotency key must be 1 to %d visible ASCII characters", api.MaxKey)
	}
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(api.HeaderIdempotencyKey, key)
	r.safe = true
	return c.do(ctx, r)
}

// Delete removes an object. holders are those that still name it, where it is retired instead: gone from every read,
// serving them until the last lets go. revision is as in Update. An empty key means a fresh one.
func (c *Client) Delete(ctx context.Context, kind *spec.Kind, name string, revision uint64, key string) (holders []api.Holder, err error) {
	d, err := c.Known(kind, name, "").Delete(ctx, revision, key)
	return d.Holders, err
}

// Drop removes a retired object now, although others still name it: holders are those that are left without it.
func (c *Client) Drop(ctx context.Context, kind *spec.Kind, name string, key string) (holders []api.Holder, err error) {
	d, err := deletionOf(c.write(ctx, request{
		method: http.MethodDelete, path: api.ObjectPath(kind, name),
		query: url.Values{api.ParamRetired: {"true"}}, header: ifMatch(0),
	}, key))
	return d.Holders, err
}

// deletionOf reads the answer to a DELETE; it has no body where nobody holds the object.
func deletionOf(a *answer, err error) (Deletion, error) {
	if err != nil {
		return Deletion{}, err
	}
	d := Deletion{Config: configOf(a)}
	if a.status == http.StatusNoContent {
		return d, nil
	}
	var deleted api.Deleted
	if err := json.Unmarshal(a.body, &deleted); err != nil {
		return Deletion{}, fmt.Errorf("the answer to a DELETE is not the JSON that was expected: %w", err)
	}
	d.Holders = deleted.Holders
	return d, nil
}

// List reads every object of a kind, in the order of names, a page at a time.
func (c *Client) List(ctx context.Context, kind *spec.Kind) ([]api.Item, error) {
	return c.list(ctx, kind, url.Values{})
}

// ListRetired reads the objects of a kind that were deleted and still serve those that name them.
func (c *Client) ListRetired(ctx context.Context, kind *spec.Kind) ([]api.Item, error) {
	return c.list(ctx, kind, url.Values{api.ParamRetired: {"true"}})
}

func (c *Client) list(ctx context.Context, kind *spec.Kind, query url.Values) ([]api.Item, error) {
	query.Set(api.ParamLimit, strconv.Itoa(api.MaxPage))
	var items []api.Item
	for {
		var page api.Page
		if _, err := c.read(ctx, api.CollectionPath(kind), query, &page); err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if page.Next == "" {
			return items, nil
		}
		// A token that does not move on would ask for the same page for ever.
		if page.Next == query.Get(api.ParamNext) || len(page.Items) == 0 {
			return nil, fmt.Errorf("the gateway gives the list of %s without an end", kind.Collection)
		}
		query.Set(api.ParamNext, page.Next)
	}
}
