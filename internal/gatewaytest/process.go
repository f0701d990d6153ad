package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A Process is a gateway in a process of its own, for programs that show or try a whole one. Tests have [Start].
type Process struct {
	Admin string        // host:port of the admin API
	Gone  chan struct{} // closed when the process has ended
	cmd   *exec.Cmd
}

// What a Process has in its directory.
func logFile(dir string) string { return filepath.Join(dir, "gatewayd.log") }
func dataDir(dir string) string { return filepath.Join(dir, "data") }

// TokenFile is where a Process of a directory has its admin token.
func TokenFile(dir string) string { return filepath.Join(dataDir(dir), "admin.token") }

// StartProcess starts a binary of gatewayd with an empty configuration, and waits until it is ready. It keeps its data and its
// log in dir. The caller ends it; where there is an error nothing is left to end.
func StartProcess(ctx context.Context, binary, dir string, adminPort int, env []string) (*Process, error) {
	log, err := os.Create(logFile(dir))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &Process{Admin: loopback(adminPort), Gone: make(chan struct{})}
	p.cmd = exec.Command(binary, "serve", "--data-dir", dataDir(dir), "--admin", p.Admin, "--shutdown-delay", "0s", "--shutdown-timeout", "5s")
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = log, log, env
	// An interrupt is for the program, which then stops the gateway as it should be stopped.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start gatewayd: %w", err)
	}
	go func() {
		defer close(p.Gone)
		_ = p.cmd.Wait() // Only that it ended counts.
	}()
	if err := p.ready(ctx); err != nil {
		p.End()
		return nil, err
	}
	return p, nil
}

// ready waits until the process says that it is.
func (p *Process) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, processPatience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if answer, err := http.Get("http://" + p.Admin + "/readyz"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-p.Gone:
			return errors.New("gatewayd ended at once")
		case <-ctx.Done():
			return fmt.Errorf("waited %s in vain until the gateway is ready", processPatience)
		}
	}
}

// processPatience is how long a process has to become ready, and to end.
const processPatience = 30 * time.Second

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// End has the gateway stop politely, and by force where it does not. A nil Process has ended.
func (p *Process) End() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // It may have ended already.
	select {
	case <-p.Gone:
	case <-time.After(processPatience):
		_ = p.cmd.Process.Kill()
		<-p.Gone
	}
}

// LastLogged are the last lines that a Process of a directory logged, 20 at most.
func LastLogged(dir string) []string {
	text, err := os.ReadFile(logFile(dir))
	if err != nil || len(text) == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[max(0, len(lines)-20):]
}
