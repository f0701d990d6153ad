package admin

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// maxDrained bounds what is read of a body that is too large, so that the client gets to read the answer, in bytes.
const maxDrained = 16 << 20

// checkParams refuses parameters that the action does not know: a misspelt dry_run must not write.
func checkParams(r *http.Request, known []string) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return api.NewError(api.Malformed, "The query of the URL is broken.")
	}
	for name, values := range query {
		switch {
		case !slices.Contains(known, name) && len(known) == 0:
			return api.NewError(api.Malformed, "The URL has the parameter %q; a %s of it takes none.", short(name), r.Method)
		case !slices.Contains(known, name):
			return api.NewError(api.Malformed, "The URL has the parameter %q; a %s of it takes %s.", short(name), r.Method, strings.Join(known, ", "))
		case len(values) > 1:
			return api.NewError(api.Malformed, "The URL has the parameter %q more than once.", name)
		}
	}
	return nil
}

// short cuts what a client sent before it stands in an answer.
func short(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "..."
	}
	return s
}

// flag reads a parameter that is true or false.
func flag(r *http.Request, name string) (bool, error) {
	query := r.URL.Query()
	switch value := query.Get(name); {
	case !query.Has(name) || value == "false":
		return false, nil
	case value == "true":
		return true, nil
	default:
		return false, api.NewError(api.Malformed, "The parameter %s must be true or false, not %q.", name, short(value))
	}
}

// kindOf is the kind of the collection in the URL.
func kindOf(r *http.Request) (*spec.Kind, error) {
	if kind := spec.KindByCollection(r.PathValue("collection")); kind != nil {
		return kind, nil
	}
	var collections []string
	for _, k := range spec.Kinds() {
		collections = append(collections, k.Collection)
	}
	return nil, api.NewError(api.UnknownPath, "There is no collection %q; there are %s.", short(r.PathValue("collection")), strings.Join(collections, ", "))
}

// readBody reads a JSON body within its limit.
func readBody(r *http.Request) ([]byte, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != api.MediaJSON || len(r.Header["Content-Type"]) != 1 {
		return nil, api.NewError(api.UnsupportedMedia, "The body must be sent as Content-Type: %s.", api.MediaJSON)
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, api.NewError(api.UnsupportedMedia, "The body must be sent without Content-Encoding.")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, api.MaxBody+1))
	if err != nil {
		return nil, api.NewError(api.Malformed, "The body ended early or came too slowly.")
	}
	if len(body) > api.MaxBody {
		_, _ = io.CopyN(io.Discard, r.Body, maxDrained) // Only to be polite.
		return nil, api.NewError(api.TooLarge, "The body is larger than %d MiB.", api.MaxBody>>20)
	}
	return body, nil
}

// undecodable makes an answer of what a decoder said: 400 for what is no JSON, 422 for JSON of the wrong shape.
func undecodable(body []byte, ps spec.Problems) error {
	reason, detail := api.Invalid, "The body has fields that cannot be read."
	if !json.Valid(body) {
		reason, detail = api.Malformed, "The body is not valid JSON."
	}
	e := api.NewError(reason, "%s", detail)
	e.Problems = ps
	return e
}

// A precondition is what a write rests on.
type precondition struct {
	// match is the revision of If-Match, or 0. anyMatch is If-Match: *, noneMatch is If-None-Match: *.
	match               uint64
	anyMatch, noneMatch bool
}

func readPrecondition(r *http.Request) (precondition, error) {
	var p precondition
	matches, nones := r.Header["If-Match"], r.Header["If-None-Match"]
	switch {
	case len(matches)+len(nones) > 1:
		return p, api.NewError(api.Malformed, "A write takes one If-Match or one If-None-Match.")
	case len(nones) == 1:
		if strings.TrimSpace(nones[0]) != "*" {
			return p, api.NewError(api.Malformed, "If-None-Match of a write must be *, which means that the object is new.")
		}
		p.noneMatch = true
	case len(matches) == 1 && strings.TrimSpace(matches[0]) == "*":
		p.anyMatch = true
	case len(matches) == 1:
		revision, err := api.ParseETag(strings.TrimSpace(matches[0]))
		if err != nil {
			return p, api.NewError(api.Malformed, "If-Match %s.", err)
		}
		p.match = revision
	}
	return p, nil
}

// readKey is the idempotency key, or "".
func readKey(r *http.Request) (string, error) {
	values := r.Header[api.HeaderIdempotencyKey]
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || !api.ValidKey(values[0]) {
		return "", api.NewError(api.Malformed, "%s must be one value of 1 to %d visible ASCII characters.", api.HeaderIdempotencyKey, api.MaxKey)
	}
	return values[0], nil
}
