package health

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
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
	fd := int(file.Fd()) // which makes it a blocking one
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	l, err := loop.New(loop.Config{})
	if err != nil {
		return err
	}
	asked := map[netip.Addr]*int{}
	l.Post(func() {
		l.Accept(fd, func(c *loop.Conn) {
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

// A usage is what the process has used, as user and in the kernel, which for packets on loopback includes what is theirs
// who get them.
type usage struct{ user, system time.Duration }

func used() usage {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return usage{}
	}
	return usage{time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())}
}

const crowd = 10000

// measure lets seconds pass in which the farm is probed, checks that each target was asked often a second, and reports
// the cost.
func (f *farm) measure(b *testing.B, often float64) {
	f.harvest(b)
	began, before := time.Now(), used()
	for b.Loop() {
		time.Sleep(time.Second)
	}
	after, lasted := used(), time.Since(began).Seconds()
	asked, least, most := f.harvest(b)
	if asked < crowd || least < int(lasted*often)-1 {
		b.Fatalf("%d targets were probed, one only %d times in %.1fs", asked, least, lasted)
	}
	user, system := (after.user - before.user).Seconds(), (after.system - before.system).Seconds()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(100*(user+system)/lasted, "%core")
	b.ReportMetric(100*user/lasted, "%core-user")
	b.ReportMetric(1e6*(user+system)/lasted/crowd, "us/probe")
	b.ReportMetric(float64(least)/lasted, "least/s")
	b.ReportMetric(float64(most)/lasted, "most/s")
}

// BenchmarkProbes is what 10000 targets cost that are probed every second, which live in a process of their own. One
// iteration is one second: run it with -benchtime 10x. Beside it stands the same exchange of bytes without any prober.
func BenchmarkProbes(b *testing.B) {
	b.Run("kept", func(b *testing.B) { probeFarm(b, 4*time.Second, 0.7) })
	// Connecting ten thousand times a second may be more than two processes can do on a small machine.
	b.Run("fresh", func(b *testing.B) { probeFarm(b, 0, 0.2) })
	b.Run("bare", bareExchange)
}

func probeFarm(b *testing.B, keep time.Duration, often float64) {
	f := startFarm(b)
	p, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	list := f.targets(&backend.Registry{}, crowd)
	for i := range list {
		list[i].KeepFor = keep
	}
	began := time.Now()
	p.Sync(list)
	for healthy(list) < crowd {
		time.Sleep(10 * time.Millisecond)
	}
	first := time.Since(began)
	time.Sleep(2 * time.Second) // until every one is in its phase
	f.measure(b, often)
	if n := healthy(list); n < crowd {
		b.Fatalf("of %d targets %d are healthy", crowd, n)
	}
	b.ReportMetric(float64(first.Milliseconds()), "ms-to-verdicts")
}

// bareExchange writes the request of a probe to 10000 connections every second, 40 at a time, and reads what comes.
func bareExchange(b *testing.B) {
	f := startFarm(b)
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		b.Fatal(err)
	}
	list := f.targets(&backend.Registry{}, crowd)
	fds := make([]int, crowd)
	for i := range fds {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrInet4{Addr: list[i].Addr.TCP.Addr().As4(), Port: int(f.port)})
		}
		if err == nil {
			err = unix.SetNonblock(fd, true)
		}
		if err == nil {
			err = unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(fd)})
		}
		if err != nil {
			b.Fatal(err)
		}
		fds[i] = fd
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		exchange(ep, fds, appendRequest(nil, &list[0], true), end)
	}()
	f.measure(b, 1)
	close(end)
	<-ended
	for _, fd := range append(fds, ep) {
		_ = unix.Close(fd)
	}
}

func exchange(ep int, fds []int, request []byte, end chan struct{}) {
	const step = 4 * time.Millisecond
	var events [256]unix.EpollEvent
	buffer := make([]byte, 64<<10)
	for sent, began := 0, time.Now(); ; {
		select {
		case <-end:
			return
		default:
		}
		for due := int(time.Since(began).Seconds() * crowd); sent < due; sent++ {
			_, _ = unix.Write(fds[sent%crowd], request)
		}
		for next := time.Since(began).Truncate(step) + step; time.Since(began) < next; {
			n, _ := unix.EpollWait(ep, events[:], int((next-time.Since(began))/time.Millisecond)+1)
			for _, e := range events[:max(n, 0)] {
				_, _ = unix.Read(int(e.Fd), buffer)
			}
		}
	}
}
