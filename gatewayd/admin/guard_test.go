package admin

import (
	"net/http"
	"strings"
	"testing"
)

func TestTokenIsWanted(t *testing.T) {
	g := start(t, nil)
	for _, value := range []string{
		"", "Bearer", "Bearer ", "Bearer x", "Basic " + testToken, testToken, "Bearer " + testToken + "x",
		"Bearer " + testToken[:len(testToken)-1], "Bearer  " + testToken, "Bearer " + testToken + " ",
		"Bearer " + strings.ToUpper(testToken),
	} {
		for _, path := range []string{"/v1/pools", "/v1/pools/x", "/v1/config", "/v1/status", "/v1/health", "/openapi.json", "/nowhere"} {
			a := g.do(t, "GET", path, "", "Authorization", value)
			// net/http trims white space around a value.
			if strings.HasSuffix(value, testToken+" ") {
				continue
			}
			if a.status != http.StatusUnauthorized || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s with Authorization %q: status %d, headers %v", path, value, a.status, a.header)
			}
		}
		a := g.do(t, "PUT", "/v1/pools/x", `{"name":"x"}`, "Authorization", value, "If-None-Match", "*")
		if a.status == http.StatusUnauthorized && !strings.Contains(a.body, TokenFile) {
			t.Errorf("the answer does not say where the token is: %s", a.body)
		}
	}
	g.do(t, "GET", "/v1/pools", "", "Authorization", "bearer "+testToken).want(t, 200)
	two, err := http.NewRequest("GET", g.URL+"/v1/pools", nil)
	if err != nil {
		t.Fatal(err)
	}
	two.Header["Authorization"] = []string{"Bearer " + testToken, "Bearer " + testToken}
	response, err := http.DefaultTransport.RoundTrip(two)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("two tokens: status %d", response.StatusCode)
	}
}

// TestConnectionsAreKeptWithATokenOnly counts on what the answer says; net/http does it.
func TestConnectionsAreKeptWithATokenOnly(t *testing.T) {
	g := start(t, nil)
	for _, path := range []string{"/livez", "/readyz", "/v1/status", "/nowhere", "/v1//pools"} {
		for token, keeps := range map[string]bool{"": false, "Bearer x": false, "Bearer " + testToken: true} {
			r, err := http.NewRequest("GET", g.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if token != "" {
				r.Header.Set("Authorization", token)
			}
			response, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.Close == keeps {
				t.Errorf("%s with Authorization %q: the connection is closed: %v", path, token, response.Close)
			}
		}
	}
}

func TestHostsAndOrigins(t *testing.T) {
	g := start(t, nil)
	self := strings.TrimPrefix(g.URL, "http://")
	for _, c := range []struct {
		status  int
		headers []string
	}{
		{200, []string{"Host", "localhost"}},
		{200, []string{"Host", "localhost:1234"}},
		{200, []string{"Host", "127.0.0.1:9180"}},
		{200, []string{"Host", "127.8.8.8"}},
		{200, []string{"Host", "[::1]:9180"}},
		{200, []string{"Host", "[::1]"}},
		{200, []string{"Host", "gateway.example:9180"}},
		{421, []string{"Host", "gateway.example"}},
		{421, []string{"Host", "gateway.example:1"}},
		{421, []string{"Host", "evil.example"}},
		{421, []string{"Host", "localhost.evil.example"}},
		{421, []string{"Host", "127.0.0.1.nip.io"}},
		{421, []string{"Host", "10.0.0.1"}},
		{421, []string{"Host", "localhost:x"}},
		{421, []string{"Host", "0.0.0.0"}},
		{200, []string{"Origin", "http://" + self}},
		{403, []string{"Origin", "https://" + self}},
		{403, []string{"Origin", "http://localhost"}},
		{403, []string{"Origin", "null"}},
		{403, []string{"Origin", "http://evil.example"}},
		{200, []string{"Sec-Fetch-Site", "none"}},
		{200, []string{"Sec-Fetch-Site", "same-origin"}},
		{403, []string{"Sec-Fetch-Site", "same-site"}},
		{403, []string{"Sec-Fetch-Site", "cross-site"}},
	} {
		for _, path := range []string{"/v1/pools", "/livez"} {
			if a := g.do(t, "GET", path, "", c.headers...); a.status != c.status {
				t.Errorf("%s %v: status %d, want %d", path, c.headers, a.status, c.status)
			}
		}
	}
}

func TestReadiness(t *testing.T) {
	g := start(t, nil)
	for _, path := range []string{"/livez", "/readyz"} {
		if a := g.do(t, "GET", path, "", "Authorization", "").want(t, 200); a.body != "ok\n" {
			t.Errorf("%s: %q", path, a.body)
		}
	}
	g.views.stopping.Store(true)
	g.do(t, "GET", "/livez", "", "Authorization", "").want(t, 200)
	g.do(t, "GET", "/readyz", "", "Authorization", "").want(t, 503)
}

// TestTokenShowsNowhere drives the API through successes and failures of all sorts and looks for the token.
func TestTokenShowsNowhere(t *testing.T) {
	g := start(t, nil)
	g.base(t)
	var answers strings.Builder
	for _, path := range []string{"/v1/pools", "/v1/pools/base", "/v1/pools/none", "/v1/config", "/v1/status", "/v1/health", "/openapi.json", "/v1/pools?token=1", "/nowhere"} {
		for _, method := range []string{"GET", "PUT", "POST", "DELETE", "PATCH"} {
			for _, token := range []string{testToken, testToken + "x", "x" + testToken, testToken + " " + testToken} {
				for _, body := range []string{"", `{"name":"base","unknown":1}`, `{"name":`} {
					a := g.do(t, method, path, body, "Authorization", "Bearer "+token)
					answers.WriteString(a.body)
					for name, values := range a.header {
						answers.WriteString(name + strings.Join(values, ","))
					}
				}
			}
		}
	}
	const canary = "canary-0123456789"
	if strings.Contains(answers.String(), canary) {
		t.Error("an answer holds the token")
	}
	if log := g.log.String(); strings.Contains(log, canary) || !strings.Contains(log, "Admin write.") {
		t.Errorf("the log holds the token or no writes: %.2000s", log)
	}
}
