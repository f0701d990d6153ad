// Command demo shows the whole way once, with nothing pretended: Terraform configures a running gatewayd through the
// provider that was just built, and a WebSocket conversation passes through the gateway while a backend goes and comes
// back. It prints a transcript and exits 0 only if every step held. "make demo" runs it; nothing else does.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
)

func main() {
	bin := flag.String("bin", "bin", "directory of the two binaries")
	examples := flag.String("examples", "examples", "directory of the examples")
	keep := flag.Bool("keep", false, "leave everything running at the end, until interrupted")
	talk := flag.String("talk", "", "only talk to the WebSocket at this URL, line by line")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *talk != "" {
		err = converse(ctx, *talk)
	} else {
		err = play(ctx, stage{bin: *bin, examples: *examples, keep: *keep})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "\nThe demo failed:", err)
		os.Exit(1)
	}
}

// play sets the stage, runs the story and clears away, whatever happened.
func play(ctx context.Context, s stage) (err error) {
	began := time.Now()
	defer func() {
		if err != nil {
			s.explain()
		}
		s.clear()
	}()
	if err := s.set(ctx); err != nil {
		return err
	}
	if err := s.story(ctx); err != nil {
		return err
	}
	fmt.Printf("\nEvery step held, in %s.\n", time.Since(began).Round(time.Second))
	if s.keep {
		s.invite()
		<-ctx.Done()
	}
	return nil
}

// converse sends what is typed and prints what comes back.
func converse(ctx context.Context, url string) error {
	socket, err := gatewaytest.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer socket.Close()
	fmt.Printf("Connected to backend %s. Type lines; end with Ctrl-D.\n", socket.Backend)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer, err := socket.Say(lines.Text())
		if err != nil {
			return err
		}
		fmt.Printf("%s: %s\n", socket.Backend, answer)
	}
	if _, err := socket.Bye(); err != nil {
		return fmt.Errorf("say goodbye: %w", err)
	}
	return lines.Err()
}
