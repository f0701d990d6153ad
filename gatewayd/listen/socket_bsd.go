//go:build darwin || freebsd

package listen

const (
	// spreads says that the kernel spreads connections over sockets that are bound to the same address and port. Here the
	// last one gets all.
	spreads = false
	// privilege is what binding a low port takes.
	privilege = "root"
)

// beside has nothing to do: SO_REUSEADDR is enough for a literal address beside the wildcard, and without SO_REUSEPORT
// nobody can take the same one.
func beside(int) error { return nil }
