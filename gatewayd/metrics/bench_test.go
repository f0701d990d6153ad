package metrics_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
)

// BenchmarkScrape is a scrape of a gateway with many rules, each of which took a request. It prints the size of a scrape
// and the memory that the process got from the system for all of them.
func BenchmarkScrape(b *testing.B) {
	for _, rules := range []int{1, 10_000} {
		b.Run(fmt.Sprint("rules=", rules), func(b *testing.B) {
			r := &rig{t: b, port: gatewaytest.FreePort(b)}
			var document strings.Builder
			fmt.Fprintf(&document, `{"listeners":[{"name":"web","address":"127.0.0.1","port":%d}],"pools":[{"name":"empty"}],"settings":[{"name":"plain"}],"rules":[`, r.port)
			for i := range rules {
				if i > 0 {
					document.WriteByte(',')
				}
				fmt.Fprintf(&document, `{"name":"r%d","listener":"web","pool":"empty","setting":"plain","match":{"paths":["/%d"]}}`, i, i)
			}
			document.WriteString("]}")
			config := filepath.Join(b.TempDir(), "config.json")
			if err := os.WriteFile(config, []byte(document.String()), 0o600); err != nil {
				b.Fatal(err)
			}
			r.Gateway = gatewaytest.Start(b, gatewaytest.Loops(2), gatewaytest.ConfigFile(config))
			var all strings.Builder
			for i := range rules {
				fmt.Fprintf(&all, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i)
				if i%500 == 499 || i == rules-1 {
					fmt.Fprint(&all, "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
					r.send(all.String())
					all.Reset()
				}
			}
			size := len(r.scrape())
			var after runtime.MemStats
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				r.scrape()
			}
			b.StopTimer()
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(size), "bytes/scrape")
			b.ReportMetric(float64(after.Sys>>20), "MiB/process")
			http.DefaultClient.CloseIdleConnections()
		})
	}
}
