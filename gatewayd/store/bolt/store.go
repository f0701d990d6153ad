// Package bolt is the store of one node: one bbolt file, locked by its process, synced at every commit.
//
// The file tells when it is damaged. Over what bbolt checks itself, which is the structure of its pages, the state of the
// store carries the number of records and a sum over all of them, which is kept up by each commit and compared at each
// load. A file that fails is refused: serving half a configuration would end what the other half serves.
//
// The file holds two buckets: "state" with the key "state", and "records" by kind, a zero byte, and name.
package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"

	"go.etcd.io/bbolt"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
)

// ErrDamaged is what Open and Load return, wrapped, for a file whose content is not what was committed.
var ErrDamaged = errors.New("the file is damaged; restore a backup, or move it away to start empty")

var (
	stateBucket  = []byte("state")
	stateKey     = []byte("state")
	recordBucket = []byte("records")
)

// A Store keeps records in a file.
type Store struct {
	db   *bbolt.DB
	path string
	file os.FileInfo // of the open file
}

var _ store.Store = (*Store)(nil)

// A state is what the file says of itself.
type state struct {
	revision uint64
	count    uint64
	sum      uint64 // of the prints of all records; addition, so that a commit changes it by what it changes
}

// format is the first byte of a state. A change of what the file means changes it.
const format = 1

func (st state) encode() []byte {
	b := []byte{format}
	b = binary.BigEndian.AppendUint64(b, st.revision)
	b = binary.BigEndian.AppendUint64(b, st.count)
	b = binary.BigEndian.AppendUint64(b, st.sum)
	return binary.BigEndian.AppendUint64(b, printOf(b, nil))
}

func decodeState(b []byte) (state, error) {
	if len(b) > 0 && b[0] != format {
		return state{}, fmt.Errorf("the file has format %d and this version of gatewayd knows %d only", b[0], format)
	}
	if len(b) != 33 || binary.BigEndian.Uint64(b[25:]) != printOf(b[:25], nil) {
		return state{}, fmt.Errorf("its state cannot be read: %w", ErrDamaged)
	}
	return state{binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint64(b[9:]), binary.BigEndian.Uint64(b[17:])}, nil
}

// printOf tells one record from another. It finds accidents, not forgers: who can write the file can write its sums.
func printOf(key, value []byte) uint64 {
	h := fnv.New64a()
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(key))))
	h.Write(key)
	h.Write(value)
	return h.Sum64()
}

func (st *state) add(key, value []byte) { st.count++; st.sum += printOf(key, value) }

func (st *state) subtract(key, value []byte) { st.count--; st.sum -= printOf(key, value) }

// A head is what a record is beside its key and its body.
type head struct {
	ID       string `json:"id"`
	Revision uint64 `json:"revision"`
	Retired  bool   `json:"retired,omitempty"`
	Write    string `json:"write,omitempty"`
	Outcome  string `json:"outcome,omitempty"`
	Secret   []byte `json:"secret,omitempty"` // encrypted: see package sealed
}

// encodeRecord is the length of the head, the head, and the body.
func encodeRecord(r store.Record) (key, value []byte, err error) {
	h, err := json.Marshal(head{r.ID, r.Revision, r.Retired, r.Write, r.Outcome, r.Secret})
	if err != nil {
		return nil, nil, err
	}
	value = binary.AppendUvarint(make([]byte, 0, len(h)+len(r.Body)+4), uint64(len(h)))
	value = append(append(value, h...), r.Body...)
	return keyOf(store.Ref{Kind: r.Kind, Name: r.Name}), value, nil
}

