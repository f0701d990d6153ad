package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A recorder remembers of an answer what the log line says.
type recorder struct {
	http.ResponseWriter
	status int
	more   []any // what the log line says beside what every write's says: keys and values
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// fail answers an error. What is no *api.Error is our own fault: its text goes to the log only.
func (a *admin) fail(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		a.Log.Error("An admin request failed.", "method", r.Method, "path", r.URL.Path, "error", err)
		e = api.NewError(api.Internal, "The gateway made a mistake; its log says which.")
	}
	if e.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	body, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("admin: encoding an error: %v", err)) // Strings and numbers always encode.
	}
	w.Header().Set("Content-Type", api.MediaProblem)
	w.WriteHeader(e.Status)
	w.Write(append(body, '\n')) // The client may be gone; nobody is left to tell.
}

// recovered answers a request whose handler panicked.
func (a *admin) recovered(w *recorder, r *http.Request, v any) {
	if v == http.ErrAbortHandler {
		panic(v)
	}
	a.Log.Error("An admin request panicked.", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if w.status == 0 {
		a.fail(w, r, api.NewError(api.Internal, "The gateway made a mistake; its log says which."))
	}
}

// logWrite writes the one line of a request that could have changed something.
func (a *admin) logWrite(w *recorder, r *http.Request, took time.Duration) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return
	}
	line := []any{"method", r.Method, "path", r.URL.Path, "status", w.status,
		"outcome", w.Header().Get(api.HeaderOutcome), "revision", w.Header().Get(api.HeaderRevision),
		"dry_run", r.URL.Query().Get(api.ParamDryRun) == "true", "remote", r.RemoteAddr, "took", took}
	a.Log.Info("Admin write.", append(line, w.more...)...)
}

// noteWrite adds keys and values to the line of a write.
func noteWrite(w http.ResponseWriter, more ...any) {
	if r, ok := w.(*recorder); ok {
		r.more = append(r.more, more...)
	}
}

// howToSay tells a writer what to send.
const howToSay = ` Send If-None-Match: * to create it, or If-Match: "REVISION", the ETag of a GET, to replace it.`

// refusal makes an answer of an error of control. base is where a change's object stands in the request's body.
func (a *admin) refusal(err error, base func(change int) string) error {
	e, ok := errors.AsType[*control.Error](err)
	if !ok {
		return err
	}
	if e.Reason == control.Unavailable {
		a.Log.Error("A write was refused, and it is not its fault.", "error", e.Error(), "cause", errors.Unwrap(e))
	}
	message := e.Message
	if e.Reason == control.PreconditionRequired {
		message += howToSay // What stands in a head is not known to control.
	}
	answer := api.NewError(api.Reason(e.Reason), "%s", message)
	if e.Current != nil {
		answer.Current = e.Current.Revision
	}
	answer.Problems.Append(problemsOf(e, base))
	for _, other := range e.Others {
		answer.Problems.Append(problemsOf(other, base))
	}
	return answer
}

// problemsOf are the problems of one change; where it has none and is one of several, its message is one.
func problemsOf(e *control.Error, base func(change int) string) spec.Problems {
	where := base(e.Change)
	if len(e.Problems) == 0 && where != "" && e.Reason != control.Unavailable {
		return spec.Problems{{Path: where, Message: e.Message}}
	}
	return e.Problems.At(where)
}

// whole is the base of a request whose body is the object.
func whole(int) string { return "" }
