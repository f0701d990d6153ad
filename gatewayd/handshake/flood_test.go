package handshake

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

// byHand is a target that writes its records by hand behind the handshake, by fn.
func byHand(t *testing.T, fn func(*records)) *dialled {
	t.Helper()
	to := target(t, func(c *net.TCPConn) {
		var keys bytes.Buffer
		over := tls.Server(c, &tls.Config{
			Certificates: []tls.Certificate{certtest.Sample(1).TLS()}, MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true, KeyLogWriter: &keys,
		})
		if err := over.Handshake(); err != nil {
			t.Error(err)
			return
		}
		fn(&records{
			t: t, raw: c,
			ours:   newTrafficKey(t, secretOf(t, keys.String(), "SERVER_TRAFFIC_SECRET_0")),
			theirs: newTrafficKey(t, secretOf(t, keys.String(), "CLIENT_TRAFFIC_SECRET_0")),
		})
	})
	config := anyServer.Clone()
	config.ServerName, config.ClientSessionCache = "loop.test", tls.NewLRUClientSessionCache(4)
	d := dialling(t, running(t), NewSlots(1), Call{To: to, Config: config})
	if err := <-d.told; err != nil {
		t.Fatal(err)
	}
	return d
}

// message is a handshake message.
func message(kind byte, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b[0] = kind
	return append(b, body...)
}

// ticket is a NewSessionTicket of so many bytes (RFC 8446 section 4.6.1).
func ticket(size int) []byte {
	b := append([]byte{0, 0, 1, 0, 1, 2, 3, 4, 0}, byte(size>>8), byte(size))
	return message(4, append(append(b, make([]byte, size)...), 0, 0))
}

// TestFloodsOfATarget: a target that keeps the gateway busy with messages that come to nothing is left, whichever they are, and
// one that asks for what was not offered.
func TestFloodsOfATarget(t *testing.T) {
	for name, c := range map[string]struct {
		record []byte
		rekeys bool
		words  string
	}{
		"new keys":              {message(keyUpdate, []byte{0}), true, "too many non-advancing records"},
		"new keys both ways":    {message(keyUpdate, []byte{1}), true, "too many non-advancing records"},
		"tickets":               {ticket(10 << 10), false, "too many non-advancing records"},
		"a certificate request": {message(13, []byte{0, 0, 0}), false, "unexpected handshake message"},
		"a new handshake":       {message(0, nil), false, "unexpected handshake message"},
	} {
		t.Run(name, func(t *testing.T) {
			d := byHand(t, func(r *records) {
				for range 200 {
					record := r.seal(recordHandshake, c.record)
					if c.rekeys {
						r.ours.next()
					}
					if _, err := r.raw.Write(record); err != nil {
						break
					}
				}
				_, _ = io.Copy(io.Discard, r.raw)
			})
			if err := <-d.ended; err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("Closed(%v), want %q", err, c.words)
			}
		})
	}
}

// TestTicketsOfATarget: tickets between data, however many and however large, leave one of them behind.
func TestTicketsOfATarget(t *testing.T) {
	const n = 2000
	grown := make(chan int64, 1)
	d := byHand(t, func(r *records) {
		before := inUse()
		for i := range n {
			r.send(recordHandshake, ticket(14<<10))
			r.send(recordData, []byte{byte(i)})
			r.expect(recordData, []byte{byte(i)})
		}
		grown <- inUse() - before
	})
	if got := <-grown; got > 4<<20 {
		t.Errorf("%d tickets of 14 KiB left %d KiB", n, got>>10)
	}
	<-d.ended
}

func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}
