package loop

import (
	"fmt"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	edges    = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET
	keepIdle = unix.TCP_KEEPIDLE
)

// linux is the real Kernel: epoll and non-blocking system calls.
type linux struct {
	system
	ep, wake int
	events   [maxEvents]unix.EpollEvent
	message  message // of WriteParts
	info     unix.TCPInfo
}

func newKernel() (Kernel, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, &OpError{Op: "epoll_create", Err: err}
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		_ = unix.Close(ep)
		return nil, &OpError{Op: "eventfd", Err: err}
	}
	ownPorts() // Reads a file, which a loop must not wait for.
	k := &linux{ep: ep, wake: wake}
	// Edge-triggered, so that a wake-up costs no read: every write to the descriptor is an edge.
	if e := k.control(unix.EPOLL_CTL_ADD, wake, unix.EPOLLIN|unix.EPOLLET, wakeToken); e != 0 {
		k.Release()
		return nil, &OpError{Op: "epoll_ctl", Err: e}
	}
	return k, nil
}

func (k *linux) Wait(events []Event, timeout time.Duration) (int, syscall.Errno) {
	limit := min(len(events), maxEvents)
	n, e := 0, syscall.Errno(0)
	if timeout == 0 {
		n, e = rawPoll(k.ep, k.events[:limit])
	} else {
		ms := -1
		if timeout > 0 {
			ms = int(min((timeout+time.Millisecond-1)/time.Millisecond, 1<<30))
		}
		var err error
		if n, err = unix.EpollWait(k.ep, k.events[:limit], ms); err != nil {
			n, e = 0, errno(err)
		}
	}
	if e == unix.EINTR {
		return 0, 0
	}
	for i := range k.events[:max(n, 0)] {
		ev := &k.events[i]
		var r Ready
		if ev.Events&unix.EPOLLIN != 0 {
			r |= ReadyIn
		}
		if ev.Events&unix.EPOLLOUT != 0 {
			r |= ReadyOut
		}
		if ev.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP) != 0 {
			r |= ReadyHup
		}
		if ev.Events&unix.EPOLLERR != 0 {
			r |= ReadyErr
		}
		events[i] = Event{Token: uint64(uint32(ev.Pad))<<32 | uint64(uint32(ev.Fd)), Ready: r}
	}
	return n, e
}

func (k *linux) Wake() {
	one := [8]byte{1}
	_, _ = unix.Write(k.wake, one[:])
}

func (k *linux) control(op, fd int, events uint32, token uint64) syscall.Errno {
	ev := unix.EpollEvent{Events: events, Fd: int32(uint32(token)), Pad: int32(uint32(token >> 32))}
	return rawControl(k.ep, op, fd, &ev)
}

func (k *linux) Watch(fd int, token uint64) syscall.Errno {
	return k.control(unix.EPOLL_CTL_ADD, fd, edges, token)
}

func (k *linux) Listen(fd int, token uint64) syscall.Errno {
	return k.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN, token)
}

func (k *linux) Unlisten(fd int) { _ = k.control(unix.EPOLL_CTL_DEL, fd, 0, 0) }

func (k *linux) Release() {
	_ = unix.Close(k.ep)
	_ = unix.Close(k.wake)
}

func (k *linux) Accept(fd int) (int, netip.AddrPort, syscall.Errno) { return rawAccept(fd) }
func (k *linux) Read(fd int, b []byte) (int, syscall.Errno)         { return rawRead(fd, b) }
func (k *linux) Write(fd int, b []byte) (int, syscall.Errno)        { return rawWrite(fd, b) }

func (k *linux) Unsent(fd int) int {
	n, e := rawUnsent(fd)
	if e != 0 {
		return 0
	}
	return n
}

func (k *linux) LocalAddr(fd int) netip.AddrPort {
	a, e := rawLocalAddr(fd)
	if e != 0 {
		return netip.AddrPort{}
	}
	return a
}

// Connect goes the short way where nothing has to be asked or chosen first, which is nearly always.
func (k *linux) Connect(to Remote) (int, syscall.Errno) {
	a := to.Addr.Addr()
	if to.Path != "" || to.From.IsValid() || !a.IsValid() || a.Zone() != "" {
		return k.system.Connect(to)
	}
	family := unix.AF_INET6
	if a.Is4() {
		family = unix.AF_INET
	}
	fd, e := rawSocket(family)
	if e != 0 {
		return -1, e
	}
	if e = rawSetOption(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); e == 0 {
		e = rawConnect(fd, to.Addr)
	}
	if e != 0 && e != unix.EINPROGRESS {
		rawClose(fd)
		return -1, e
	}
	return fd, 0
}

// Close never waits: no socket of a loop lingers, but by one that resets.
func (k *linux) Close(fd int, reset bool) {
	if reset {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	rawClose(fd)
}

// askEvery is how often a peer without room is asked for some, in milliseconds. Linux doubles the time from one to the next,
// up to two minutes, in which one that is gone would not be missed.
const askEvery = 10_000

func (k *linux) Pulse(fd int) Pulse {
	i := &k.info
	if rawInfo(fd, i) != 0 || i.Unacked == 0 && i.Notsent_bytes == 0 {
		return Pulse{}
	}
	if i.Unacked == 0 {
		// A kernel before 6.15 does not know it, and asks rarely.
		_ = rawSetOption(fd, unix.IPPROTO_TCP, unix.TCP_RTO_MAX_MS, askEvery)
	}
	return Pulse{
		Owes:   true,
		Silent: time.Duration(min(i.Last_ack_recv, i.Last_data_recv)) * time.Millisecond,
		Asked:  int(i.Retransmits) + int(i.Probes),
	}
}

func (k *linux) WriteParts(fd int, parts *Parts) (int, syscall.Errno) {
	return rawWriteParts(fd, &k.message, parts)
}

func (k *linux) Pipe(size int) (r, w int, e syscall.Errno) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return -1, -1, errno(err)
	}
	if n, err := unix.FcntlInt(uintptr(p[0]), unix.F_SETPIPE_SZ, size); err != nil || n < size {
		_ = unix.Close(p[0])
		_ = unix.Close(p[1])
		if err == nil {
			err = unix.EPERM
		}
		return -1, -1, errno(err)
	}
	return p[0], p[1], 0
}

func (k *linux) Splice(from, to int, n int) (int, syscall.Errno) { return rawSplice(from, to, n) }

// Socket opens a stream socket of a family as a loop wants it: non-blocking, and closed in child processes.
func Socket(family int) (int, error) {
	return unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}

// ownPorts says whether the system may choose a port for a connect that begins here. It is asked once: whoever changes the range
// later has processes that began before.
var ownPorts = sync.OnceValue(func() func(port uint16) bool {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	var from, to uint16
	if n, _ := fmt.Sscan(string(text), &from, &to); err != nil || n != 2 {
		return func(uint16) bool { return true }
	}
	return func(port uint16) bool { return from <= port && port <= to }
})

// choosePortLate lets connect choose the port of a socket that is about to be bound to port 0, as it does without a bind.
// A plain bind chooses it at once, without knowing the destination, so that no two sockets could have the same one: some
// 28 000 connections for each own address in all. Chosen late, every destination has all ports. A kernel before 4.2 does
// not know the option and has only the lower limit.
func choosePortLate(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
}
