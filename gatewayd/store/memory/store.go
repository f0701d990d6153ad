// Package memory is a store that keeps nothing over a restart, for gateways that are configured anew at each start and
// for tests.
package memory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
)

var errClosed = errors.New("the store is closed")

// A Store keeps records in memory.
type Store struct {
	mu       sync.Mutex // guards what follows
	revision uint64
	records  map[store.Ref]store.Record
	closed   bool
}

var _ store.Store = (*Store)(nil)

// Open makes an empty store.
func Open() *Store { return &Store{records: map[store.Ref]store.Record{}} }

// Load implements store.Store.
func (s *Store) Load(ctx context.Context) (uint64, []store.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return 0, nil, fmt.Errorf("loading from memory: %w", err)
	}
	records := make([]store.Record, 0, len(s.records))
	for _, r := range s.records {
		r.Body, r.Secret = slices.Clone(r.Body), slices.Clone(r.Secret)
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b store.Record) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return s.revision, records, nil
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, base, next uint64, puts []store.Record, deletes []store.Ref) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return fmt.Errorf("committing revision %d to memory: %w", next, err)
	}
	switch {
	case base != s.revision:
		return fmt.Errorf("committing revision %d to memory, which is at %d: %w", next, s.revision, store.ErrConflict)
	case next <= base:
		return fmt.Errorf("committing revision %d to memory: it is not above %d", next, base)
	}
	for _, r := range deletes {
		delete(s.records, r)
	}
	for _, r := range puts {
		r.Body, r.Secret = slices.Clone(r.Body), slices.Clone(r.Secret)
		s.records[store.Ref{Kind: r.Kind, Name: r.Name}] = r
	}
	s.revision = next
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed {
		return errClosed
	}
	return ctx.Err()
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
