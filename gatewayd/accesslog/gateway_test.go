package accesslog_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
)

// A rig is a gateway with an access log, in front of an Echo: everything but /none.
type rig struct {
	*gatewaytest.Gateway
	t    *testing.T
	echo *gatewaytest.Echo
	port int
	tcp  int // the port of a listener with the PROXY protocol
	path string
}

func newRig(t *testing.T) *rig {
	dir := t.TempDir()
	r := &rig{t: t, echo: gatewaytest.StartEcho(t, "one"), port: gatewaytest.FreePort(t), tcp: gatewaytest.FreePort(t), path: filepath.Join(dir, "access.log")}
	config := filepath.Join(dir, "config.json")
	document := fmt.Sprintf(`{
		"listeners": [{"name":"web","address":"127.0.0.1","port":%d},
			{"name":"behind","address":"127.0.0.1","port":%[1]d,"hostnames":["behind.test"],"trusted_proxies":["127.0.0.0/8"]},
			{"name":"tcp","address":"127.0.0.1","port":%[3]d,"proxy_protocol":true,"trusted_proxies":["127.0.0.0/8"]}],
		"pools": [{"name":"apps","targets":{"one":{"address":"127.0.0.1","port":%[2]d}}}, {"name":"empty"}],
		"settings": [{"name":"plain"}],
		"rules": [{"name":"app","listener":"web","pool":"apps","setting":"plain"},
			{"name":"back","listener":"behind","pool":"apps","setting":"plain"},
			{"name":"none","listener":"web","pool":"empty","setting":"plain","match":{"paths":["/none"]}}]}`, r.port, r.echo.Addr().Port(), r.tcp)
	if err := os.WriteFile(config, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Gateway = gatewaytest.Start(t, gatewaytest.Loops(1), gatewaytest.ConfigFile(config), gatewaytest.AccessLog(r.path))
	return r
}

// send sends bytes on a connection of their own and reads to its end.
func (r *rig) send(request string) string {
	r.t.Helper()
	return gatewaytest.Send(r.t, r.port, request)
}

// lines waits for a number of lines, and is all of them.
func (r *rig) lines(n int) []map[string]any {
	r.t.Helper()
	var text []byte
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var err error
		if text, err = os.ReadFile(r.path); err != nil {
			r.t.Fatal(err)
		}
		if strings.Count(string(text), "\n") >= n {
			break
		}
	}
	var list []map[string]any
	for line := range strings.Lines(string(text)) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			r.t.Fatalf("%s: %v", line, err)
		}
		list = append(list, fields)
	}
	if len(list) != n {
		r.t.Fatalf("%d lines, want %d: %s", len(list), n, text)
	}
	return list
}

func (r *rig) expect(line, want map[string]any, fields ...string) {
	r.t.Helper()
	for name, v := range want {
		if line[name] != v {
			r.t.Errorf("%s is %v, want %v, in %v", name, line[name], v, line)
		}
		delete(line, name)
	}
	for _, name := range fields {
		if _, there := line[name]; !there {
			r.t.Errorf("there is no %s in %v", name, line)
		}
		delete(line, name)
	}
	if len(line) > 0 {
		r.t.Errorf("nobody asked for %v", line)
	}
}

