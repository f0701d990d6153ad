package health

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An outcome is what a probe saw. Its zero value is a healthy target.
type outcome struct {
	reason string // why the target failed, in words; empty where it did not
	late   bool   // the probe used up all its time, or was cut short
	ours   bool   // the gateway itself could not send the probe, so it says nothing about the target
}

// The reasons that are always the same.
const (
	reasonRefused     = "the connection was refused"
	reasonFullBacklog = "the connection was refused: too many wait to be accepted"
	reasonNoRoute     = "the target cannot be reached: no route to it"
	reasonDescriptors = "the gateway has no file descriptor left for the probe"
	reasonMemory      = "the gateway has no memory left for the probe"
	reasonInternal    = "the gateway failed while it read the answer"
	reasonReset       = "the target reset the connection"
	reasonClosed      = "the target closed the connection without an answer"
	reasonBadBody     = "the body of the answer ends too early or is not valid HTTP"
	reasonHugeHead    = "the head of the answer is larger than 16 KiB"
	reasonBadHead     = "the answer is not valid HTTP"
	reasonSpeaksTLS   = "the target speaks TLS on this port; set protocol = \"https\""
	reasonNoText      = "the body of the answer does not contain the expected text"
	reasonNoTextSoFar = "the first 64 KiB of the answer's body do not contain the expected text"
)

func reasonStatus(probe *spec.Probe, status int) string {
	return fmt.Sprintf("the answer has status %d, expected %s", status, strings.Join(probe.Match.Statuses, ", "))
}

func reasonCut(after loop.Time) string {
	return fmt.Sprintf("no whole answer within %s; the probe was ended then, because too many targets do not answer", time.Duration(after))
}

// reasonHead says why a head cannot be read.
func reasonHead(err *http1.Error) string {
	if err.Reason == http1.ReasonHeadTooLarge {
		return reasonHugeHead
	}
	return reasonBadHead
}

// failure says in words why a connection ended before the answer was whole.
func (c *link) failure(err error) outcome {
	var e syscall.Errno
	errors.As(err, &e)
	switch {
	case errors.Is(err, loop.ErrPanic):
		return outcome{reason: reasonInternal, ours: true}
	case c.state == dialling:
		return unconnected(err, e)
	case c.state == shaking || c.state == asking && c.flags&(heard|reused) == 0 && denied(err) != "":
		return outcome{reason: c.w.noSession(err)}
	case e == syscall.ECONNRESET || e == syscall.EPIPE:
		return outcome{reason: reasonReset}
	case c.state == reading:
		return outcome{reason: reasonBadBody}
	case c.flags&heard == 0:
		return outcome{reason: reasonClosed}
	}
	return outcome{reason: reasonBadHead}
}

// unconnected says why a connection could not be made.
func unconnected(err error, e syscall.Errno) outcome {
	var oe *loop.OpError
	switch {
	case e == syscall.EMFILE || e == syscall.ENFILE:
		return outcome{reason: reasonDescriptors, ours: true}
	case e == syscall.ENOBUFS || e == syscall.ENOMEM, errors.As(err, &oe) && oe.Op == "register":
		return outcome{reason: reasonMemory, ours: true}
	case e == syscall.ECONNREFUSED:
		return outcome{reason: reasonRefused}
	case e == syscall.EAGAIN:
		return outcome{reason: reasonFullBacklog}
	case e == syscall.EHOSTUNREACH || e == syscall.ENETUNREACH:
		return outcome{reason: reasonNoRoute}
	case e == 0 || e == syscall.EINVAL:
		return outcome{reason: "connecting failed: the address cannot be used"}
	}
	return outcome{reason: "connecting failed: " + e.Error()}
}

// lateness says what a probe was waiting for when its time was up.
func (c *link) lateness(probe *spec.Probe) outcome {
	words := "no answer within %s"
	switch {
	case c.state == dialling:
		words = "no connection within %s"
	case c.state == shaking:
		words = "no TLS handshake within %s: the target took the connection and did not finish it"
	case c.state == reading:
		words = "no whole answer within %s: the body has not ended and does not contain the expected text so far"
	case c.flags&heard != 0:
		words = "no whole answer within %s"
	}
	return outcome{reason: fmt.Sprintf(words, probe.Timeout), late: true}
}
