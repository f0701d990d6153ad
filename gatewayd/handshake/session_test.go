package handshake

import (
	"bytes"
	"crypto/tls"
	"io"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

// shakeHands connects a client to a TLS echo on a loop and gives the connection with the keys of both directions.
func shakeHands(t *testing.T) (*records, chan error) {
	t.Helper()
	l := running(t)
	config := &tls.Config{
		Certificates: []tls.Certificate{certtest.New(certtest.Issue{}).TLS()}, MinVersion: tls.VersionTLS13,
		SessionTicketsDisabled: true, // so that the first record after the handshake is the first echo
	}
	addr, ended := serving(t, l, config)
	raw := dial(t, addr)
	var keys bytes.Buffer
	client := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, KeyLogWriter: &keys})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if suite := client.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Fatalf("the handshake chose %s, but this test knows TLS_AES_128_GCM_SHA256 alone", tls.CipherSuiteName(suite))
	}
	return &records{
		t: t, raw: raw,
		ours:   newTrafficKey(t, secretOf(t, keys.String(), "CLIENT_TRAFFIC_SECRET_0")),
		theirs: newTrafficKey(t, secretOf(t, keys.String(), "SERVER_TRAFFIC_SECRET_0")),
	}, ended
}

func TestTLSRecordsOnTheLoop(t *testing.T) {
	r, ended := shakeHands(t)
	r.echo([]byte("hello"))
	// Records of one byte, and a record that arrives a byte at a time.
	for _, b := range []byte("one byte a record") {
		r.echo([]byte{b})
	}
	for _, b := range r.seal(recordData, []byte("dribbled")) {
		if _, err := r.raw.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	r.expect(recordData, []byte("dribbled"))
	big := pattern(16<<10, 7)
	r.echo(big)
	// close_notify is answered by one, behind everything.
	r.send(recordAlert, []byte{1, 0})
	r.expect(recordAlert, []byte{1, 0})
	if _, err := r.raw.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after close_notify came %v, want the end", err)
	}
	_ = r.raw.Close()
	if err := <-ended; err != nil {
		t.Errorf("Closed(%v)", err)
	}
}

func TestTLSKeyUpdateBothWays(t *testing.T) {
	r, ended := shakeHands(t)
	r.echo([]byte("before"))
	// Only our direction changes its keys.
	r.updateKeys(false)
	r.echo([]byte("under our second keys"))
	for range 20 {
		// The peer is asked to change its own, too; its answer must stand before the echo of what comes right behind.
		update := r.seal(recordHandshake, []byte{keyUpdate, 0, 0, 1, 1})
		r.ours.next()
		data := r.seal(recordData, []byte("right behind"))
		if _, err := r.raw.Write(append(update, data...)); err != nil {
			t.Fatal(err)
		}
		r.expect(recordHandshake, []byte{keyUpdate, 0, 0, 1, 0})
		r.theirs.next()
		r.expect(recordData, []byte("right behind"))
		r.echo(pattern(5000, 8))
	}
	// Several at once, without data between.
	for range 10 {
		r.updateKeys(true)
	}
	for range 10 {
		r.expect(recordHandshake, []byte{keyUpdate, 0, 0, 1, 0})
		r.theirs.next()
	}
	r.echo([]byte("after"))
	_ = r.raw.Close()
	<-ended
}

func TestTLSKeyUpdateFloodIsEnded(t *testing.T) {
	r, ended := shakeHands(t)
	for range 200 {
		record := r.seal(recordHandshake, []byte{keyUpdate, 0, 0, 1, 1})
		r.ours.next()
		if _, err := r.raw.Write(record); err != nil {
			break // ended already
		}
	}
	answers := 0
	for {
		kind, b, err := r.open()
		if err != nil {
			t.Fatalf("after %d answers the flood ended without an alert: %v", answers, err)
		}
		if kind == recordAlert {
			if !bytes.Equal(b, []byte{2, 10}) {
				t.Errorf("the alert is %v, want unexpected_message", b)
			}
			break
		}
		r.theirs.next()
		if answers++; answers > 20 {
			t.Fatalf("%d KeyUpdates in a row were answered", answers)
		}
	}
	_ = r.raw.Close()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "too many non-advancing records") {
		t.Errorf("Closed(%v)", err)
	}
}