// Every field of every kind of line is as the guide says.
func TestLines(t *testing.T) {
	r := newRig(t)
	request := "GET /a/../bytes/10?user=canary&canary HTTP/1.1\r\nHost: A.test:80\r\nUser-Agent: test/1.0\r\nConnection: close\r\n\r\n"
	answer := r.send(request)
	backend := r.echo.Addr().String()
	line := r.lines(1)[0]
	if at, err := time.Parse(time.RFC3339Nano, line["time"].(string)); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("the time is %v, %v", line["time"], err)
	}
	if id := line["request_id"].(string); len(id) != 32 {
		t.Errorf("the request id is %q", id)
	}
	r.expect(line, map[string]any{
		"msg": "request", "listener": "web", "rule": "app", "pool": "apps", "setting": "plain", "backend": backend, "status": 200.0,
		"received_bytes": float64(len(request)), "sent_bytes": float64(len(answer)), "attempts": 1.0, "client": "127.0.0.1",
		"method": "GET", "host": "A.test:80", "path": "/a/../bytes/10", "path_sent": "/bytes/10", "query": "user=*&*", "protocol": "HTTP/1.1", "user_agent": "test/1.0",
	}, "time", "client_port", "duration", "connect", "first_byte", "last_byte", "request_id")

	request = "GET /none HTTP/1.0\r\nHost: a\r\n\r\n"
	answer = r.send(request)
	r.expect(r.lines(2)[1], map[string]any{
		"msg": "request", "listener": "web", "rule": "none", "pool": "empty", "setting": "plain", "status": 502.0, "reason": "no_backend",
		"received_bytes": float64(len(request)), "sent_bytes": float64(len(answer)), "client": "127.0.0.1",
		"method": "GET", "host": "a", "path": "/none", "protocol": "HTTP/1.0",
	}, "time", "client_port", "duration")

	request = "GET /x?canary=canary HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
	answer = r.send(request)
	r.expect(r.lines(3)[2], map[string]any{
		"msg": "request", "status": 400.0, "reason": "duplicate_host", "method": "GET", "path": "/x", "client": "127.0.0.1",
		"received_bytes": float64(len(request)), "sent_bytes": float64(len(answer)),
	}, "time", "client_port", "duration")
}

// A line tells who the client is and who told it, where a trusted proxy did.
func TestLinesBehindAProxy(t *testing.T) {
	r := newRig(t)
	for i, c := range []struct {
		list string
		want map[string]any
		port bool // whether the client's is known
	}{
		{"192.0.2.9", map[string]any{"client": "192.0.2.9", "peer": "127.0.0.1"}, false},
		{"6.6.6.6, [2001:db8::9]:4711, 127.0.0.2", map[string]any{"client": "2001:db8::9", "peer": "127.0.0.1", "client_port": 4711.0}, false},
		{"unknown", map[string]any{"client": "127.0.0.1"}, true},
		{"192.0.2.9, \"", map[string]any{"client": "127.0.0.1"}, true},
	} {
		r.send("GET /bytes/1 HTTP/1.1\r\nHost: behind.test\r\nX-Forwarded-For: " + c.list + "\r\nX-Request-Id: told\r\nConnection: close\r\n\r\n")
		line := r.lines(i + 1)[i]
		for name, v := range c.want {
			if line[name] != v {
				t.Errorf("%s: %s is %v, want %v", c.list, name, line[name], v)
			}
		}
		_, port := line["client_port"]
		_, peer := line["peer"]
		_, peerPort := line["peer_port"]
		if _, told := c.want["peer"]; peer != told || peerPort != told || port != (c.port || c.want["client_port"] != nil) || line["request_id"] != "told" {
			t.Errorf("%s: the line is %v", c.list, line)
		}
	}
}

// The same of a PROXY protocol header, also where the request cannot be read.
func TestLinesBehindAProxyHeader(t *testing.T) {
	r := newRig(t)
	for i, send := range []string{"GET /bytes/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET /\n"} {
		gatewaytest.Send(t, r.tcp, "PROXY TCP4 192.0.2.9 198.51.100.7 4711 443\r\n"+send)
		line := r.lines(i + 1)[i]
		if line["client"] != "192.0.2.9" || line["client_port"] != 4711.0 || line["peer"] != "127.0.0.1" || line["peer_port"] == nil {
			t.Errorf("the line is %v", line)
		}
	}
}

