package handshake

import (
	"crypto/tls"
	"testing"
)

// BenchmarkHandshake is a handshake of both sides, without sessions.
func BenchmarkHandshake(b *testing.B) {
	l := running(b)
	config := serverConfig(b)
	config.SessionTicketsDisabled = true
	addr, ended := serving(b, l, config)
	go func() {
		for range ended { // or the loop waits for somebody to hear it
		}
	}()
	client := anyServer.Clone()
	b.ReportAllocs()
	for b.Loop() {
		raw := dial(b, addr)
		c := tls.Client(raw, client)
		if err := c.Handshake(); err != nil {
			b.Fatal(err)
		}
		_ = raw.Close()
	}
}
