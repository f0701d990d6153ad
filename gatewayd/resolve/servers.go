package resolve

import (
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// truce is how long a server that did not answer is asked after the others.
	truce = 30 * time.Second
	// quiet is how long the log says nothing more of a server that does not answer.
	quiet = 10 * time.Minute
	// maxKnown bounds how many servers are remembered; resolv.conf may have named others once.
	maxKnown = 64
)

// servers remembers which DNS servers are silent, so that one that is dead costs its timeout once in a while and not
// once for each name. Any goroutine may call its methods.
type servers struct {
	log *slog.Logger

	mu    sync.Mutex // guards what follows
	turn  int
	known map[string]*server // those that were silent once
}

type server struct {
	silent bool
	until  time.Time // when it is tried at its own place again, while it is silent
	told   time.Time // when the log last said so
}

func newServers(log *slog.Logger) *servers {
	return &servers{log: log, known: map[string]*server{}}
}

// order is in which order the servers of a list are asked. One whose truce is over is tried at its place again, by the
// one that asks first.
func (s *servers) order(list []string, rotate bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rotate {
		s.turn++
		at := s.turn % len(list)
		list = slices.Concat(list[at:], list[:at])
	}
	var first, last []string
	now := time.Now()
	for _, name := range list {
		k := s.known[name]
		switch {
		case k == nil || !k.silent:
			first = append(first, name)
		case now.After(k.until):
			k.until = now.Add(truce)
			first = append(first, name)
		default:
			last = append(last, name)
		}
	}
	return append(first, last...)
}

// heard notes that a server answered, be it only that it cannot.
func (s *servers) heard(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.known[name]; k != nil {
		k.silent = false
	}
}

// missed notes that a server did not answer.
func (s *servers) missed(name, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.known[name]
	if k == nil {
		if len(s.known) >= maxKnown {
			clear(s.known)
		}
		k = &server{}
		s.known[name] = k
	}
	now := time.Now()
	k.silent, k.until = true, now.Add(truce)
	if now.Sub(k.told) > quiet {
		k.told = now
		s.log.Warn("DNS server does not answer", "server", name, "reason", why)
	}
}
