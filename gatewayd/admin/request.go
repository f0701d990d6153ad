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

// A limit is what a body may be at most: bytes, and elements of the lists in its outermost object, where what says what
// they are.
type limit struct {
	bytes, elements int
	what            string
}

// The limits of a whole configuration, of a list of changes and of one object.
var (
	configLimit  = limit{api.MaxConfig, api.MaxObjects, "objects"}
	changesLimit = limit{api.MaxBody, api.MaxChanges, "changes"}
	objectLimit  = limit{bytes: api.MaxBody}
)

// readBody reads a JSON body within its limit.
func readBody(r *http.Request, most limit) ([]byte, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != api.MediaJSON || len(r.Header["Content-Type"]) != 1 {
		return nil, api.NewError(api.UnsupportedMedia, "The body must be sent as Content-Type: %s.", api.MediaJSON)
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, api.NewError(api.UnsupportedMedia, "The body must be sent without Content-Encoding.")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(most.bytes)+1))
	if err != nil {
		return nil, api.NewError(api.Malformed, "The body ended early or came too slowly.")
	}
	if len(body) > most.bytes {
		_, _ = io.CopyN(io.Discard, r.Body, maxDrained) // Only to be polite.
		return nil, api.NewError(api.TooLarge, "The body is larger than %d MiB.", most.bytes>>20)
	}
	values, elements := measure(body)
	if most.elements > 0 && elements > most.elements {
		return nil, api.NewError(api.TooLarge, "The body has more than %d %s.", most.elements, most.what)
	}
	if values > max(fewValues, len(body)/bytesPerValue) {
		return nil, api.NewError(api.TooLarge, "The body consists of more JSON values than any object that there is.")
	}
	return body, nil
}

const (
	// fewValues is how many JSON values a body may have however short it is.
	fewValues = 10_000
	// bytesPerValue is the least that each of more values takes in sensible bodies, where it has a name. A value costs the
	// decoder some hundred bytes, so that one of two bytes would make a small body a large one.
	bytesPerValue = 6
)

// measure counts, before anything is decoded, the values of a JSON text and the elements of the lists in its outermost
// object. Neither is less than what a decoder finds.
func measure(text []byte) (values, elements int) {
	values = 1
	depth, quoted := 0, false
	first := false // behind an opening bracket; what is no closing one begins the first element
	for i := 0; i < len(text); i++ {
		c := text[i]
		next := !quoted && (c == ',' || first && c != ']' && c != '}' && strings.IndexByte(" \t\r\n", c) < 0)
		if next {
			values++
			first = false
			if depth == 2 {
				elements++
			}
		}
		switch {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			first = true
		case c == ']' || c == '}':
			depth--
			first = false
		}
	}
	return values, elements
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