func decodeRecord(key, value []byte) (store.Record, error) {
	kind, name, found := bytes.Cut(key, []byte{0})
	size, n := binary.Uvarint(value)
	if !found || n <= 0 || size > uint64(len(value)-n) {
		return store.Record{}, fmt.Errorf("the record %q cannot be read: %w", key, ErrDamaged)
	}
	var h head
	if err := json.Unmarshal(value[n:n+int(size)], &h); err != nil {
		return store.Record{}, fmt.Errorf("the record %q cannot be read: %w", key, ErrDamaged)
	}
	return store.Record{
		Kind: string(kind), Name: string(name), ID: h.ID, Revision: h.Revision, Retired: h.Retired,
		Write: h.Write, Outcome: h.Outcome, Secret: h.Secret, Body: bytes.Clone(value[n+int(size):]),
	}, nil
}

func keyOf(r store.Ref) []byte { return []byte(r.Kind + "\x00" + r.Name) }

// Load implements store.Store.
func (s *Store) Load(ctx context.Context) (uint64, []store.Record, error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, fmt.Errorf("loading %s: %w", s.path, err)
	}
	var revision uint64
	var records []store.Record
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		revision, records, err = load(tx)
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("loading %s: %w", s.path, err)
	}
	return revision, records, nil
}

// load reads everything and compares it with the state.
func load(tx *bbolt.Tx) (uint64, []store.Record, error) {
	states, bucket := tx.Bucket(stateBucket), tx.Bucket(recordBucket)
	if states == nil || bucket == nil {
		return 0, nil, fmt.Errorf("it is no store of gatewayd: %w", ErrDamaged)
	}
	want, err := decodeState(states.Get(stateKey))
	if err != nil {
		return 0, nil, err
	}
	got := state{revision: want.revision}
	var records []store.Record
	err = bucket.ForEach(func(key, value []byte) error {
		got.add(key, value)
		r, err := decodeRecord(key, value)
		records = append(records, r)
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	if got != want {
		return 0, nil, fmt.Errorf("its %d records are not the %d that revision %d had: %w", got.count, want.count, want.revision, ErrDamaged)
	}
	return want.revision, records, nil
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, base, next uint64, puts []store.Record, deletes []store.Ref) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("committing revision %d to %s: %w", next, s.path, err)
	}
	if err := s.inPlace(); err != nil {
		return fmt.Errorf("committing revision %d to %s: %w", next, s.path, err)
	}
	err := s.db.Update(func(tx *bbolt.Tx) error {
		states, bucket := tx.Bucket(stateBucket), tx.Bucket(recordBucket)
		st, err := decodeState(states.Get(stateKey))
		switch {
		case err != nil:
			return err
		case st.revision != base:
			return fmt.Errorf("it is at revision %d, not %d: %w", st.revision, base, store.ErrConflict)
		case next <= base:
			return fmt.Errorf("the revision is not above %d", base)
		}
		st.revision = next
		for _, r := range deletes {
			if err := st.replace(bucket, keyOf(r), nil); err != nil {
				return err
			}
		}
		for _, r := range puts {
			key, value, err := encodeRecord(r)
			if err != nil {
				return err
			}
			if err := st.replace(bucket, key, value); err != nil {
				return err
			}
		}
		return states.Put(stateKey, st.encode())
	})
	if err != nil {
		return fmt.Errorf("committing revision %d to %s: %w", next, s.path, err)
	}
	return nil
}

// inPlace says whether the open file is still the one that the next start would find. One that was removed takes commits
// as before, and they are gone with the process.
func (s *Store) inPlace() error {
	now, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("the file was removed under the running gateway; restart it to begin with an empty configuration, or with what is put there")
	case err != nil:
		return err
	case !os.SameFile(now, s.file):
		return errors.New("another file was put in its place under the running gateway; restart it to use that one")
	}
	return nil
}

// replace puts a value, or with nil deletes one, and keeps the sum up.
func (st *state) replace(bucket *bbolt.Bucket, key, value []byte) error {
	if before := bucket.Get(key); before != nil {
		st.subtract(key, before)
	}
	if value == nil {
		return bucket.Delete(key)
	}
	st.add(key, value)
	return bucket.Put(key, value)
}

// Close implements store.Store.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("closing %s: %w", s.path, err)
	}
	return nil
}
