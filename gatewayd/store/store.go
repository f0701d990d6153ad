// Package store says how a gateway's configuration is kept: records by kind and name, and one revision for all of them.
//
// A store knows nothing of what its records mean. Only control calls it. Package memory keeps nothing over a restart,
// package bolt keeps one file on one node, package sealed encrypts what is secret in either, and package storetest is the
// suite that every store passes.
//
// Several processes may share a remote store. That needs nothing new of the interface's callers: Commit is a
// compare-and-swap on the revision, and whoever gets ErrConflict loads again, as at boot, and repeats the write on what
// is there. Being told of the commits of others before one's own write collides with them is an addition to the
// interface that comes with the first store that others can write to: a file that is locked by its process has nothing
// to tell.
package store

import (
	"context"
	"errors"
)

// ErrConflict is what Commit returns, wrapped or not, where the store is not at the base revision.
var ErrConflict = errors.New("the configuration was changed by somebody else")

// A Record is one object as it is kept.
type Record struct {
	// Kind and Name are the record's key. Neither is empty.
	Kind string
	Name string
	// ID is the object's hidden id.
	ID string
	// Revision is that of the object's own last write. It is never greater than the store's.
	Revision uint64
	// Retired says that the object was deleted while others named it.
	Retired bool
	// Write is the print of the last write that carried an idempotency key, or empty, and Outcome what it came to.
	Write   string
	Outcome string
	// Body is the object's JSON. The store keeps the bytes as they are.
	Body []byte
	// Secret is the part of it that nobody may read, nil for none. A store on a medium gets it from package sealed, which
	// encrypted it.
	Secret []byte
}

// A Ref is the key of a record.
type Ref struct {
	Kind string
	Name string
}

// A Store keeps records. Its methods may be called at the same time.
type Store interface {
	// Load returns the revision of the last commit, 0 for a store that has none, and all records ordered by kind and
	// name. The caller owns what it gets.
	Load(ctx context.Context) (revision uint64, records []Record, err error)

	// Commit moves the store from the base revision to next, which is greater: the records of deletes go, those of puts
	// come or are replaced, in one step that other callers, and a crash, see wholly or not at all. No record is in both,
	// and none is given twice. A deletion of what is not there is no error. When Commit returns nil, a durable store
	// has the change on its medium.
	//
	// ErrConflict means that the store is at another revision than base and nothing was changed. After any other error
	// the change may be there or not; the next Commit or Load tells. The store keeps nothing that it is given.
	Commit(ctx context.Context, base, next uint64, puts []Record, deletes []Ref) error

	// Close ends the use of the store. It waits for running calls.
	Close() error
}
