package backend

import (
	"net/netip"
	"sync/atomic"
)

// A Key is the identity of a backend. Key, weight and owning object of the target may change under it.
type Key struct {
	Pool string         // hidden id of the pool, never its name
	Addr netip.AddrPort // effective port: the target's own, else the setting's
}

// A Backend is one address of a pool as the data path sees it. It is made by a Registry only, and compared by pointer:
// there is one Backend of a Key as long as anything holds it through the Registry.
type Backend struct {
	Key Key // set once by the Registry

	// Open counts requests and tunnels in flight, over all loops. Whoever picked the backend adds one before it uses it
	// and takes it away when the exchange or tunnel has ended.
	Open atomic.Int64
}

// String is the address and port, as logs and reasons write it.
func (b *Backend) String() string { return b.Key.Addr.String() }
