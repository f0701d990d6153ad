package gatewaytest

import (
	"io"
	"net"
	"testing"
	"time"
)

// Send sends bytes on a connection of their own to a listener of the gateway on 127.0.0.1, and reads to its end.
func Send(t testing.TB, port int, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", loopback(port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%v behind %q", err, answer)
	}
	return string(answer)
}
