package listen

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
)

// TestLiteralAddressBesideAll needs a system that answers at every address of 127.0.0.0/8.
func TestLiteralAddressBesideAll(t *testing.T) {
	var literal atomic.Pointer[Group]
	s := greeting(turning(t, 2), func(g *Group) string {
		if g == literal.Load() {
			return "literal"
		}
		return "all"
	})
	all := mustBind(t, s, "", 0)
	all.Start()
	port := int(all.Addr().Port())
	one := mustBind(t, s, "127.0.0.1", port)
	literal.Store(one)
	one.Start()
	for range 20 {
		for address, want := range map[string]string{"127.0.0.1": "literal", "127.0.0.2": "all"} {
			if got, err := ask(fmt.Sprintf("%s:%d", address, port)); err != nil || got != want {
				t.Fatalf("%s answered %q, %v; want %q", address, got, err, want)
			}
		}
	}
	one.Close()
	if got, err := ask(fmt.Sprintf("127.0.0.1:%d", port)); err != nil || got != "all" {
		t.Errorf("after the literal address was closed %q, %v answered", got, err)
	}
}

// TestPortTakenOnOneAddressOfAll: elsewhere a wildcard may be bound beside another process's literal address.
func TestPortTakenOnOneAddressOfAll(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	s := greeting(turning(t, 2), func(*Group) string { return "" })
	if _, err := s.Bind("", other.Addr().(*net.TCPAddr).Port); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Bind says %v", err)
	}
}
