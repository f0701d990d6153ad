package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Bounds of what is read of an answer.
const (
	maxHead = 64 << 10
	maxBody = 64 << 10
)

// userAgent is how targets recognise probes in their logs.
const userAgent = "gatewayd-probe"

// farewell bounds how long the rest of an answer is read whose verdict is known already.
const farewell = time.Second

// An outcome is what a probe saw.
type outcome struct {
	reason string // why the target failed, in words; empty where it did not
	late   bool   // the probe used up all its time, or was ended
	putOff bool   // the probe was ended too early to say anything
	ours   bool   // the gateway itself could not send the probe, so it says nothing about the target
}

// transport gives each probe a connection of its own, straight to the target. It follows nothing, keeps nothing and takes
// no proxy from the environment.
var transport = &http.Transport{
	Proxy:                  nil,
	DialContext:            dial,
	DisableKeepAlives:      true,
	DisableCompression:     true,
	MaxResponseHeaderBytes: maxHead,
	Protocols:              http1Only(),
}

func http1Only() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// ask sends one probe and judges the answer. ctx carries the probe's timeout.
func ask(ctx context.Context, t *Target) outcome {
	a := &attempt{ctx: ctx}
	request := newRequest(context.WithValue(ctx, attemptKey{}, a), t)
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return a.failure(t.Probe, err)
	}
	defer answer.Body.Close()
	if !statusMatches(t.Probe.Match.Statuses, answer.StatusCode) {
		a.farewell(answer.Body)
		return outcome{reason: fmt.Sprintf("the answer has status %d, expected %s", answer.StatusCode, strings.Join(t.Probe.Match.Statuses, ", "))}
	}
	if t.Probe.Match.Body == nil {
		a.farewell(answer.Body)
		return outcome{}
	}
	found, err := contains(answer.Body, *t.Probe.Match.Body)
	switch {
	case found:
		return outcome{}
	case err == nil:
		return outcome{reason: "the body of the answer does not contain the expected text"}
	case errors.Is(err, errTooLong):
		return outcome{reason: "the first 64 KiB of the answer's body do not contain the expected text"}
	}
	a.answered = true
	return a.failure(t.Probe, err)
}

// newRequest is the GET of a probe. The path is sent as it is written.
func newRequest(ctx context.Context, t *Target) *http.Request {
	r := &http.Request{
		Method: http.MethodGet,
		URL:    &url.URL{Scheme: "http", Host: t.Addr.String(), Opaque: t.Probe.Path},
		Header: http.Header{"User-Agent": {userAgent}, "Accept": {"*/*"}},
		Host:   t.Host,
	}
	if strings.HasPrefix(t.Probe.Path, "//") {
		// Opaque text that begins like this would be sent with a scheme before it.
		path, query, _ := strings.Cut(t.Probe.Path, "?")
		r.URL.Opaque, r.URL.Path, r.URL.RawPath, r.URL.RawQuery = "", path, path, query
		if decoded, err := url.PathUnescape(path); err == nil {
			r.URL.Path = decoded
		}
	}
	if t.Probe.Host != nil {
		r.Host = *t.Probe.Host
	}
	if r.Host == "" {
		r.Host = "127.0.0.1"
	}
	return r.WithContext(ctx)
}

func statusMatches(ranges []string, status int) bool {
	for _, s := range ranges {
		if low, high, ok := spec.ParseStatuses(s); ok && low <= status && status <= high {
			return true
		}
	}
	return false
}

var errTooLong = errors.New("body is longer than what is read of it")

// contains looks for text in what is read of a body, and reads no further than it must.
func contains(body io.Reader, text string) (bool, error) {
	seen := make([]byte, 0, 4096)
	for {
		if len(seen) == cap(seen) {
			seen = append(seen, 0)[:len(seen)]
		}
		n, err := body.Read(seen[len(seen):min(cap(seen), maxBody)])
		from := max(0, len(seen)-len(text)+1) // The text may have begun in what came before.
		seen = seen[:len(seen)+n]
		switch {
		case bytes.Contains(seen[from:], []byte(text)):
			return true, nil
		case err == io.EOF:
			return false, nil
		case err != nil:
			return false, err
		case len(seen) >= maxBody:
			return false, errTooLong
		}
	}
}

// An attempt is what became of one probe on the way, for the words of its failure.
type attempt struct {
	ctx      context.Context // of the probe
	dialled  atomic.Bool
	read     atomic.Int64 // bytes that came from the target
	answered bool         // the head of an answer came whole
}

type attemptKey struct{}

// dial connects within the time of the probe. The transport's own context cannot be used for it, because it outlives
// the request.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	a, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		return nil, errors.New("not a probe")
	}
	var d net.Dialer
	conn, err := d.DialContext(a.ctx, network, address)
	if err != nil {
		return nil, err
	}
	a.dialled.Store(true)
	return &counted{Conn: conn, attempt: a}, nil
}

// A counted connection counts what the target sends.
type counted struct {
	net.Conn
	attempt *attempt
}

// Read is net.Conn's.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.attempt.read.Add(int64(n))
	return n, err
}

// farewell takes the rest of a short answer, so that the target does not see its connection reset.
func (a *attempt) farewell(body io.ReadCloser) {
	timer := time.AfterFunc(farewell, func() { body.Close() })
	defer timer.Stop()
	// The verdict is known, so what happens to the rest is of no interest.
	_, _ = io.Copy(io.Discard, io.LimitReader(body, maxBody))
}

// failure says in words why there was no answer, or no whole one.
func (a *attempt) failure(probe *spec.Probe, err error) outcome {
	if a.ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return outcome{reason: a.lateness(probe), late: true}
	}
	var words string
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		words = "the connection was refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		words = "the target cannot be reached: no route to it"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return outcome{reason: "the gateway has no file descriptor left for the probe", ours: true}
	case !a.dialled.Load():
		words = "connecting failed: " + cause(err)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		words = "the target reset the connection"
	case a.read.Load() == 0:
		words = "the target closed the connection without an answer"
	case a.answered:
		words = "the body of the answer ends too early or is not valid HTTP"
	case a.read.Load() >= maxHead:
		words = "the head of the answer is larger than 64 KiB"
	default:
		words = "the answer is not valid HTTP"
	}
	return outcome{reason: words}
}

// lateness says what the probe was waiting for when its time was up.
func (a *attempt) lateness(probe *spec.Probe) string {
	switch {
	case !a.dialled.Load():
		return fmt.Sprintf("no connection within %s", probe.Timeout)
	case a.answered:
		return fmt.Sprintf("no whole answer within %s: the body has not ended and does not contain the expected text so far", probe.Timeout)
	case a.read.Load() > 0:
		return fmt.Sprintf("no whole answer within %s", probe.Timeout)
	}
	return fmt.Sprintf("no answer within %s", probe.Timeout)
}

// cause is the innermost text of an error, without addresses that the reader knows.
func cause(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return "the address cannot be used"
}
