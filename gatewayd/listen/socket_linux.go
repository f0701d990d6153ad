package listen

import "golang.org/x/sys/unix"

const (
	// spreads says that the kernel spreads connections over sockets that are bound to the same address and port.
	spreads = true
	// privilege is what binding a low port takes.
	privilege = "the capability CAP_NET_BIND_SERVICE"
)

// beside lets a socket be bound beside others on the same port.
func beside(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }
