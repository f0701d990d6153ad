package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"
)

const (
	// replacedFor is how long the answer to a replacement of the configuration is given again, as that to a change is.
	replacedFor = time.Hour
	// maxReplaced bounds what is remembered of answers, in bytes; the last one is, however large.
	maxReplaced = 16 << 20
)

// A replacements remembers the answers to replacements of the configuration that had an idempotency key. A repeat must
// not be computed anew: what others wrote since would be undone, or be in its way. Nothing survives a restart.
type replacements struct {
	// mu is held by a replacement from its look at the answers until its own is among them. It guards what follows.
	mu      sync.Mutex
	answers map[string]replaced // by print
	order   []replacedAt        // oldest first
	bytes   int                 // of all answers
}

// replaced is the answer to a replacement: the revision that it made, and the body.
type replaced struct {
	revision uint64
	body     []byte
}

type replacedAt struct {
	print string
	at    time.Time
}

// print tells a replacement under its key from every other; empty for one that is not to be remembered.
func (q *replacement) print() string {
	if q.key == "" || q.dryRun {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s %d %t ", q.key, q.revision, q.any) // A key has no spaces.
	h.Write(q.raw)
	return hex.EncodeToString(h.Sum(nil))
}

func (r *replacements) get(print string) (replaced, bool) {
	r.forget()
	answer, found := r.answers[print]
	return answer, found
}

func (r *replacements) add(print string, answer replaced) {
	if r.answers == nil {
		r.answers = map[string]replaced{}
	}
	r.answers[print] = answer
	r.order = append(r.order, replacedAt{print, time.Now()})
	r.bytes += len(answer.body)
	r.forget()
}

// forget drops what is old or too much.
func (r *replacements) forget() {
	for len(r.order) > 0 && (time.Since(r.order[0].at) > replacedFor || r.bytes > maxReplaced && len(r.order) > 1) {
		print := r.order[0].print
		r.bytes -= len(r.answers[print].body)
		delete(r.answers, print)
		r.order = r.order[1:]
	}
}
