package metrics_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestExpiriesAreShown: of each certificate, and of the first one of a bundle, under their names and without their keys.
func TestExpiriesAreShown(t *testing.T) {
	r := newRig(t)
	until := time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
	p, q := certtest.New(certtest.Issue{Until: until}), certtest.New(certtest.Issue{Until: until.AddDate(1, 0, 0)})
	for _, o := range []spec.Object{
		&spec.Certificate{Name: "shop", CertificatePEM: &q.Certificate, PrivateKeyPEM: &q.Key},
		&spec.CABundle{Name: "partners", PEM: q.Certificate + p.Certificate},
	} {
		if _, err := r.Client().Create(t.Context(), spec.KindOf(o), o, ""); err != nil {
			t.Fatal(err)
		}
	}
	text := r.scrape()
	for name, at := range map[string]time.Time{`kind="certificate",name="shop"`: q.Leaf.NotAfter, `kind="ca_bundle",name="partners"`: p.Leaf.NotAfter} {
		r.expect(text, map[string]string{`gatewayd_expiry_timestamp_seconds{` + name + `}`: strconv.FormatFloat(float64(at.Unix()), 'g', -1, 64)})
	}
	r.expect(text, map[string]string{`gatewayd_metrics_left_out{what="expiries"}`: "0", `gatewayd_objects{kind="certificate"}`: "1"})
	if form := q.Shows([]byte(text)); form != "" {
		t.Errorf("a private key is shown, as %s", form)
	}
	http.DefaultClient.CloseIdleConnections()
}
