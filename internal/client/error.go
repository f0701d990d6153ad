package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// An UnreachableError says that no endpoint answered.
type UnreachableError struct {
	// Failures has a sentence for each endpoint that was tried.
	Failures []string
	cause    error
}

func (e *UnreachableError) Error() string {
	return "the gateway cannot be reached: " + strings.Join(e.Failures, "; ")
}

func (e *UnreachableError) Unwrap() error { return e.cause }

// IsUnreachable says that no gateway answered: it may be down, or not there yet.
func IsUnreachable(err error) bool {
	_, ok := errors.AsType[*UnreachableError](err)
	return ok
}

// explain turns the failure of the last attempt into an error for a user.
func (c *call) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("waiting for the gateway at %s: %w", c.endpoint, ctx.Err())
	}
	// The transport may call its end by the client's timeout a cancellation; the client itself knows better.
	late, ok := errors.AsType[net.Error](err)
	if len(c.failed) == 0 || ok && late.Timeout() {
		c.failed[c.endpoint] = err
	}
	u := &UnreachableError{cause: err}
	for endpoint, failure := range c.failed {
		u.Failures = append(u.Failures, describe(endpoint, failure))
	}
	slices.Sort(u.Failures)
	return u
}

// describe says what happened at an endpoint and what to check.
func describe(endpoint string, err error) string {
	unix := strings.HasPrefix(endpoint, "unix:")
	dns, isDNS := errors.AsType[*net.DNSError](err)
	certificate, isCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	late, ok := errors.AsType[net.Error](err)
	switch {
	case unix && errors.Is(err, fs.ErrNotExist):
		return endpoint + " does not exist; check that gatewayd runs and that its --admin-socket is this path"
	case unix && errors.Is(err, fs.ErrPermission):
		return endpoint + " may not be opened by this user; the socket is open to its owner and group only"
	case errors.Is(err, syscall.ECONNREFUSED):
		return endpoint + " refused the connection; check that gatewayd runs there and that its --admin address or socket is this endpoint"
	case isDNS:
		return fmt.Sprintf("%s has a host name, %s, that cannot be resolved (%s)", endpoint, dns.Name, dns.Err)
	case isCertificate:
		return fmt.Sprintf("%s has a certificate that is not trusted (%v); check the CA of the configuration", endpoint, certificate.Err)
	case plain:
		return endpoint + " does not speak TLS; the endpoint may be meant as http://"
	case ok && late.Timeout():
		return endpoint + " did not answer in time; check the address and what filters the way to it"
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return endpoint + " broke off in the middle of its answer; check whether gatewayd, or what stands before it, ended meanwhile"
	}
	return fmt.Sprintf("%s failed: %v", endpoint, innermost(err))
}

// innermost drops the method and URL that net/http puts in front: the endpoint says it better.
func innermost(err error) error {
	for {
		op, ok := errors.AsType[*net.OpError](err)
		if !ok || op.Err == nil {
			return err
		}
		err = op.Err
	}
}

// unknownField begins the message of a problem about a field that the gateway does not know.
const unknownField = "is not a known field"

// refused makes an *api.Error of an answer and adds what only the client can say.
func refused(endpoint string, status int, header http.Header, body []byte) error {
	e := api.ReadError(status, header, body)
	switch {
	case e.Version == "":
		e.Detail += fmt.Sprintf(" It came from %s; check that this is the admin address of a gatewayd.", endpoint)
	case e.Reason() == api.Unauthorized:
		e.Detail += fmt.Sprintf(" The endpoint is %s.", endpoint)
	}
	for i := range e.Problems {
		p := &e.Problems[i]
		if e.Version != "" && strings.HasPrefix(p.Message, unknownField) {
			p.Message = fmt.Sprintf("%s of gatewayd %s; remove it, or upgrade the gateway%s",
				unknownField, e.Version, strings.TrimPrefix(p.Message, unknownField))
		}
	}
	return e
}