// A WebSocket has a line when it is opened and one when it is over, which have the request id in common.
func TestTunnelLines(t *testing.T) {
	r := newRig(t)
	s, err := gatewaytest.Dial(t.Context(), gatewaytest.URL("ws", r.port, "/chat"), nil)
	if err != nil {
		t.Fatal(err)
	}
	opened := r.lines(1)[0]
	if _, err := s.Say("hello"); err != nil {
		t.Fatal(err)
	}
	if code, err := s.Bye(); err != nil || code != 1000 {
		t.Fatalf("the Close was answered %d, %v", code, err)
	}
	s.Close()
	closed := r.lines(2)[1]
	id := opened["request_id"]
	if id == nil || id == "" {
		t.Error("there is no request id")
	}
	both := map[string]any{
		"listener": "web", "rule": "app", "pool": "apps", "setting": "plain", "backend": r.echo.Addr().String(), "client": "127.0.0.1",
		"method": "GET", "path": "/chat", "protocol": "HTTP/1.1", "upgrade": "websocket", "request_id": id,
	}
	fields := []string{"time", "client_port", "host", "user_agent", "duration", "received_bytes", "sent_bytes"}
	with := func(more map[string]any) map[string]any {
		for k, v := range both {
			more[k] = v
		}
		return more
	}
	r.expect(opened, with(map[string]any{"msg": "tunnel opened", "status": 101.0, "attempts": 1.0}), append(fields, "connect")...)
	r.expect(closed, with(map[string]any{"msg": "tunnel closed", "ended_by": "client", "close_code": 1000.0, "received_messages": 1.0, "sent_messages": 1.0}), fields...)
}

// Nothing that a client sends makes a line of its own, a field of ours, or shows what is secret.
func TestHostileRequests(t *testing.T) {
	r := newRig(t)
	secrets := "Authorization: Bearer canary-token\r\nCookie: sid=canary-cookie\r\nProxy-Authorization: Basic canary-proxy\r\nReferer: http://a/?canary-referer\r\n"
	requests := []string{
		"GET /bytes/1?a=canary-query HTTP/1.1\r\nHost: a\r\n" + secrets + "Connection: close\r\n\r\n",
		"GET /bytes/1;sid=canary-parameter?canary-bare HTTP/1.1\r\nHost: a\r\n" + secrets + "Connection: close\r\n\r\n",
		"GET /bytes/1 HTTP/1.1\r\nHost: a\r\nUser-Agent: \"},{\"msg\":\"forged\"\xff\xc2\x9b[31m\t\r\nConnection: close\r\n\r\n",
		"GET /%22,%22msg%22:%22forged HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"GET /\",\"msg\":\"forged HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"GET\n{\"msg\":\"forged\"}\n / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /\n{\"msg\":\"forged\"}\n HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /bytes/1%3bsid=canary-escaped?Y2FuYXJ5canary== HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"GET /app#access_token=canary-fragment HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http://user:canary-user@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\",\"msg\":\"forged\r\n\r\n",
		strings.Repeat("M", 200) + " /" + strings.Repeat("\x01", 5000) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /bytes/1?" + strings.Repeat("n=canary&", 2000) + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	}
	for _, request := range requests {
		r.send(request)
	}
	for i, line := range r.lines(len(requests)) {
		if line["msg"] != "request" || line["status"] == nil || line["client"] != "127.0.0.1" {
			t.Errorf("%.60q became %v", requests[i], line)
		}
	}
	text, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "canary") {
		t.Errorf("the log shows a secret: %s", text)
	}
	for _, c := range text {
		if c != '\n' && (c < ' ' || c > '~') {
			t.Fatalf("the log holds the byte %x", c)
		}
	}
}

// Behind a rotation lines go to the new file; a gateway that stops has written all of its lines.
func TestRotation(t *testing.T) {
	r := newRig(t)
	get := "GET /bytes/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	r.send(get)
	r.lines(1)
	if err := os.Rename(r.path, r.path+".1"); err != nil {
		t.Fatal(err)
	}
	r.ReopenLogs()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(r.path); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the file was not opened anew")
		}
	}
	r.send(get)
	r.lines(1)
	for range 5 {
		r.send(get)
	}
	r.Stop()
	r.lines(6)
	http.DefaultClient.CloseIdleConnections()
}
