package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/terraform"
)

// patience bounds each wait for something to happen.
const patience = 30 * time.Second

// A stage is everything that the demo runs: two backends in this process, a gatewayd and Terraform in their own.
type stage struct {
	bin, examples string
	keep          bool

	dir       string // temporary; holds the gateway's data, the copied example and Terraform's files
	backends  map[string]*gatewaytest.Echo
	addresses map[string]string // of the backends, by name; they stay when a backend is stopped
	terraform string            // path of the binary
	port      int               // of the listener
	tlsPort   int               // of that of https
	shown     *x509.Certificate // what the https listener has; nil while there is none
	gateway   *gatewaytest.Process
	client    *client.Client
}

// set starts the backends and the gateway, and prepares a directory for Terraform.
func (s *stage) set(ctx context.Context) (err error) {
	if s.bin, err = filepath.Abs(s.bin); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "gatewayd-demo-"); err != nil {
		return err
	}
	if s.terraform, err = terraform.Find(ctx); err != nil {
		return err
	}
	step("Start two WebSocket servers and an empty gateway")
	s.backends, s.addresses = map[string]*gatewaytest.Echo{}, map[string]string{"one": "127.0.0.1:0", "two": "127.0.0.1:0"}
	for _, name := range names {
		if err := s.startBackend(name); err != nil {
			return err
		}
		say("backend %s   ws://%s/", name, s.addresses[name])
	}
	ports, err := gatewaytest.FreePorts(3)
	if err != nil {
		return err
	}
	s.port, s.tlsPort = ports[1], ports[2]
	if s.gateway, err = gatewaytest.StartProcess(ctx, filepath.Join(s.bin, "gatewayd"), s.dir, ports[0], terraform.Environment("")); err != nil {
		return err
	}
	say("gatewayd      admin API at http://%s, process %d", s.gateway.Admin, s.gateway.PID())
	if err := s.prepareTerraform(); err != nil {
		return err
	}
	s.client, err = client.New(client.Config{Endpoints: []string{"http://" + s.gateway.Admin}, TokenFile: s.tokenFile()})
	return err
}

// names are those of the backends, and the keys of the targets in the example.
var names = []string{"one", "two"}

// startBackend starts a backend at its address; the first time it takes a free port.
func (s *stage) startBackend(name string) error {
	b, err := gatewaytest.NewEcho(name, s.addresses[name])
	if err != nil {
		return err
	}
	s.backends[name], s.addresses[name] = b, b.Addr().String()
	return nil
}

func (s *stage) stopBackend(name string) {
	if b := s.backends[name]; b != nil {
		b.Close()
		delete(s.backends, name)
	}
}

func (s *stage) tokenFile() string { return gatewaytest.TokenFile(s.dir) }

// prepareTerraform copies the configuration of the example, but for what is about https, and names the provider that was
// just built, so that no registry is asked and nothing needs an init. Whoever tried the example in its place left a state
// and keys there, which are not the demo's.
func (s *stage) prepareTerraform() error {
	if err := s.copyExample(); err != nil {
		return fmt.Errorf("copy the example: %w", err)
	}
	cli := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"gatewayd/gatewayd\" = %q\n  }\n  direct {}\n}\n", s.bin)
	if err := os.WriteFile(s.cliConfig(), []byte(cli), 0o600); err != nil {
		return err
	}
	return s.writeVariables(names)
}

