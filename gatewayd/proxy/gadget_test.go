package proxy

import (
	"fmt"
	"sync"
	"testing"
)

// places are where an octet stands in and around a Transfer-Encoding, beside a Content-Length that says otherwise.
var places = []string{
	"%cTransfer-Encoding: chunked", "Transfer%cEncoding: chunked", "Transfer-Encoding%c: chunked", "Transfer-Encoding:%cchunked", "Transfer-Encoding: %cchunked",
	"Transfer-Encoding: chunked%c", "Transfer-Encoding: chun%cked", "Transfer-Encoding: chunked%cX: y", "X: y%cTransfer-Encoding: chunked", "X: y\r%cTransfer-Encoding: chunked",
	"X: y%c\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r%cX: y", "Transfer-Encoding: chunked%c\nX: y", "X%c: y\r\n Transfer-Encoding: chunked",
}

// Every octet at every place where it has hidden a Transfer-Encoding from one of two parsers: with both lengths, either of
// which leaves a request behind for whoever does not see it.
func TestSmugglingGadgets(t *testing.T) {
	const hidden = "GET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n"
	var all sync.WaitGroup
	for _, body := range []string{"0\r\n\r\n" + hidden, fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(hidden), hidden)} {
		j := &judge{t: t}
		r := newRig(t, inClear, newServer(t, j.serve).addr)
		all.Go(func() {
			var y tally
			for _, place := range places {
				for octet := range 256 {
					b := []byte("POST / HTTP/1.1\r\nHost: a.test\r\n")
					for i := range len(place) {
						if place[i] == '%' {
							b = append(append(b, byte(octet)), place[i+2:]...)
							break
						}
						b = append(b, place[i])
					}
					b = fmt.Appendf(b, "\r\nContent-Length: %d\r\n\r\n%sGET / HTTP/1.1\r\nHost: a.test\r\n\r\n", len(body), body)
					if err := y.talk(j, r.addr, b); err != nil {
						t.Errorf("%q: %v", b, err)
					}
				}
			}
			if n := 256 * len(places); y.own < n/2 || y.own == y.answers {
				t.Errorf("of %d gadgets %d were refused, of %d answers", n, y.own, y.answers)
			}
			t.Logf("%d gadgets: %d answers, %d refusals", 256*len(places), y.answers, y.own)
		})
	}
	all.Wait()
}
