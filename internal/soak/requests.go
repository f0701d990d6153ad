package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// A kind of request that is made over and over.
type kind struct {
	method, path string
	body         int // bytes that are sent, and come back
	size         int // bytes of the answer; -1 is any
	fresh        bool
	every        time.Duration
}

var kinds = []kind{
	{method: http.MethodGet, path: "/bytes/1000", size: 1000, every: 20 * time.Millisecond},
	{method: http.MethodGet, path: "/bytes/1000", size: 1000, every: 50 * time.Millisecond, fresh: true},
	{method: http.MethodGet, path: "/bytes/3000000", size: 3_000_000, every: 500 * time.Millisecond},
	{method: http.MethodGet, path: "/chunked/16", size: 16 << 10, every: 100 * time.Millisecond},
	{method: http.MethodGet, path: "/slow?for=300ms", size: -1, every: 100 * time.Millisecond},
	{method: http.MethodPost, path: "/echo", body: 1000, size: 1000, every: 50 * time.Millisecond},
	{method: http.MethodPost, path: "/echo", body: 1 << 20, size: 1 << 20, every: 500 * time.Millisecond, fresh: true},
}

// ask makes requests of every kind, in every pool, through both listeners.
func (s *soak) ask(ctx context.Context) {
	for _, pool := range pools {
		for scheme, port := range map[string]int{"http": s.plain, "https": s.secure} {
			for _, k := range kinds {
				client := &http.Client{Timeout: patience, Transport: &http.Transport{
					DisableKeepAlives: k.fresh, DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
				}}
				s.work.Go(func() {
					defer client.CloseIdleConnections()
					pace := time.NewTicker(k.every)
					defer pace.Stop()
					for ctx.Err() == nil {
						s.once(client, k, pool, fmt.Sprintf("%s://127.0.0.1:%d%s", scheme, port, k.path))
						select {
						case <-pace.C:
						case <-ctx.Done():
						}
					}
				})
			}
		}
	}
}

// errOther is of what neither a kill nor a removal explains: something whole came, and it is not what it has to be.
var errOther = errors.New("what came is not what was sent")

// An unfit answer is one with another status than wanted.
type unfit struct{ status, reason string }

func (u unfit) Error() string { return u.status + " " + u.reason }

// once makes a request and judges its answer. Where its target may have been killed meanwhile, an answer may break off, and
// what is not safe to repeat may be answered for by the gateway. Everything else is to succeed: another target was there.
func (s *soak) once(client *http.Client, k kind, pool, url string) {
	began := time.Now()
	broke, err := k.perform(client, pool, url)
	s.counts.requests.Add(1)
	if err == nil {
		return
	}
	s.counts.lost.Add(1)
	var own unfit
	answered := errors.As(err, &own)
	repeatable := k.method == http.MethodGet
	excused := s.excused(pool, began, time.Now()) && (broke || answered && !repeatable && own.reason != "" || !answered && !repeatable)
	if pool == moved && time.Since(began) > drainTime && s.history.during(mover, began, time.Now()) {
		excused = broke || own.reason == "drained" // Its drain was over before it was.
	}
	if !excused || errors.Is(err, errOther) {
		s.fail("%s %s in pool %s, after %s: %v", k.method, url, pool, time.Since(began).Round(time.Millisecond), err)
	}
}

// perform makes a request; broke says that an answer had begun when it failed.
func (k kind) perform(client *http.Client, pool, url string) (broke bool, err error) {
	// A request that was begun is finished: the soak ends between two.
	r, err := http.NewRequest(k.method, url, nil)
	if err != nil {
		return false, err
	}
	text := strings.Repeat("0123456789abcdef", k.body/16+1)[:k.body]
	if k.body > 0 {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(k.body)
	}
	r.Host = host(pool)
	answer, err := client.Do(r)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	switch {
	case answer.StatusCode != http.StatusOK:
		return false, unfit{answer.Status, answer.Header.Get("Gatewayd-Reason")}
	case err != nil:
		return true, fmt.Errorf("the answer broke off after %d bytes: %w", len(got), err)
	case k.size >= 0 && len(got) != k.size:
		return false, fmt.Errorf("%w: %d bytes, want %d", errOther, len(got), k.size)
	case k.body > 0 && !bytes.Equal(got, []byte(text)):
		return false, errOther
	}
	return false, nil
}
