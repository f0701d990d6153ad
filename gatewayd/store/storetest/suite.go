// Package storetest is the suite that every store passes. Only tests import it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
)

// A Maker makes the stores under test.
type Maker struct {
	// Open opens the store that lives in a directory, or a new one.
	Open func(t *testing.T, dir string) store.Store
	// Durable says that a store opened in the directory of a closed one holds what that one held.
	Durable bool
}

// Run runs the suite.
func Run(t *testing.T, m Maker) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Maker)
	}{
		{"an empty store is at revision 0", testEmpty},
		{"what is put is loaded", testRoundTrip},
		{"what is deleted is gone", testDelete},
		{"a commit may do many things at once", testMixed},
		{"a commit on another revision changes nothing", testConflict},
		{"a revision grows", testRevisionGrows},
		{"records come in order", testOrder},
		{"big sets and big bodies", testBig},
		{"nobody shares memory with the store", testOwnership},
		{"one of concurrent committers wins", testConcurrent},
		{"a reader never sees half a commit", testWhole},
		{"an ended context stops a call", testContext},
		{"a closed store refuses", testClosed},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, m) })
	}
	if m.Durable {
		t.Run("a store that is opened again holds what it held", func(t *testing.T) { testReopen(t, m) })
	}
}

func open(t *testing.T, m Maker) store.Store {
	t.Helper()
	s := m.Open(t, t.TempDir())
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func rec(kind, name string, revision uint64) store.Record {
	return store.Record{Kind: kind, Name: name, ID: "id-" + name, Revision: revision, Body: []byte(`{"name":"` + name + `"}`)}
}

func commit(t *testing.T, s store.Store, base, next uint64, puts []store.Record, deletes ...store.Ref) {
	t.Helper()
	if err := s.Commit(t.Context(), base, next, puts, deletes); err != nil {
		t.Fatalf("Commit(%d, %d): %v", base, next, err)
	}
}

// expect compares what the store holds.
func expect(t *testing.T, s store.Store, revision uint64, want ...store.Record) {
	t.Helper()
	got, records, err := s.Load(t.Context())
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	if got != revision {
		t.Errorf("Load: revision %d, want %d", got, revision)
	}
	if len(records) == 0 && len(want) == 0 || reflect.DeepEqual(want, records) {
		return // cmp takes its time over megabytes.
	}
	if diff := cmp.Diff(want, records); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
}

func testEmpty(t *testing.T, m Maker) { expect(t, open(t, m), 0) }

func testRoundTrip(t *testing.T, m Maker) {
	s := open(t, m)
	full := store.Record{
		Kind: "pool", Name: "web", ID: "01", Revision: 7, Retired: true, Write: "print", Outcome: "created",
		Body: []byte("{\"name\": \"wéb\",\n \"x\": \"\\u0000\"}\x00\xff"), Secret: []byte("a secret \x00\xff"),
	}
	bare := store.Record{Kind: "rule", Name: "a", Body: []byte("{}")}
	commit(t, s, 0, 7, []store.Record{full, bare})
	expect(t, s, 7, full, bare)
	full.Retired, full.Body, full.Secret = false, []byte("1"), nil
	commit(t, s, 7, 9, []store.Record{full})
	expect(t, s, 9, full, bare)
}

func testDelete(t *testing.T, m Maker) {
	s := open(t, m)
	commit(t, s, 0, 1, []store.Record{rec("pool", "a", 1), rec("rule", "a", 1)})
	commit(t, s, 1, 2, nil, store.Ref{Kind: "pool", Name: "a"}, store.Ref{Kind: "pool", Name: "never"})
	expect(t, s, 2, rec("rule", "a", 1))
	commit(t, s, 2, 3, nil, store.Ref{Kind: "rule", Name: "a"})
	expect(t, s, 3)
}

func testMixed(t *testing.T, m Maker) {
	s := open(t, m)
	commit(t, s, 0, 1, []store.Record{rec("pool", "a", 1), rec("pool", "b", 1), rec("pool", "c", 1)})
	commit(t, s, 1, 5, []store.Record{rec("pool", "b", 5), rec("pool", "d", 4)}, store.Ref{Kind: "pool", Name: "a"})
	expect(t, s, 5, rec("pool", "b", 5), rec("pool", "c", 1), rec("pool", "d", 4))
	commit(t, s, 5, 6, nil)
	expect(t, s, 6, rec("pool", "b", 5), rec("pool", "c", 1), rec("pool", "d", 4))
}

func testConflict(t *testing.T, m Maker) {
	s := open(t, m)
	commit(t, s, 0, 3, []store.Record{rec("pool", "a", 3)})
	for _, base := range []uint64{0, 2, 4} {
		err := s.Commit(t.Context(), base, 10, []store.Record{rec("pool", "b", 10)}, []store.Ref{{Kind: "pool", Name: "a"}})
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("Commit on %d: %v, want ErrConflict", base, err)
		}
	}
	expect(t, s, 3, rec("pool", "a", 3))
}

