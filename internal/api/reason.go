package api

import (
	"net/http"
	"strings"
)

// A Reason is why a request failed, in one word. It travels in the problem's type, because one status can have several
// reasons, and a client acts on the reason.
type Reason string

// The reasons. The first group is the configuration's, the second the protocol's.
const (
	Invalid              Reason = "invalid"
	NotFound             Reason = "not_found"
	Exists               Reason = "exists"
	Changed              Reason = "changed"
	PreconditionRequired Reason = "precondition_required"
	Conflict             Reason = "conflict"
	Unavailable          Reason = "unavailable"

	Malformed        Reason = "malformed"
	Unauthorized     Reason = "unauthorized"
	Forbidden        Reason = "forbidden"
	UnknownPath      Reason = "unknown_path"
	MethodNotAllowed Reason = "method_not_allowed"
	UnsupportedMedia Reason = "unsupported_media_type"
	TooLarge         Reason = "too_large"
	Misdirected      Reason = "misdirected"
	TooMany          Reason = "too_many_requests"
	Internal         Reason = "internal"
	// Unspecified is a failure that no gatewayd reported: a proxy's on the way, or a newer gatewayd's.
	Unspecified Reason = "unspecified"
)

// A row of the one table between reasons and the wire.
type row struct {
	reason Reason
	status int
	title  string
}

// table is read from left to right by the gateway and from right to left by the client, where the type is missing.
// Of several rows with one status the first is what a bare status means; 404 without a type is never NotFound, since a
// wrong URL must not look like a deleted object.
var table = []row{
	{Malformed, http.StatusBadRequest, "Malformed request"},
	{Unauthorized, http.StatusUnauthorized, "Not authorized"},
	{Forbidden, http.StatusForbidden, "Refused"},
	{UnknownPath, http.StatusNotFound, "No such URL"},
	{NotFound, http.StatusNotFound, "Not found"},
	{MethodNotAllowed, http.StatusMethodNotAllowed, "Method not allowed"},
	{Conflict, http.StatusConflict, "Conflict"},
	{Changed, http.StatusPreconditionFailed, "Changed by somebody else"},
	{Exists, http.StatusPreconditionFailed, "Exists already"},
	{TooLarge, http.StatusRequestEntityTooLarge, "Body too large"},
	{UnsupportedMedia, http.StatusUnsupportedMediaType, "Unsupported media type"},
	{Misdirected, http.StatusMisdirectedRequest, "Not this host"},
	{Invalid, http.StatusUnprocessableEntity, "Invalid"},
	{PreconditionRequired, http.StatusPreconditionRequired, "Precondition required"},
	{TooMany, http.StatusTooManyRequests, "Too many requests"},
	{Internal, http.StatusInternalServerError, "Internal error"},
	{Unavailable, http.StatusServiceUnavailable, "Unavailable"},
}

// Status is the HTTP status of a reason; 500 for one that the table does not know.
func (r Reason) Status() int {
	for _, row := range table {
		if row.reason == r {
			return row.status
		}
	}
	return http.StatusInternalServerError
}

// title is the same for every error of a reason (RFC 9457, 3.1.3).
func (r Reason) title() string {
	for _, row := range table {
		if row.reason == r {
			return row.title
		}
	}
	return "Internal error"
}

// ReasonOf is what a status means where a problem has no type of ours.
func ReasonOf(status int) Reason {
	for _, row := range table {
		if row.status == status {
			return row.reason
		}
	}
	return Unspecified
}

// typePrefix stands before the reason in a problem's type, which must be a URI (RFC 9457, 3.1.1).
const typePrefix = "urn:gatewayd:problem:"

func (r Reason) uri() string { return typePrefix + string(r) }

// reasonOfType is the reason in a type; "" where the type is not ours.
func reasonOfType(uri string) Reason {
	word, ok := strings.CutPrefix(uri, typePrefix)
	if !ok {
		return ""
	}
	for _, row := range table {
		if string(row.reason) == word {
			return row.reason
		}
	}
	return ""
}
