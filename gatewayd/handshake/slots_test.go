package handshake

import (
	"crypto"
	"crypto/tls"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

// TestTargetsStandBehindFewClients: however many clients wait for a slot, a target that comes last stands behind as many of them
// as there are slots.
func TestTargetsStandBehindFewClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, clients = 2, 100
		s := NewSlots(n)
		var mu sync.Mutex
		var order []bool
		over := make(chan struct{})
		compute := func(client bool) {
			s.take(client)
			mu.Lock()
			order = append(order, client)
			mu.Unlock()
			<-over
			s.give(client)
		}
		for range n {
			s.take(true)
		}
		for range clients {
			go compute(true)
		}
		synctest.Wait()
		go compute(false)
		synctest.Wait()
		for range n {
			s.give(true)
		}
		for range clients + 1 {
			synctest.Wait()
			over <- struct{}{}
		}
		synctest.Wait()
		at := 0
		for at < len(order) && order[at] {
			at++
		}
		if len(order) != clients+1 || at > n {
			t.Errorf("the target was number %d of %d that computed, want one of the first %d", at+1, len(order), n+1)
		}
	})
}

// TestTargetsDoNotQueueWithClients: a handshake with a target comes to its end while those with clients stand in line.
func TestTargetsDoNotQueueWithClients(t *testing.T) {
	l, slots, came, pair := running(t), NewSlots(1), make(chan struct{}, 1), certtest.New(certtest.Issue{}).TLS()
	signed := &counted{Signer: pair.PrivateKey.(crypto.Signer)}
	pair.PrivateKey = signed
	server := &tls.Config{Certificates: []tls.Certificate{pair}}
	addr, _ := servingBy(t, l, slots, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if err := Aside(hello.Context()); err != nil {
			came <- struct{}{}
			return nil, err
		}
		return server, nil
	}})
	slots.clients <- struct{}{} // Another client stands in line ahead of the rest.
	client, served := tls.Client(dial(t, addr), anyServer), make(chan error, 1)
	go func() { served <- client.Handshake() }()
	<-came
	d := dialling(t, l, slots, Call{To: target(t, func(c *net.TCPConn) {
		over := tls.Server(c, serverConfig(t))
		_ = over.Handshake()
		_, _ = over.Read(make([]byte, 1))
	})})
	if err := <-d.told; err != nil {
		t.Error(err)
	}
	if n := signed.n.Load(); n != 0 {
		t.Errorf("%d handshakes with clients were computed ahead of one that stands in line", n)
	}
	<-slots.clients
	if err := <-served; err != nil {
		t.Error(err)
	}
	on(t, l, func() { d.c.Close() })
}
