package health

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// farmMode makes the test binary a server of targets, so that their cost is not counted as the prober's.
const farmMode = "GATEWAYD_TEST_FARM"

func TestMain(m *testing.M) {
	if os.Getenv(farmMode) != "" {
		if err := runFarm(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// runFarm listens on all loopback addresses and answers everything. Each line that it reads is answered with how many
// addresses were asked since the line before, and how often the least and the most asked one of them.
func runFarm() error {
	ln, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		return err
	}
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(int(file.Fd()), true); err != nil {
		return err
	}
	l, err := loop.New(loop.Config{})
	if err != nil {
		return err
	}
	asked := map[netip.Addr]*int{}
	l.Post(func() {
		l.Accept(int(file.Fd()), func(c *loop.Conn) {
			at := c.LocalAddr().Addr()
			if asked[at] == nil {
				asked[at] = new(int)
			}
			c.SetHandler(&field{c: c, asked: asked[at]})
		})
	})
	go l.Run()
	fmt.Println(ln.Addr().(*net.TCPAddr).Port)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		told := make(chan string)
		l.Post(func() {
			n, least, most := 0, 1<<30, 0
			for _, times := range asked {
				if *times > 0 {
					n++
				}
				least, most, *times = min(least, *times), max(most, *times), 0
			}
			told <- fmt.Sprintln(n, least, most)
		})
		fmt.Print(<-told)
	}
	l.Stop()
	return errors.Join(file.Close(), ln.Close())
}

// A field is a connection of the farm.
type field struct {
	c     *loop.Conn
	asked *int
}

var farmAnswer = []byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nServer: farm\r\n\r\nok\n")

func (f *field) Connected() {}

func (f *field) Data(b []byte) int {
	*f.asked++
	f.c.Write(farmAnswer)
	return len(b)
}

func (f *field) EOF()         { f.c.Close() }
func (f *field) Drained()     {}
func (f *field) Timeout()     {}
func (f *field) Closed(error) {}

// A farm is a process with as many targets as there are loopback addresses.
type farm struct {
	port    uint16
	in      *os.File
	out     *bufio.Scanner
	process *exec.Cmd
}

func startFarm(b testing.TB) *farm {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	f := &farm{process: exec.Command(self)}
	f.process.Env = append(os.Environ(), farmMode+"=1")
	f.process.Stderr = os.Stderr
	out, err := f.process.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	in, err := f.process.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := f.process.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = f.process.Wait()
	})
	f.in, f.out = in.(*os.File), bufio.NewScanner(out)
	f.scan(b, &f.port)
	return f
}

func (f *farm) scan(b testing.TB, to ...any) {
	if !f.out.Scan() {
		b.Fatal("the farm is gone")
	}
	if _, err := fmt.Sscan(f.out.Text(), to...); err != nil {
		b.Fatalf("the farm says %q: %v", f.out.Text(), err)
	}
}

// harvest is how many targets were asked since the last call, and how often the least and the most asked one.
func (f *farm) harvest(b testing.TB) (n, least, most int) {
	_, _ = f.in.WriteString("\n")
	f.scan(b, &n, &least, &most)
	return n, least, most
}

func (f *farm) targets(r *backend.Registry, n int) []Target {
	probe := every("1s")
	list := make([]Target, n)
	for i := range list {
		a := backend.TCP(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), f.port))
		list[i] = Target{Health: r.Health(backend.Key{Pool: "p", Addr: a}, "s"), Addr: a, Probe: probe}
	}
	return list
}

// cpu is what the process has used, user and system.
func cpu() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkProbes is what 10000 targets cost that are probed every second, for which the targets live in a process of
// their own. One iteration is one second: run it with -benchtime 10x.
func BenchmarkProbes(b *testing.B) {
	const n = 10000
	for name, keep := range map[string]time.Duration{"kept": 4 * time.Second, "fresh": 0} {
		b.Run(name, func(b *testing.B) {
			f := startFarm(b)
			p, err := New(Config{})
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			list := f.targets(&backend.Registry{}, n)
			for i := range list {
				list[i].KeepFor = keep
			}
			began := time.Now()
			p.Sync(list)
			for healthy(list) < n {
				time.Sleep(time.Millisecond)
			}
			b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms-to-all-verdicts")
			time.Sleep(2 * time.Second)
			f.harvest(b)
			wall, used := time.Now(), cpu()
			for b.Loop() {
				time.Sleep(time.Second)
			}
			spent, lasted := cpu()-used, time.Since(wall)
			asked, least, most := f.harvest(b)
			if h := healthy(list); h < n || asked < n || least < int(lasted.Seconds())-1 {
				b.Fatalf("of %d targets %d are healthy and %d were probed, one only %d times in %s", n, h, asked, least, lasted)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(100*spent.Seconds()/lasted.Seconds(), "%core")
			b.ReportMetric(float64(spent.Microseconds())/lasted.Seconds()/n, "us/probe")
			b.ReportMetric(float64(least)/lasted.Seconds(), "least/s")
			b.ReportMetric(float64(most)/lasted.Seconds(), "most/s")
		})
	}
}
