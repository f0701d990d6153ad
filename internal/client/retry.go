package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

type callKey struct{}

// A call is what the attempts of one request share. One goroutine owns it: attempts come one after the other.
type call struct {
	safe     bool
	stream   bool // the answer has no end and is read as it comes
	first    int  // index of the endpoint of the first attempt
	attempts int
	endpoint string           // of the last attempt
	failed   map[string]error // the last failure of each endpoint
	lost     bool             // an attempt may have done its work without an answer
}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	if c == nil {
		panic("client: a request without a call") // Every request is made by do.
	}
	return c
}

// checkRetry says whether an attempt is repeated: always where nothing was sent, and where the call is safe also after
// a broken connection and the statuses that mean "later". The default policy of the library would repeat every write.
func checkRetry(ctx context.Context, response *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	call := callOf(ctx)
	if err != nil {
		return !hopeless(err) && (call.safe || unsent(err)), nil
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return call.safe, nil
	}
	return false, nil
}

// unsent says that an error came before anything of the request was sent.
func unsent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// hopeless says that an error comes again at every try: a certificate does not become valid by waiting.
func hopeless(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	return certificate || authority || plain || errors.Is(err, http.ErrSchemeMismatch)
}

// backoff waits not at all while there are endpoints that were not tried, then ever longer, and never longer than max,
// whatever a Retry-After asks for.
func (r *router) backoff(least, most time.Duration, attempt int, response *http.Response) time.Duration {
	if attempt < len(r.endpoints)-1 {
		return 0
	}
	return min(most, retryablehttp.DefaultBackoff(least, most, attempt-len(r.endpoints)+1, response))
}
