package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func TestErrorCrossesTheWire(t *testing.T) {
	for _, row := range table {
		e := NewError(row.reason, "It is %s.", row.reason)
		e.Problems.Add(`targets["a"].port`, "must be 1 to 65535, not 0")
		e.Current = 7
		body, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		got := ReadError(row.status, http.Header{"Content-Type": {MediaProblem}, HeaderVersion: {"1.2.3"}}, body)
		if got.Reason() != row.reason || got.Version != "1.2.3" {
			t.Errorf("%s arrives as %s", row.reason, got.Reason())
		}
		got.Version = ""
		if diff := cmp.Diff(e, got); diff != "" {
			t.Errorf("%s (-sent +received):\n%s", row.reason, diff)
		}
		if row.reason.Status() != row.status || row.reason.title() != row.title {
			t.Errorf("%s: status %d, title %q", row.reason, row.reason.Status(), row.reason.title())
		}
	}
	if Reason("no such").Status() != 500 {
		t.Error("an unknown reason is not our own mistake")
	}
}

func TestEveryReasonIsInTheTableOnce(t *testing.T) {
	seen := map[Reason]bool{}
	for _, row := range table {
		if seen[row.reason] {
			t.Errorf("%s stands twice", row.reason)
		}
		seen[row.reason] = true
	}
}

func TestAnswersOfOthers(t *testing.T) {
	for _, c := range []struct {
		status      int
		media, body string
		want        Reason
	}{
		{404, "text/html", "<h1>not here</h1>", UnknownPath},
		{404, MediaProblem, "{", UnknownPath},
		{404, MediaProblem, `{"title":"x","type":"about:blank"}`, UnknownPath},
		{404, MediaProblem + "; charset=utf-8", `{"title":"Not found","type":"urn:gatewayd:problem:not_found"}`, NotFound},
		{502, "", "", Unspecified},
		{503, "text/plain", "busy", Unavailable},
		{418, MediaProblem, `{"title":"x","type":"urn:gatewayd:problem:teapot"}`, Unspecified},
		{999, "", "", Unspecified},
	} {
		e := ReadError(c.status, http.Header{"Content-Type": {c.media}}, []byte(c.body))
		if e.Reason() != c.want || e.Status != c.status || e.Title == "" || e.Error() == "" {
			t.Errorf("%d %s %q: %s, %v", c.status, c.media, c.body, e.Reason(), e)
		}
		if IsNotFound(e) != (c.want == NotFound) {
			t.Errorf("%d %q: IsNotFound is %v", c.status, c.body, IsNotFound(e))
		}
	}
}

func TestErrorText(t *testing.T) {
	e := NewError(Invalid, "The pool %q is not valid.", "web")
	e.Problems.Add("port", "is required")
	e.Problems.Add("name", "is required")
	if got, want := e.Error(), `invalid: The pool "web" is not valid: port: is required; name: is required`; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	wrapped := fmt.Errorf("creating: %w", e)
	if !IsInvalid(wrapped) || IsNotFound(wrapped) || IsInvalid(errors.New("x")) || ErrorReason(nil) != "" {
		t.Error("the reason of a wrapped error")
	}
}

func TestProblemsOf(t *testing.T) {
	e := NewError(Invalid, "")
	for _, path := range []string{"changes[1].put.port", "changes[10].put.port", "changes[1].kind", "changes[1].put", "changes[1]", "changes[0].put.a"} {
		e.Problems.Add(path, "x")
	}
	var got []string
	for _, p := range e.ProblemsOf(1) {
		got = append(got, p.Path)
	}
	if diff := cmp.Diff([]string{"port", "kind", "", ""}, got); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestETag(t *testing.T) {
	for _, revision := range []uint64{1, 12, 1<<64 - 1} {
		if got, err := ParseETag(ETag(revision)); err != nil || got != revision {
			t.Errorf("%d: %d %v", revision, got, err)
		}
	}
	for _, bad := range []string{"", "1", `"`, `""`, `"0"`, `"01"`, `"+1"`, `" 1"`, `W/"1"`, `"1","2"`, `"1" `, `"-1"`, `"18446744073709551616"`, `*`, `"a"`, `'1'`} {
		if got, err := ParseETag(bad); err == nil {
			t.Errorf("%s is read as %d", bad, got)
		}
	}
}

func FuzzParseETag(f *testing.F) {
	f.Add(`"1"`)
	f.Add(`W/"1"`)
	f.Fuzz(func(t *testing.T, tag string) {
		if revision, err := ParseETag(tag); err == nil && ETag(revision) != tag {
			t.Errorf("%q is read as %d", tag, revision)
		}
	})
}

func FuzzWarning(f *testing.F) {
	f.Add("match.paths[0]", "is shadowed by rule \"ä😀\u2028\x7f\"")
	f.Fuzz(func(t *testing.T, path, message string) {
		if !utf8.ValidString(path) || !utf8.ValidString(message) {
			return
		}
		value := FormatWarning(spec.Problem{Path: path, Message: message})
		for _, c := range []byte(value) {
			if c < ' ' || c > '~' {
				t.Fatalf("%q is no header value", value)
			}
		}
		if got := ParseWarning(value); got.Path != path || got.Message != message {
			t.Errorf("%q %q arrives as %q %q", path, message, got.Path, got.Message)
		}
	})
}

func TestValidKey(t *testing.T) {
	for key, want := range map[string]bool{
		"a": true, strings.Repeat("~", 128): true, "": false, strings.Repeat("a", 129): false, "a b": false, "a\n": false, "ä": false, "\x7f": false,
	} {
		if ValidKey(key) != want {
			t.Errorf("%q: %v", key, !want)
		}
	}
}

func TestPathsEscapeNames(t *testing.T) {
	for name, want := range map[string]string{"web": "/v1/pools/web", "a/b": "/v1/pools/a%2Fb", "ä?": "/v1/pools/%C3%A4%3F"} {
		if got := ObjectPath(spec.Pools, name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
