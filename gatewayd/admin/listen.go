package admin

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Listen opens the API's sockets: TCP at addr (host:port, loopback only) and a Unix socket at socketPath with mode
// 0660. Either may be empty for none. A socket file that nobody answers on any more is replaced; one that somebody does
// is an error. The caller closes what it gets; closing the Unix listener removes its file.
func Listen(addr, socketPath string) ([]net.Listener, error) {
	var listeners []net.Listener
	if addr != "" {
		l, err := listenTCP(addr)
		if err != nil {
			return nil, fmt.Errorf("admin address %q: %w", addr, err)
		}
		listeners = append(listeners, l)
	}
	if socketPath != "" {
		l, err := listenUnix(socketPath)
		if err != nil {
			for _, open := range listeners {
				open.Close()
			}
			return nil, fmt.Errorf("admin socket %q: %w", socketPath, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// listenTCP binds loopback addresses. Names other than localhost are not resolved: what they mean may change.
func listenTCP(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, errors.New("must be host:port, such as 127.0.0.1:9180 or [::1]:9180")
	}
	ip, err := netip.ParseAddr(host)
	if host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, errors.New("is not a loopback address; the admin API has no TLS yet, so it listens on 127.0.0.1, [::1] or localhost only (reach it from elsewhere through an SSH tunnel)")
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	if bound, ok := l.Addr().(*net.TCPAddr); !ok || !bound.IP.IsLoopback() {
		return nil, errors.Join(errors.New("localhost is not a loopback address on this machine"), l.Close())
	}
	return l, nil
}

// maxSocketPath is the longest path of a Unix socket on Linux (unix(7): 108 bytes with the NUL); BSD's is shorter.
const maxSocketPath = 107

// listenUnix makes the socket under a temporary name beside its place, sets its mode, and moves it there, so that it
// never stands there with another mode.
func listenUnix(path string) (net.Listener, error) {
	if strings.HasPrefix(path, "@") {
		return nil, errors.New("must be a path; an abstract socket has no permissions")
	}
	if err := checkStale(path); err != nil {
		return nil, err
	}
	var random [4]byte
	rand.Read(random[:]) // Never fails (crypto/rand).
	if n := len(filepath.Dir(path)) + len("/.") + hex.EncodedLen(len(random)); max(n, len(path)) > maxSocketPath {
		return nil, fmt.Errorf("is too long: the system allows %d bytes for the path of a Unix socket; name a shorter one with --admin-socket, or \"off\"", maxSocketPath)
	}
	temporary := filepath.Join(filepath.Dir(path), "."+hex.EncodeToString(random[:]))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	err = os.Chmod(temporary, 0o660)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(temporary))
	}
	info, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &unixListener{UnixListener: l, path: path, made: info}, nil
}

// checkStale says why the path cannot be taken.
func checkStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("is there and is not a socket")
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
		return errors.New("somebody answers on it already; does another gatewayd run?")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("unable to find out whether it is in use: %w", err)
	}
	return nil
}

// A unixListener removes its file when it closes, unless another process has put its own there.
type unixListener struct {
	*net.UnixListener
	path string
	made fs.FileInfo
}

func (l *unixListener) Close() error {
	if now, err := os.Lstat(l.path); err == nil && os.SameFile(l.made, now) {
		os.Remove(l.path)
	}
	return l.UnixListener.Close()
}
