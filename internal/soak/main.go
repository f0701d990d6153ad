// Command soak keeps one real gatewayd busy for an hour, or for as long as it is told: WebSockets and requests of all kinds
// go through it while its configuration is written, certificates are rotated, targets are removed and come back, and
// backends are killed. It exits 0 only if nothing was lost that a kill or a removal does not explain, if the process's
// goroutines, descriptors and memory stayed flat, and if nothing was left of it all at the end. "make soak" runs it, and
// "make test" for a moment.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

func main() {
	bin := flag.String("bin", "bin", "directory of the two binaries")
	length := flag.Duration("for", time.Hour, "how long to go on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := &soak{bin: *bin, length: *length, began: time.Now()}
	err := s.run(ctx)
	if err != nil || s.broken() > 0 {
		s.explain()
	}
	s.clear()
	if err == nil {
		err = s.verdict()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "\nThe soak failed:", err)
		os.Exit(1)
	}
	fmt.Println("\nNothing was lost, and nothing was left.")
}

// A soak is everything that runs, and what came of it.
type soak struct {
	stage
	bin    string
	length time.Duration
	began  time.Time

	work    sync.WaitGroup
	history history
	counts  counts
	samples []sample
	start   sample // before anything passed

	mu     sync.Mutex
	failed int // guarded by mu
}

// fail notes that a promise was broken, and says so at once.
func (s *soak) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed++; s.failed <= 100 {
		fmt.Printf("%8s  FAILED %s\n", s.age(), text)
	}
}

func (s *soak) age() time.Duration { return time.Since(s.began).Round(time.Second) }

// run does everything but clear away. What it finds wrong with the gateway is noted by fail; an error is of the soak itself.
func (s *soak) run(ctx context.Context) error {
	if err := s.set(ctx, s.bin); err != nil {
		return err
	}
	var err error
	if s.start, err = s.sample(); err != nil {
		return err
	}
	busy, rest := context.WithTimeout(ctx, s.length)
	defer rest()
	s.began = time.Now()
	s.talk(busy)
	s.ask(busy)
	s.disturb(busy)
	if err := s.watch(busy); err != nil {
		return err
	}
	s.work.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := s.emptied(ctx); err != nil {
		return err
	}
	s.complete()
	return nil
}

// verdict prints the figures, and is an error where a promise was broken.
func (s *soak) verdict() error {
	s.table()
	s.flat()
	if n := s.broken(); n > 0 {
		return fmt.Errorf("%d promises were broken", n)
	}
	return nil
}

func (s *soak) broken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}
