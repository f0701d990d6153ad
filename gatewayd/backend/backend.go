package backend

import (
	"strconv"
	"sync/atomic"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/affinity"
)

// A Key is the identity of a backend. Key, weight and owning object of the target may change under it.
type Key struct {
	Pool string  // hidden id of the pool, never its name
	Addr Address // with the effective port: the target's own, else the setting's
}

// A Backend is one address of a pool as the data path sees it. It is made by a Registry only, and compared by pointer:
// there is one Backend of a Key as long as anything holds it through the Registry.
type Backend struct {
	// Open counts requests and tunnels in flight, over all loops. Take adds one, and whoever took it gives it back by
	// Release when the exchange or tunnel has ended.
	Open atomic.Int64

	_ [56]byte // Every loop writes Open, so it has a cache line for itself.

	Key Key         // set once by the Registry
	ID  affinity.ID // names the backend in cookies; set once by the Registry, and none where that has no key

	name atomic.Pointer[string] // see Name
}

// Name is the DNS name by which the backend came, without a final dot; "" where it is a target by its address.
func (b *Backend) Name() string {
	if n := b.name.Load(); n != nil {
		return *n
	}
	return ""
}

// SetName says by which name the backend came. Of several it is the one that was set last.
func (b *Backend) SetName(name string) {
	if b.Name() != name {
		b.name.Store(&name)
	}
}

// Take counts one more in flight, and reports false where limit are in flight already; 0 means without limit.
func (b *Backend) Take(limit int) bool {
	if limit <= 0 {
		b.Open.Add(1)
		return true
	}
	return below(&b.Open, limit)
}

// below adds one to a counter of all loops, unless it has reached limit.
func below(counter *atomic.Int64, limit int) bool {
	for {
		n := counter.Load()
		if n >= int64(limit) {
			return false
		}
		if counter.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release counts one less.
func (b *Backend) Release() { b.Open.Add(-1) }

// String is the address and port, as logs and reasons write it.
func (b *Backend) String() string { return b.Key.Addr.String() }

// AppendHost appends the backend as the Host field of a request names it (RFC 9110 7.2): by its DNS name where it has one,
// and without the port that http, or https where secure says so, implies. A Unix socket is of this machine.
func (b *Backend) AppendHost(buf []byte, secure bool) []byte {
	at, name, implied := b.Key.Addr.TCP, b.Name(), uint16(80)
	if secure {
		implied = 443
	}
	switch {
	case b.Key.Addr.Path != "":
		return append(buf, local...)
	case name != "" && at.Port() != implied:
		return strconv.AppendUint(append(append(buf, name...), ':'), uint64(at.Port()), 10)
	case name != "":
		return append(buf, name...)
	case at.Port() != implied:
		return at.AppendTo(buf)
	case at.Addr().Is4():
		return at.Addr().AppendTo(buf)
	}
	return append(at.Addr().AppendTo(append(buf, '[')), ']')
}

// local is the name of what is of this machine.
const local = "localhost"

// ServerName is whom a certificate of the backend must be for where nothing else is said: its DNS name where it has one, else
// its IP address.
func (b *Backend) ServerName() string {
	if b.Key.Addr.Path != "" {
		return local
	}
	if name := b.Name(); name != "" {
		return name
	}
	return b.Key.Addr.TCP.Addr().Unmap().WithZone("").String()
}
