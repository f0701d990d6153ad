// Package sealed keeps the secrets of records encrypted in any store: it stands between control, which gives them as they
// are, and a store, which gets them sealed and never sees the key. Gateways that share a store share the key, too.
package sealed

import (
	"context"
	"fmt"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
)

// ErrOtherKey is what Load returns, wrapped, where a secret was sealed with another key.
var ErrOtherKey = errOther

// A Store keeps secrets encrypted in another one.
type Store struct {
	inner store.Store
	key   *Key
}

var _ store.Store = (*Store)(nil)

// New makes a store over another one, which is closed with it.
func New(inner store.Store, key *Key) *Store { return &Store{inner, key} }

// Holds names an object whose secret is sealed in a store, for which its key must be there; empty if there is none.
func Holds(ctx context.Context, inner store.Store) (object string, err error) {
	_, records, err := inner.Load(ctx)
	if err != nil {
		return "", err
	}
	for _, r := range records {
		if r.Secret != nil {
			return name(r), nil
		}
	}
	return "", nil
}

func name(r store.Record) string { return fmt.Sprintf("%s %q", r.Kind, r.Name) }

// Load implements store.Store.
func (s *Store) Load(ctx context.Context) (uint64, []store.Record, error) {
	revision, records, err := s.inner.Load(ctx)
	if err != nil {
		return 0, nil, err
	}
	for i := range records {
		r := &records[i]
		if r.Secret == nil {
			continue
		}
		if r.Secret, err = s.key.open(r.Secret, r.Kind, r.ID); err != nil {
			return 0, nil, fmt.Errorf("the secret of %s cannot be opened: %w", name(*r), err)
		}
	}
	return revision, records, nil
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, base, next uint64, puts []store.Record, deletes []store.Ref) error {
	sealed := make([]store.Record, len(puts))
	for i, r := range puts {
		if r.Secret != nil {
			r.Secret = s.key.seal(r.Secret, r.Kind, r.ID)
		}
		sealed[i] = r
	}
	return s.inner.Commit(ctx, base, next, sealed, deletes)
}

// Close implements store.Store.
func (s *Store) Close() error { return s.inner.Close() }
