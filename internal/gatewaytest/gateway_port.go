package gatewaytest

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"testing"
)

// Ports for listeners come from below those that the kernel gives to outgoing connections (32768 and up on Linux), so
// that none of the many connections of a test takes one between here and the bind.
const (
	firstPort = 12000
	lastPort  = 32000
)

// ports are those that were given to somebody.
var ports struct {
	mu    sync.Mutex
	given map[int]bool // guarded by mu
}

// FreePort is a TCP port that was free just now, on every address. No two calls of the process get the same one.
func FreePort(tb testing.TB) int {
	tb.Helper()
	free, err := FreePorts(1)
	if err != nil {
		tb.Fatal(err)
	}
	return free[0]
}

// FreePorts are n of them, for programs.
func FreePorts(n int) ([]int, error) {
	ports.mu.Lock()
	defer ports.mu.Unlock()
	if ports.given == nil {
		ports.given = map[int]bool{}
	}
	var free []int
	for range 1000 {
		if len(free) == n {
			return free, nil
		}
		port := firstPort + rand.IntN(lastPort-firstPort)
		if ports.given[port] {
			continue
		}
		l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			continue // Another process has it.
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
		ports.given[port] = true
		free = append(free, port)
	}
	return nil, errors.New("there is no free port")
}

// URL is where a listener of the gateway on 127.0.0.1 serves a path, by scheme: http or ws.
func URL(scheme string, port int, path string) string {
	return scheme + "://" + loopback(port) + path
}

// loopback is a port of 127.0.0.1.
func loopback(port int) string {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port)).String()
}
