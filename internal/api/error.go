package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An Error is a request that failed: the body of application/problem+json (RFC 9457) and, in Go, an error.
type Error struct {
	// Type is a URI that ends in the Reason.
	Type string `json:"type"`
	// Title is the same for every error of a reason.
	Title string `json:"title"`
	// Status is the HTTP status.
	Status int `json:"status"`
	// Detail is one or more sentences for the person who made the request.
	Detail string `json:"detail"`
	// Problems are what is wrong with the fields; a path leads to a field in the request's body.
	Problems spec.Problems `json:"problems"`
	// Current is the revision of the object as it stands, where the request rested on another one; else 0.
	Current uint64 `json:"current,omitempty"`

	// Version is that of the gatewayd that answered, from its header; empty where none did.
	Version string `json:"-"`
}

// NewError makes an error of a reason. The detail is text for a user.
func NewError(reason Reason, format string, args ...any) *Error {
	return &Error{
		Type: reason.uri(), Title: reason.title(), Status: reason.Status(),
		Detail: fmt.Sprintf(format, args...), Problems: spec.Problems{},
	}
}

// Reason is why the request failed.
func (e *Error) Reason() Reason {
	if r := reasonOfType(e.Type); r != "" {
		return r
	}
	return ReasonOf(e.Status)
}

// Error is title, detail and every problem, in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(strings.ToLower(e.Title[:min(1, len(e.Title))]) + e.Title[min(1, len(e.Title)):])
	if e.Detail != "" {
		b.WriteString(": " + strings.TrimSuffix(e.Detail, "."))
	}
	for i, p := range e.Problems {
		b.WriteString([]string{"; ", ": "}[btoi(i == 0)] + p.String())
	}
	return b.String()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ProblemsOf are the problems of one change of POST /v1/changes, their paths relative to its object.
func (e *Error) ProblemsOf(change int) spec.Problems {
	var ps spec.Problems
	base := fmt.Sprintf("changes[%d]", change)
	for _, p := range e.Problems {
		rest, ok := strings.CutPrefix(p.Path, base)
		if !ok || rest != "" && rest[0] != '.' {
			continue
		}
		rest = strings.TrimPrefix(rest, ".")
		if rest == "put" {
			rest = ""
		}
		p.Path = strings.TrimPrefix(rest, "put.")
		ps = append(ps, p)
	}
	return ps
}

// ReadError makes an Error of an answer. body is as much of it as was read; it need not be a problem of ours: a proxy
// on the way has its own pages.
func ReadError(status int, header http.Header, body []byte) *Error {
	e := &Error{}
	media, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	if strings.TrimSpace(media) != MediaProblem || json.Unmarshal(body, e) != nil || e.Title == "" {
		e = &Error{
			Type: "about:blank", Title: http.StatusText(status),
			Detail: fmt.Sprintf("The answer has status %d and is not from gatewayd; something between may have sent it.", status),
		}
		if e.Title == "" {
			e.Title = "Unexpected answer"
		}
	}
	e.Status, e.Version = status, header.Get(HeaderVersion)
	return e
}

// ErrorReason is the reason of err where an *Error is in its chain, else "".
func ErrorReason(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason()
	}
	return ""
}

// IsNotFound says that the object is not there. A 404 for a wrong URL is none of these.
func IsNotFound(err error) bool { return ErrorReason(err) == NotFound }

// IsExists says that a create met an object of that name.
func IsExists(err error) bool { return ErrorReason(err) == Exists }

// IsChanged says that somebody changed the object since it was read.
func IsChanged(err error) bool { return ErrorReason(err) == Changed }

// IsInvalid says that the fields are wrong; Problems has them.
func IsInvalid(err error) bool { return ErrorReason(err) == Invalid }

// IsConflict says that another object stands in the way.
func IsConflict(err error) bool { return ErrorReason(err) == Conflict }

// IsUnauthorized says that the token was missing or wrong.
func IsUnauthorized(err error) bool { return ErrorReason(err) == Unauthorized }
