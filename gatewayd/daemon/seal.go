package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secret"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/sealed"
)

// storeKeyFile is the name of the file of the key that secrets are stored under, in the data directory; olderKeyFile that of
// the key before it, which whoever wants a new one gives the old one.
const (
	storeKeyFile = "store.key"
	olderKeyFile = "store.key.old"
)

// A medium is a store that others might read without the gateway.
type medium interface {
	store.Store
	// Compact removes what is not in the store any more from the medium, too.
	Compact() error
}

// sealed is the store, its secrets encrypted under the key in the data directory. The key is made where there is nothing
// that was encrypted under another one, or the one before is there to open it: a new key opens nothing, and no start may make
// it look as if it did.
func (d *Daemon) sealed(ctx context.Context, dir string, inner medium) (store.Store, error) {
	path := filepath.Join(dir, storeKeyFile)
	held, err := sealed.Holds(ctx, inner)
	if err != nil {
		return nil, err
	}
	older, err := olderKey(ctx, dir, inner)
	if err != nil {
		return nil, err
	}
	fresh := sealed.NewKeyText
	if held != "" && older == nil {
		fresh = nil
	}
	text, created, err := secret.Open(dir, storeKeyFile, fresh)
	if held != "" && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("store key: %s is missing, and the store holds secrets that were encrypted under it, as that of %s; put the file back from its backup, or start with a new data directory", path, held)
	}
	var key *sealed.Key
	if err == nil {
		key, err = parsed(path, text, sealed.ParseKey)
	}
	if err != nil {
		advice := "put the file back from its backup: the store holds secrets that were encrypted under it, as that of " + held
		if held == "" {
			advice = "remove it and a new one is made at the next start; nothing in the store is encrypted under it"
		}
		return nil, fmt.Errorf("store key: %w", advised(err, advice))
	}
	if created {
		d.log.Info("The key was made that secrets are stored under. A backup of the store is worth nothing without it.", "file", path)
	}
	if older == nil {
		return sealed.New(inner, key), nil
	}
	s := sealed.New(inner, key, older)
	d.renew(ctx, filepath.Join(dir, olderKeyFile), s, inner)
	return s, nil
}

// olderKey reads the key before the present one; nil where there is none. Where the present one is missing it must open all
// that there is, as it is the key of nothing else.
func olderKey(ctx context.Context, dir string, inner store.Store) (*sealed.Key, error) {
	text, _, err := secret.Open(dir, olderKeyFile, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	path := filepath.Join(dir, olderKeyFile)
	if err != nil {
		return nil, fmt.Errorf("older store key: %w", err)
	}
	key, err := sealed.ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("older store key: %s %w; put into it what %s had in it before", path, err, storeKeyFile)
	}
	if _, _, err := secret.Open(dir, storeKeyFile, nil); !errors.Is(err, fs.ErrNotExist) {
		return key, nil
	}
	if _, _, err := sealed.New(inner, key).Load(ctx); err != nil {
		return nil, fmt.Errorf("older store key: %s: %w; no new key is made before all can be opened", path, err)
	}
	return key, nil
}

// renew has the older key open nothing any more, in whatever copy of the store is made from now on. Where it cannot, as on a
// full disk, the gateway starts with both keys all the same.
func (d *Daemon) renew(ctx context.Context, path string, s *sealed.Store, inner medium) {
	n, err := s.Renew(ctx)
	if err == nil {
		err = inner.Compact() // Also where nothing was renewed: a start before may have ended between the two.
	}
	if err != nil {
		d.log.Error("The older key of the store still opens what is in its file. The next start tries again.", "file", path, "error", err)
		return
	}
	d.log.Warn("Secrets are stored under the new key alone. Remove the older one, which opens nothing any more but backups of before.", "file", path, "renewed", n)
}

// opened says what to do where a store could not be opened for its key.
func opened(err error, dir string) error {
	if errors.Is(err, sealed.ErrOtherKey) {
		return fmt.Errorf("%w; %s is the key of another store: put the one of this store back from its backup", err, filepath.Join(dir, storeKeyFile))
	}
	return err
}
