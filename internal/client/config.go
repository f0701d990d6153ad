package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Put is a change that creates or updates the object that is called name now.
func Put(name string, o spec.Object) api.Change {
	return api.Change{Kind: spec.KindOf(o).Name, Name: name, Put: spec.EncodeWhole(o)}
}

// Changes writes several objects in one commit, all or none. With dryRun nothing is written, and the answer says what
// would be. An *api.Error's ProblemsOf sorts the problems by change.
func (c *Client) Changes(ctx context.Context, changes []api.Change, dryRun bool) (*api.ChangesAnswer, error) {
	body, err := json.Marshal(api.Changes{Changes: changes})
	if err != nil {
		return nil, fmt.Errorf("unable to encode the changes: %w", err)
	}
	r := request{method: http.MethodPost, path: api.PathChanges, body: body}
	if dryRun {
		r.query = url.Values{api.ParamDryRun: {"true"}}
	}
	return c.answerOf(c.write(ctx, r, ""))
}

// Config reads the whole configuration: a document with one key a collection. The revision is what ReplaceConfig takes.
func (c *Client) Config(ctx context.Context) ([]byte, error) {
	document, _, err := c.ConfigRevision(ctx)
	return document, err
}

// ConfigRevision is Config with the revision of the configuration.
func (c *Client) ConfigRevision(ctx context.Context) (document []byte, revision uint64, err error) {
	a, err := c.do(ctx, request{method: http.MethodGet, path: api.PathConfig, safe: true})
	if err != nil {
		return nil, 0, err
	}
	revision, err = api.ParseETag(a.header.Get("Etag"))
	if err != nil {
		revision = 0 // An empty configuration was never written.
	}
	return a.body, revision, nil
}

// ReplaceConfig makes the document the whole configuration, in one commit: what is not in it is deleted. revision is
// that of the configuration that it replaces; 0 means any.
func (c *Client) ReplaceConfig(ctx context.Context, document []byte, revision uint64, dryRun bool) (*api.ChangesAnswer, error) {
	r := request{method: http.MethodPut, path: api.PathConfig, header: ifMatch(revision), body: document}
	if dryRun {
		r.query = url.Values{api.ParamDryRun: {"true"}}
	}
	return c.answerOf(c.write(ctx, r, ""))
}

func (c *Client) answerOf(a *answer, err error) (*api.ChangesAnswer, error) {
	if err != nil {
		return nil, err
	}
	var changes api.ChangesAnswer
	if err := json.Unmarshal(a.body, &changes); err != nil {
		return nil, fmt.Errorf("the answer to the changes is not the JSON that was expected: %w", err)
	}
	return &changes, nil
}
