package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// BenchmarkWrite is one write through the admin API among 10 000 objects, to disk and live on every loop; at the end of
// it, waiting writers share compiles.
func BenchmarkWrite(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchmarkWrite(b, writers) })
	}
}

func benchmarkWrite(b *testing.B, writers int) {
	dir := b.TempDir()
	file := filepath.Join(dir, "config.json")
	if err := os.WriteFile(file, manyObjects(b), 0o600); err != nil {
		b.Fatal(err)
	}
	d, err := Start(context.Background(), Config{DataDir: dir, Admin: "127.0.0.1:0", ConfigFile: file, Loops: 2})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	c, err := client.New(client.Config{Endpoints: []string{"http://" + d.AdminAddr()}, TokenFile: filepath.Join(dir, "admin.token")})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			name := fmt.Sprintf("r%d", w)
			for i := w; i < b.N; i += writers {
				priority := i + 1
				rule := &spec.Rule{
					Name: name, Listener: "web", Pool: new("p1"), Setting: new("s"), Priority: &priority,
					Match: &spec.Match{Hostnames: []string{fmt.Sprintf("h%d.example", w)}, Paths: []string{fmt.Sprintf("/%d/*", w)}},
				}
				if _, err := c.Update(context.Background(), spec.Rules, name, rule, 0, ""); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(d.control.Set().Revision()), "revisions")
}

func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// manyObjects is a configuration of 10 000: 2 000 pools of five targets and 7 998 rules with a host and path each.
func manyObjects(b *testing.B) []byte {
	port := freePort(b)
	document := map[string][]any{
		"listeners": {map[string]any{"name": "web", "address": "127.0.0.1", "port": port}},
		"settings":  {map[string]any{"name": "s"}},
	}
	for i := range 2000 {
		targets := map[string]any{}
		for k := range 5 {
			targets[fmt.Sprint(k)] = map[string]any{"address": fmt.Sprintf("127.1.%d.%d", i/250, 1+i%250), "port": 1000 + k}
		}
		document["pools"] = append(document["pools"], map[string]any{"name": fmt.Sprintf("p%d", i), "targets": targets})
	}
	for i := range 7998 {
		document["rules"] = append(document["rules"], map[string]any{
			"name": fmt.Sprintf("r%d", i), "listener": "web", "setting": "s",
			"pool":  fmt.Sprintf("p%d", i%20),
			"match": map[string]any{"hostnames": []string{fmt.Sprintf("h%d.example", i%1000)}, "paths": []string{fmt.Sprintf("/%d/*", i)}},
		})
	}
	text, err := json.Marshal(document)
	if err != nil {
		b.Fatal(err)
	}
	if n := strings.Count(string(text), `"name"`); n != 10000 || !bytes.Contains(text, []byte("rules")) {
		b.Fatalf("want 10000 objects, made %d", n)
	}
	return text
}
