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
	older []*Key
}

var _ store.Store = (*Store)(nil)

// New makes a store over another one, which is closed with it. It seals with the key, and opens what the older ones sealed
// as well.
func New(inner store.Store, key *Key, older ...*Key) *Store { return &Store{inner, key, older} }

// Renew seals anew what older keys sealed, in one commit, and says how many secrets these were. No object changes by it.
func (s *Store) Renew(ctx context.Context) (int, error) {
	revision, records, err := s.inner.Load(ctx)
	if err != nil {
		return 0, err
	}
	var puts []store.Record
	for _, r := range records {
		if r.Secret == nil || s.key.sealed(r.Secret) {
			continue
		}
		if r.Secret, err = s.open(r); err != nil {
			return 0, err
		}
		puts = append(puts, r)
	}
	if len(puts) == 0 {
		return 0, nil
	}
	return len(puts), s.Commit(ctx, revision, revision+1, puts, nil)
}

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
		if r.Secret, err = s.open(*r); err != nil {
			return 0, nil, err
		}
	}
	return revision, records, nil
}

// open opens the secret of a record with the key that it was sealed with.
func (s *Store) open(r store.Record) ([]byte, error) {
	key := s.key
	for _, older := range s.older {
		if older.sealed(r.Secret) {
			key = older
		}
	}
	secret, err := key.open(r.Secret, r.Kind, r.ID)
	if err != nil {
		return nil, fmt.Errorf("the secret of %s cannot be opened: %w", name(r), err)
	}
	return secret, nil
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
