package plane

import (
	"bufio"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// callersMode makes the test binary clients of the address that it holds, so that their cost is not counted as the gateway's.
const callersMode = "GATEWAYD_TEST_CALLERS"

func TestMain(m *testing.M) {
	if addr := os.Getenv(callersMode); addr != "" {
		call(addr)
		return
	}
	os.Exit(m.Run())
}

// offered is how many handshakes begin in a second, whatever became of those before; at most atOnce are open.
const (
	offered = 2000
	atOnce  = 4000
)

// callers are clients that connect, shake hands and are gone.
type callers struct {
	addr       string
	open       atomic.Int64
	failed     atomic.Int64
	all        sync.WaitGroup
	mu         sync.Mutex
	took       []time.Duration // of each handshake, from when it was due
	notOffered int
}

// call offers handshakes until its input ends. Each line of it is answered with what was done since the line before. It
// stands for other machines, so the gateway goes first on this one.
func call(addr string) {
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
	c := &callers{addr: addr}
	end := make(chan struct{})
	c.all.Go(func() { c.offer(end) })
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(c.answer())
	}
	close(end)
	c.all.Wait()
}

func (c *callers) offer(end chan struct{}) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for n := 0; ; {
		select {
		case <-end:
			return
		case <-tick.C:
		}
		for due := int(time.Since(began).Seconds() * offered); n < due; n++ {
			if c.open.Load() >= atOnce {
				c.mu.Lock()
				c.notOffered++
				c.mu.Unlock()
				continue
			}
			at := began.Add(time.Duration(n) * time.Second / offered)
			c.open.Add(1)
			c.all.Go(func() { c.shakeHands(at) })
		}
	}
}

func (c *callers) shakeHands(due time.Time) {
	defer c.open.Add(-1)
	raw, err := net.Dial("tcp", c.addr)
	if err != nil {
		c.failed.Add(1)
		return
	}
	// No TIME_WAIT: a long run would use up the ports.
	_ = raw.(*net.TCPConn).SetLinger(0)
	defer func() { _ = raw.Close() }()
	_ = raw.SetDeadline(time.Now().Add(30 * time.Second))
	// The curve is what costs the client least.
	client := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519}})
	if err := client.Handshake(); err != nil {
		c.failed.Add(1)
		return
	}
	c.mu.Lock()
	c.took = append(c.took, time.Since(due))
	c.mu.Unlock()
}

// answer is how many handshakes were done, failed and not offered, and two quantiles of their times in microseconds.
func (c *callers) answer() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	took, not := c.took, c.notOffered
	c.took, c.notOffered = nil, 0
	slices.Sort(took)
	return fmt.Sprint(len(took), c.failed.Swap(0), not, quantile(took, 0.5).Microseconds(), quantile(took, 0.99).Microseconds())
}

// quantile is one of sorted durations; 0 of none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// lags asks loops every millisecond how late they come to what is posted, until it is ended.
func lags(loops []*loop.Loop) (end func() []time.Duration) {
	var mu sync.Mutex
	var late []time.Duration
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			for _, l := range loops {
				posted := time.Now()
				l.Post(func() {
					mu.Lock()
					late = append(late, time.Since(posted))
					mu.Unlock()
				})
			}
		}
	}()
	return func() []time.Duration {
		close(over)
		<-ended
		mu.Lock()
		defer mu.Unlock()
		slices.Sort(late)
		return late
	}
}

// BenchmarkLagUnderHandshakes reports how late the loops of a gateway come to what is due while clients of another process
// begin 2000 handshakes a second, and what the gateway's process has of the machine. One iteration is one second: run it
// with -benchtime 10x. "gone" are the handshakes that were not offered, because too many were open.
func BenchmarkLagUnderHandshakes(b *testing.B) {
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		key  crypto.Signer
	}{{"ecdsa-p256", nil}, {"rsa-2048", long}} {
		for _, loops := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/loops=%d", c.name, loops), func(b *testing.B) { lagUnderHandshakes(b, loops, c.key) })
		}
	}
}

func lagUnderHandshakes(b *testing.B, loops int, key crypto.Signer) {
	r := newRigOf(b, Config{Loops: loops})
	port, pair := freePort(b), certtest.New(certtest.Issue{Key: key})
	r.publish(func(d *spec.Draft) {
		certificate, _ := json.Marshal(pair.Certificate)
		secret, _ := json.Marshal(pair.Key)
		r.put(d, spec.Certificates, `{"name":"c","certificate_pem":%s,"private_key_pem":%s}`, certificate, secret)
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d,"protocol":"https","certificates":["c"]}`, port)
	})
	ask := startCallers(b, fmt.Sprintf("127.0.0.1:%d", port))
	time.Sleep(time.Second) // until it is in its stride
	ask()
	began, before, end := time.Now(), processorTime(b), lags(r.plane.loops)
	for b.Loop() {
		time.Sleep(time.Second)
	}
	late, used, lasted := end(), processorTime(b)-before, time.Since(began).Seconds()
	done, failed, not, p50, p99 := ask()
	if done == 0 || len(late) == 0 {
		b.Fatalf("%d handshakes were done, and %d failed; the loops answered %d times", done, failed, len(late))
	}
	b.ReportMetric(0, "ns/op")
	for name, q := range map[string]float64{"p50": 0.5, "p99": 0.99, "max": 1} {
		b.ReportMetric(quantile(late, q).Seconds()*1e3, "lag-"+name+"-ms")
	}
	b.ReportMetric(float64(done)/lasted, "done/s")
	b.ReportMetric(float64(failed)/lasted, "failed/s")
	b.ReportMetric(float64(not)/lasted, "gone/s")
	b.ReportMetric(float64(p50)/1e3, "shake-p50-ms")
	b.ReportMetric(float64(p99)/1e3, "shake-p99-ms")
	b.ReportMetric(100*used.Seconds()/lasted, "%core")
	b.ReportMetric(used.Seconds()*1e6/float64(done), "µs/shake")
}

// startCallers starts a process of clients. What it returns asks them what they did since it was asked last.
func startCallers(b *testing.B, addr string) (ask func() (done, failed, not, p50, p99 int)) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	process := exec.Command(self)
	process.Env = append(os.Environ(), callersMode+"="+addr)
	process.Stderr = os.Stderr
	out, err := process.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	in, err := process.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := process.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = process.Wait()
	})
	lines := bufio.NewScanner(out)
	return func() (done, failed, not, p50, p99 int) {
		_, _ = in.Write([]byte("\n"))
		if !lines.Scan() {
			b.Fatal("the clients are gone")
		}
		if _, err := fmt.Sscan(lines.Text(), &done, &failed, &not, &p50, &p99); err != nil {
			b.Fatalf("the clients say %q: %v", lines.Text(), err)
		}
		return done, failed, not, p50, p99
	}
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
