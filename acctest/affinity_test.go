package acctest

import (
	"net/http"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
)

// TestAffinity: a client stays with its target while Terraform renames pool, setting and member, and is given another one
// and a fresh cookie when the target goes.
func TestAffinity(t *testing.T) {
	s := newStage(t)
	port := s.port("port")
	s.backend("blue")
	s.backend("green")
	var cookie *http.Cookie
	ask := func(with *http.Cookie) (target string, fresh *http.Cookie) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, gatewaytest.URL("http", port, "/bytes/1"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if with != nil {
			r.AddCookie(with)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		for _, c := range answer.Cookies() {
			if c.Name == "shop" {
				fresh = c
			}
		}
		return answer.Header.Get(gatewaytest.BackendHeader), fresh
	}
	s.run(
		s.step("affinity/1-create", after(func() {
			eventually(t, "a new client comes to blue", func() bool {
				target, fresh := ask(nil)
				cookie = fresh
				return target == "blue" && fresh != nil
			})
		})),
		s.step("affinity/2-renamed", after(func() {
			for range 6 {
				if target, fresh := ask(cookie); target != "blue" || fresh != nil {
					t.Errorf("after the renames the client came to %s and got %v", target, fresh)
				}
			}
		})),
		s.step("affinity/3-removed", after(func() {
			if target, fresh := ask(cookie); target != "green" || fresh == nil {
				t.Errorf("after its target went the client came to %s and got %v", target, fresh)
			}
		})),
	)
}
