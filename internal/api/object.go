package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An Item is one object in a list.
type Item struct {
	Name string `json:"name"`
	// ID is the hidden id, kept by renames.
	ID string `json:"id"`
	// ETag is the entity tag of the object, quotes included, as If-Match takes it.
	ETag    string `json:"etag"`
	Retired bool   `json:"retired"`
	// Object is what a GET of the object answers.
	Object json.RawMessage `json:"object"`
	// Facts follow from the object's fields, as when a certificate expires; nil for a kind that has none.
	Facts json.RawMessage `json:"facts,omitempty"`
}

// Revision is that of the ETag; 0 where it is none.
func (i Item) Revision() uint64 {
	revision, err := ParseETag(i.ETag)
	if err != nil {
		return 0
	}
	return revision
}

// Decode reads the object.
func (i Item) Decode(kind *spec.Kind) (spec.Object, spec.Problems) {
	return spec.Decode(kind, i.Object)
}

// A Page is a part of a list, in the order of names.
type Page struct {
	Items []Item `json:"items"`
	// Next asks for the page behind this one; empty on the last.
	Next string `json:"next,omitempty"`
}

// A Holder is an object that names another.
type Holder struct {
	Kind string `json:"kind" tfsdk:"kind"`
	Name string `json:"name" tfsdk:"name"`
}

// Deleted answers a DELETE of an object that others still name.
type Deleted struct {
	Retired bool     `json:"retired"`
	Holders []Holder `json:"holders"`
}

// A Change is one of several writes that are committed together, or imagined together in a dry run. Put and Delete
// exclude each other. Without IfMatch and IfNoneMatch a put creates or updates, whatever is there.
type Change struct {
	Kind string `json:"kind"`
	// Name is the object's name as it stands; the object in Put may give another, which renames it.
	Name string `json:"name"`
	// ID, where given, must be that of the object.
	ID string `json:"id,omitempty"`
	// Put is the wanted object, as a PUT takes it.
	Put    json.RawMessage `json:"put,omitempty"`
	Delete bool            `json:"delete,omitempty"`
	// IfMatch is the revision that the object must still have; 0 means any.
	IfMatch uint64 `json:"if_match,omitempty"`
	// IfNoneMatch wants the object to be new.
	IfNoneMatch bool `json:"if_none_match,omitempty"`
}

// Changes is the body of POST /v1/changes.
type Changes struct {
	Changes []Change `json:"changes"`
}

// ChangesAnswer says what POST /v1/changes, or PUT /v1/config, did or would do.
type ChangesAnswer struct {
	// Revision is that of the configuration.
	Revision uint64 `json:"revision"`
	// Results are in the order of the changes.
	Results []ChangeResult `json:"results"`
}

// A ChangeResult is what one change did or would do.
type ChangeResult struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Outcome is created, updated, unchanged, deleted, retired or revived.
	Outcome string `json:"outcome"`
	// ID and ETag are those of the object; empty after a delete, and in a dry run for what does not exist yet.
	ID   string `json:"id,omitempty"`
	ETag string `json:"etag,omitempty"`
	// Holders are the objects that keep a retired one in service.
	Holders  []Holder      `json:"holders"`
	Warnings spec.Problems `json:"warnings"`
}

// FormatWarning writes a warning as the value of HeaderWarning: JSON in ASCII, since a header is not UTF-8.
func FormatWarning(p spec.Problem) string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("api: encoding a warning: %v", err)) // Two strings always encode.
	}
	var b strings.Builder
	for _, r := range string(text) {
		switch {
		case r <= '~':
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String()
}

// ParseWarning reads what FormatWarning wrote. A value that is no JSON is a message.
func ParseWarning(value string) spec.Problem {
	var p spec.Problem
	if json.Unmarshal([]byte(value), &p) != nil {
		return spec.Problem{Message: value}
	}
	return p
}
