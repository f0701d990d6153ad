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

// storeKeyFile is the name of the file of the key that secrets are stored under, in the data directory.
const storeKeyFile = "store.key"

// sealed is the store, its secrets encrypted under the key in the data directory. The key is made where there is nothing
// that was encrypted under another one: a new key opens nothing, and no start may make it look as if it did.
func (d *Daemon) sealed(ctx context.Context, dir string, inner store.Store) (store.Store, error) {
	path := filepath.Join(dir, storeKeyFile)
	held, err := sealed.Holds(ctx, inner)
	if err != nil {
		return nil, err
	}
	fresh := sealed.NewKeyText
	if held != "" {
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
	return sealed.New(inner, key), nil
}

// opened says what to do where a store could not be opened for its key.
func opened(err error, dir string) error {
	if errors.Is(err, sealed.ErrOtherKey) {
		return fmt.Errorf("%w; %s is the key of another store: put the one of this store back from its backup", err, filepath.Join(dir, storeKeyFile))
	}
	return err
}