func (s *stage) copyExample() error {
	files, err := filepath.Glob(filepath.Join(s.exampleDir(), "*.tf"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.workDir(), 0o700); err != nil {
		return err
	}
	for _, file := range files {
		if name := filepath.Base(file); name != httpsFile {
			if err := s.copyFile(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyFile copies a file of the example.
func (s *stage) copyFile(name string) error {
	text, err := os.ReadFile(filepath.Join(s.exampleDir(), name))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.workDir(), name), text, 0o600)
}

func (s *stage) exampleDir() string { return filepath.Join(s.examples, "websocket") }
func (s *stage) workDir() string    { return filepath.Join(s.dir, "websocket") }
func (s *stage) cliConfig() string  { return filepath.Join(s.dir, "terraform.rc") }

// writeVariables sets the example's variables: the ports, the targets of these names, and a drain that is short enough to
// watch.
func (s *stage) writeVariables(targets []string) error {
	type target struct {
		Address string `json:"address"`
		Port    int    `json:"port"`
	}
	all := map[string]target{}
	for _, name := range targets {
		address, err := net.ResolveTCPAddr("tcp", s.addresses[name])
		if err != nil {
			return err
		}
		all[name] = target{address.IP.String(), address.Port}
	}
	variables := map[string]any{"port": s.port, "targets": all, "drain_timeout": "4s"}
	if s.shown != nil {
		variables["tls_port"] = s.tlsPort
	}
	text, err := json.MarshalIndent(variables, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.workDir(), "terraform.tfvars.json"), append(text, '\n'), 0o600)
}

// run runs Terraform in the example and prints what it says, without what dev_overrides makes it say every time.
func (s *stage) run(ctx context.Context, args ...string) (string, error) {
	say("$ terraform %s", strings.Join(args, " "))
	c := exec.CommandContext(ctx, s.terraform, append([]string{"-chdir=" + s.workDir()}, append(args, "-no-color")...)...)
	c.Env = append(terraform.Environment(s.cliConfig()), "GATEWAYD_ENDPOINTS=http://"+s.gateway.Admin, "GATEWAYD_TOKEN_FILE="+s.tokenFile())
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	for _, line := range interesting(out.String(), err != nil) {
		say("  %s", line)
	}
	if err != nil {
		return out.String(), fmt.Errorf("terraform %s: %w", args[0], err)
	}
	return out.String(), nil
}

// interesting are the lines of Terraform's output that tell the story; all of them where it failed.
func interesting(out string, failed bool) []string {
	var lines []string
	outputs, warned := false, 0 // warned: 1 behind the title of a warning, 2 in its text
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		trimmed := strings.TrimSpace(line)
		outputs = outputs || strings.HasPrefix(line, "Outputs:")
		switch {
		case strings.HasPrefix(line, "Warning: Mind "):
			warned = 1
		case warned > 0 && trimmed != "" && line == trimmed: // What is indented is where it is.
			warned = 2
		case warned == 2:
			warned = 0
			continue
		case failed, outputs && trimmed != "":
		case strings.HasPrefix(trimmed, "# ") && strings.Contains(trimmed, " will be "), strings.HasPrefix(trimmed, "Plan:"),
			strings.HasPrefix(trimmed, "Apply complete!"),
			strings.HasPrefix(trimmed, "Destroy complete!"), strings.HasPrefix(trimmed, "No changes."), strings.HasPrefix(trimmed, "Error"):
		default:
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

// until waits for something to become true.
func (s *stage) until(ctx context.Context, what string, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := is()
		if done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited %s in vain until %s", patience, what)
		}
	}
}

// explain prints the end of the gateway's log, for whom the demo failed.
func (s *stage) explain() {
	lines := gatewaytest.LastLogged(s.dir)
	if len(lines) == 0 {
		return
	}
	fmt.Print("\nThe last that gatewayd logged:\n\n")
	for _, line := range lines {
		say("  %s", line)
	}
}

// clear ends the gateway and the backends and removes the directory.
func (s *stage) clear() {
	s.gateway.End()
	for _, name := range names {
		s.stopBackend(name)
	}
	if s.dir != "" {
		if err := os.RemoveAll(s.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

var steps int

// step begins the next part of the transcript.
func step(title string) {
	steps++
	fmt.Printf("\n%d. %s\n\n", steps, title)
}

// say prints a line of the transcript.
func say(format string, args ...any) {
	fmt.Printf("   "+format+"\n", args...)
}
