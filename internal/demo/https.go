package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
)

// httpsFile is the part of the example that the demo adds late.
const httpsFile = "https.tf"

func (s *stage) tlsURL() string { return fmt.Sprintf("wss://127.0.0.1:%d/", s.tlsPort) }

func (s *stage) certificateFile() string { return filepath.Join(s.workDir(), "cert.pem") }

// growHTTPS adds the https listener while somebody talks in clear, and talks over TLS.
func (s *stage) growHTTPS(ctx context.Context) error {
	talk, err := gatewaytest.Dial(ctx, s.url(), nil)
	if err != nil {
		return err
	}
	defer talk.Close()
	if err := s.certify(); err != nil {
		return err
	}
	if err := s.copyFile(httpsFile); err != nil {
		return err
	}
	if err := s.writeVariables(names); err != nil {
		return err
	}
	if err := s.applied(ctx, "3 added, 0 changed, 0 destroyed"); err != nil {
		return err
	}
	if err := exchange(talk, "in clear as before"); err != nil {
		return err
	}
	secure, err := s.dialTLS(ctx)
	if err != nil {
		return err
	}
	defer secure.Close()
	if err := exchange(secure, "over TLS, to the same pool"); err != nil {
		return err
	}
	_, err = secure.Bye()
	return err
}

// rotate replaces the certificate while a socket is open that began under the old one.
func (s *stage) rotate(ctx context.Context) error {
	talk, err := s.dialTLS(ctx)
	if err != nil {
		return err
	}
	defer talk.Close()
	if err := exchange(talk, "under the old certificate"); err != nil {
		return err
	}
	if err := s.certify(); err != nil {
		return err
	}
	if err := s.applied(ctx, "0 added, 1 changed, 0 destroyed"); err != nil {
		return err
	}
	if err := exchange(talk, "the old one still talks"); err != nil {
		return err
	}
	fresh, err := s.dialTLS(ctx)
	if err != nil {
		return err
	}
	defer fresh.Close()
	if err := exchange(fresh, "under the new certificate"); err != nil {
		return err
	}
	if err := s.planEmpty(ctx); err != nil {
		return err
	}
	for _, socket := range []*gatewaytest.Socket{talk, fresh} {
		if _, err := socket.Bye(); err != nil {
			return fmt.Errorf("say goodbye: %w", err)
		}
	}
	return nil
}

// dialTLS opens a socket over TLS that trusts the certificate of the day and no other, and prints what it was shown.
func (s *stage) dialTLS(ctx context.Context) (*gatewaytest.Socket, error) {
	roots := x509.NewCertPool()
	roots.AddCert(s.shown)
	socket, err := gatewaytest.DialTLS(ctx, s.tlsURL(), nil, &tls.Config{RootCAs: roots})
	if err != nil {
		return nil, err
	}
	conn, ok := socket.NetConn().(*tls.Conn)
	if !ok {
		socket.Close()
		return nil, errors.New("the socket is in clear")
	}
	state := conn.ConnectionState()
	say("%s shows certificate %s, %s", s.tlsURL(), fingerprint(state.PeerCertificates[0]), tls.VersionName(state.Version))
	return socket, nil
}

// certify makes a certificate with its key, for a day and this machine alone, where https.tf looks for them. Only the user may
// read them.
func (s *stage) certify() error {
	pair := certtest.New(certtest.Issue{Until: time.Now().Add(24 * time.Hour)})
	s.shown = pair.Leaf
	say("made certificate %s for localhost and 127.0.0.1, with its key", fingerprint(s.shown))
	return errors.Join(
		os.WriteFile(s.certificateFile(), []byte(pair.Certificate), 0o600),
		os.WriteFile(filepath.Join(s.workDir(), "key.pem"), []byte(pair.Key), 0o600),
	)
}

// fingerprint is the beginning of a certificate's, as gatewayd tells it.
func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:6])
}