func testRevisionGrows(t *testing.T, m Maker) {
	s := open(t, m)
	commit(t, s, 0, 3, []store.Record{rec("pool", "a", 3)})
	for _, next := range []uint64{0, 2, 3} {
		err := s.Commit(t.Context(), 3, next, []store.Record{rec("pool", "b", 3)}, nil)
		if err == nil || errors.Is(err, store.ErrConflict) {
			t.Errorf("Commit(3, %d): %v, want an error that is no conflict", next, err)
		}
	}
	expect(t, s, 3, rec("pool", "a", 3))
}

func testOrder(t *testing.T, m Maker) {
	s := open(t, m)
	// A kind that begins another, and names on both sides of every separator that one may think of.
	want := []store.Record{
		rec("rule", "-", 1), rec("rule", "0", 1), rec("rule", "A", 1), rec("rule", "a", 1), rec("rule", "a.b", 1), rec("rule", "ab", 1),
		rec("rules", "-", 1), rec("rules", "a", 1),
	}
	backwards := slices.Clone(want)
	slices.Reverse(backwards)
	commit(t, s, 0, 1, backwards)
	expect(t, s, 1, want...)
}

func testBig(t *testing.T, m Maker) {
	s := open(t, m)
	var want []store.Record
	for i := range 20_000 {
		want = append(want, rec("rule", fmt.Sprintf("r%05d", i), 1))
	}
	want[7].Body = []byte(strings.Repeat("a big body ", 200_000))
	commit(t, s, 0, 1, want)
	expect(t, s, 1, want...)
	var deletes []store.Ref
	for _, r := range want[:19_990] {
		deletes = append(deletes, store.Ref{Kind: r.Kind, Name: r.Name})
	}
	commit(t, s, 1, 2, nil, deletes...)
	expect(t, s, 2, want[19_990:]...)
}

func testOwnership(t *testing.T, m Maker) {
	s := open(t, m)
	r, want := rec("pool", "a", 1), rec("pool", "a", 1)
	r.Secret, want.Secret = []byte("secret"), []byte("secret")
	commit(t, s, 0, 1, []store.Record{r})
	r.Body[0], r.Secret[0] = 'X', 'X'
	expect(t, s, 1, want)
	_, records, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	records[0].Body[0], records[0].Secret[0] = 'X', 'X'
	expect(t, s, 1, want)
}

// testConcurrent has many committers count one record up; no step may be lost.
func testConcurrent(t *testing.T, m Maker) {
	s := open(t, m)
	const committers, each = 8, 10
	var group sync.WaitGroup
	for range committers {
		group.Go(func() {
			for done := 0; done < each; {
				base, _, err := s.Load(t.Context())
				if err != nil {
					t.Errorf("Load: %v", err)
					return
				}
				err = s.Commit(t.Context(), base, base+1, []store.Record{rec("pool", "a", base+1)}, nil)
				switch {
				case err == nil:
					done++
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("Commit: %v", err)
					return
				}
			}
		})
	}
	group.Wait()
	expect(t, s, committers*each, rec("pool", "a", committers*each))
}

// testWhole reads while two records are replaced together, again and again.
func testWhole(t *testing.T, m Maker) {
	s := open(t, m)
	commit(t, s, 0, 1, []store.Record{rec("pool", "a", 1), rec("pool", "b", 1)})
	var stop atomic.Bool
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for !stop.Load() {
				revision, records, err := s.Load(t.Context())
				if err != nil || len(records) != 2 {
					t.Errorf("Load: %d records, %v", len(records), err)
					return
				}
				if a, b := records[0].Revision, records[1].Revision; a != revision || b != revision {
					t.Errorf("revision %d holds records of %d and %d", revision, a, b)
					return
				}
			}
		})
	}
	for i := uint64(1); i < 60; i++ {
		commit(t, s, i, i+1, []store.Record{rec("pool", "a", i+1), rec("pool", "b", i+1)})
	}
	stop.Store(true)
	group.Wait()
}

func testContext(t *testing.T, m Maker) {
	s := open(t, m)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Commit(ended, 0, 1, []store.Record{rec("pool", "a", 1)}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit: %v, want context.Canceled", err)
	}
	if _, _, err := s.Load(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Load: %v, want context.Canceled", err)
	}
	expect(t, s, 0)
}

func testClosed(t *testing.T, m Maker) {
	s := open(t, m)
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := s.Commit(t.Context(), 0, 1, nil, nil); err == nil || errors.Is(err, store.ErrConflict) {
		t.Errorf("Commit: %v, want an error that is no conflict", err)
	}
	if _, _, err := s.Load(t.Context()); err == nil {
		t.Error("Load succeeded")
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func testReopen(t *testing.T, m Maker) {
	dir := t.TempDir()
	var want []store.Record
	for i := uint64(0); i < 5; i++ {
		s := m.Open(t, dir)
		expect(t, s, i, want...)
		want = append(want, rec("pool", fmt.Sprint(i), i+1))
		commit(t, s, i, i+1, want[i:])
		if err := s.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
}
