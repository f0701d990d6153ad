package secure

import (
	"crypto/tls"
	"crypto/x509"
	"sync"
)

// A Client is the TLS of the connections to the targets of one setting. It is immutable, but for the sessions that targets
// gave it.
type Client struct {
	config *tls.Config
	name   string
}

// maxSessions is how many sessions a Client keeps, one for each target and name. The one used last goes last.
const maxSessions = 1024

// Terms are what a Client goes by.
type Terms struct {
	// Name is what the certificates of targets must be for; "" leaves it to each target.
	Name string
	// Verify says whether a target must prove anything.
	Verify bool
	// Roots are the authorities that are believed; nil are those of the machine, and an empty list is nobody.
	Roots []*x509.Certificate
	// Identity is shown to targets that ask for a certificate; nil is none.
	Identity *Identity
}

// NewClient makes one.
func NewClient(t Terms) *Client {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, InsecureSkipVerify: !t.Verify,
		ClientSessionCache: tls.NewLRUClientSessionCache(maxSessions), DynamicRecordSizingDisabled: true,
	}
	if t.Roots != nil {
		c.RootCAs = x509.NewCertPool()
		for _, root := range t.Roots {
			c.RootCAs.AddCert(root)
		}
	}
	if t.Identity != nil {
		// Shown whatever authorities the target hints at: many hint at the wrong ones, and it can judge by itself.
		pair := t.Identity.pair
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return &Client{config: c, name: t.Name}
}

// Anybody is the Client of what has no terms of its own: it believes the machine's authorities, and shows nothing.
var Anybody = sync.OnceValue(func() *Client { return NewClient(Terms{Verify: true}) })

// Name is what a target's certificate must be for where the target itself has a name.
func (c *Client) Name(target string) string {
	if c.name != "" {
		return c.name
	}
	return target
}

// Named says whether the name is the same for all targets.
func (c *Client) Named() bool { return c.name != "" }

// Config is what a handshake goes by with the target at an address, whose certificate must be for a name, not empty.
func (c *Client) Config(name, at string) *tls.Config {
	config := c.config.Clone()
	config.ServerName = name
	config.ClientSessionCache = sessions{c.config.ClientSessionCache, at + " "}
	return config
}

// sessions are those of one target: another one of the same name cannot open its tickets.
type sessions struct {
	all tls.ClientSessionCache
	of  string
}

// Get implements tls.ClientSessionCache.
func (s sessions) Get(name string) (*tls.ClientSessionState, bool) { return s.all.Get(s.of + name) }

// Put implements tls.ClientSessionCache.
func (s sessions) Put(name string, state *tls.ClientSessionState) { s.all.Put(s.of+name, state) }
