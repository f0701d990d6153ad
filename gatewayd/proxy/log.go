package proxy

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/accesslog"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/rewrite"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
)

// This file writes the access log. A line has two halves: what the request said is encoded while its head is here, into a
// buffer that its account keeps, and what came of it in the end. Without an access log nothing of it happens.

// How many bytes of what a client sends are shown.
const (
	mostMethod = 32
	mostHost   = 255
	mostTarget = 2048
	mostAgent  = 512
	mostName   = 512
)

// note encodes what a request says of itself.
func (w *Worker) note(a *account, down downstream, req *http1.Request) {
	q := w.cfg.AccessLog.Query
	b := appendClient(w.line[:0], w.origin.client, down.peer())
	b = appendShown(b, down.over())
	b = accesslog.AppendText(b, "method", req.Method, mostMethod)
	b = accesslog.AppendText(b, "host", req.Authority, mostHost)
	b = q.AppendPath(b, "path", req.Path, mostTarget)
	if req.HasQuery {
		b = q.AppendQuery(b, "query", req.Query, mostTarget)
	}
	protocol := "HTTP/1.1"
	if req.Minor == 0 {
		protocol = "HTTP/1.0"
	}
	b = accesslog.AppendWord(b, "protocol", protocol)
	if agent, known := firstValue(req.Fields, "user-agent"); known {
		b = accesslog.AppendText(b, "user_agent", agent, mostAgent)
	}
	if req.Upgrade {
		b = accesslog.AppendWord(b, "upgrade", "websocket")
	}
	w.line = b
	w.keepNote(a, b)
}

// appendClient appends who the client is and, where somebody else told that, who.
func appendClient(b []byte, client, peer netip.AddrPort) []byte {
	b = appendAddress(b, "client", "client_port", client)
	if peer != client {
		b = appendAddress(b, "peer", "peer_port", peer)
	}
	return b
}

// appendShown appends what the client showed of itself in the handshake, where it was asked.
func appendShown(b []byte, p *secure.Peer) []byte {
	if p == nil || p.Auth == nil {
		return b
	}
	b = accesslog.AppendWord(b, "client_certificate", p.Verdict.String())
	if p.Certificate != nil {
		b = accesslog.AppendText(b, "client_subject", rewrite.AppendName(nil, p.Certificate.RawSubject), mostName)
	}
	return b
}

func appendAddress(b []byte, name, port string, a netip.AddrPort) []byte {
	b = append(accesslog.AppendName(b, name), '"')
	b = append(a.Addr().AppendTo(b), '"')
	if a.Port() == 0 {
		return b // A proxy need not tell it.
	}
	return accesslog.AppendInt(b, port, int64(a.Port()))
}

// keepNote puts an encoded part of the line to the account.
func (w *Worker) keepNote(a *account, b []byte) {
	if a.note == nil {
		a.note = w.l.Buffer(len(b) + 512) // What noteSent adds mostly fits, too.
	}
	a.note.Append(b) // Bounds that are far below a buffer's let all of it in.
}

// noteSent encodes what the gateway says to the backend: its request id and, where it is another one, the path.
func (w *Worker) noteSent(a *account, head, received []byte) {
	b := w.line[:0]
	if _, rest, found := bytes.Cut(head, []byte(" ")); found {
		target, _, _ := bytes.Cut(rest, []byte(" "))
		if path, _, _ := bytes.Cut(target, []byte("?")); !bytes.Equal(path, received) {
			b = w.cfg.AccessLog.Query.AppendPath(b, "path_sent", path, mostTarget)
		}
	}
	if id, found := sentID(head); found {
		b = accesslog.AppendText(b, "request_id", id, mostHost)
	}
	w.line = b
	w.keepNote(a, b)
}

// sentID is the request id in a head that is sent. A rewrite may have spelt its name otherwise than the gateway does.
func sentID(head []byte) (id []byte, found bool) {
	if _, rest, found := bytes.Cut(head, []byte("\r\nX-Request-Id: ")); found {
		id, _, _ = bytes.Cut(rest, []byte("\r"))
		return id, true
	}
	for more := true; more; {
		var line []byte
		line, head, more = bytes.Cut(head, []byte("\r\n"))
		if name, value, ok := bytes.Cut(line, []byte(": ")); ok && http1.EqualFold(name, "x-request-id") {
			return value, true
		}
	}
	return nil, false
}

// noteRefused encodes what can be said of a request whose head cannot be read. Its target may be anything, and is shown
// where it begins with a path.
func (w *Worker) noteRefused(a *account, c *client, req *http1.Request) {
	b := appendClient(w.line[:0], c.remote(), c.peer())
	if req != nil && len(req.Method) > 0 {
		b = accesslog.AppendText(b, "method", req.Method, mostMethod)
		if path, _, _ := bytes.Cut(req.Target, []byte("?")); len(path) > 0 && path[0] == '/' {
			b = w.cfg.AccessLog.Query.AppendPath(b, "path", path, mostTarget)
		}
	}
	w.line = b
	w.keepNote(a, b)
}

// logLine writes the line of an account.
func (w *Worker) logLine(a *account) {
	if a.note == nil {
		return
	}
	s, now := w.cfg.AccessLog, w.l.Now()
	b := s.AppendTime(w.line[:0], time.Duration(now))
	message := "request"
	if a.status == 101 {
		message = "tunnel opened"
	}
	b = accesslog.AppendWord(b, "msg", message)
	b = a.appendPlace(b)
	if a.status > 0 {
		b = accesslog.AppendInt(b, "status", int64(a.status))
	}
	switch {
	case a.own:
		b = accesslog.AppendWord(b, "reason", a.why.String())
	case a.left:
		b = accesslog.AppendWord(b, "cut", "client")
	case a.cut:
		b = accesslog.AppendWord(b, "cut", a.why.String())
	}
	b = accesslog.AppendInt(b, "received_bytes", a.received)
	b = accesslog.AppendInt(b, "sent_bytes", a.sent)
	b = accesslog.AppendSeconds(b, "duration", time.Duration(now-a.begun))
	if a.attempts > 0 {
		b = accesslog.AppendInt(b, "attempts", int64(a.attempts))
	}
	if a.connect >= 0 {
		b = accesslog.AppendSeconds(b, "connect", time.Duration(a.connect))
	}
	if a.first >= 0 {
		b = accesslog.AppendSeconds(b, "first_byte", time.Duration(a.first))
		b = accesslog.AppendSeconds(b, "last_byte", time.Duration(now-a.picked))
	}
	w.line = b
	w.addLine(a.note.Bytes())
	a.note.Release()
	a.note = nil
}

// addLine ends the line with what was encoded before.
func (w *Worker) addLine(note []byte) {
	w.line = append(append(w.line, note...), "}\n"...)
	if w.cfg.AccessLog.Add(w.line) {
		w.l.SetTimer(&w.flushing, w.l.Now()+loop.Time(accesslog.FlushTime), w.cfg.AccessLog.Flush)
	}
}

// appendPlace appends the names of the objects that served, as far as there were some.
func (a *account) appendPlace(b []byte) []byte {
	if a.listener != nil {
		b = accesslog.AppendText(b, "listener", a.listener.Name, mostHost)
	}
	if r := a.route; r != nil {
		b = accesslog.AppendText(b, "rule", r.RuleName, mostHost)
		if r.PoolName != "" {
			b = accesslog.AppendText(b, "pool", r.PoolName, mostHost)
			b = accesslog.AppendText(b, "setting", r.Setting.Name, mostHost)
		}
	}
	if a.health == nil {
		return b
	}
	at := a.health.Backend.Key.Addr
	if at.Path != "" {
		return accesslog.AppendText(b, "backend", at.String(), mostTarget)
	}
	b = append(accesslog.AppendName(b, "backend"), '"')
	return append(at.TCP.AppendTo(b), '"')
}

// tunnelNote is what the line at the end of a tunnel repeats of its beginning.
func (w *Worker) tunnelNote(a *account) string {
	if a.note == nil {
		return ""
	}
	return string(a.appendPlace(w.line[:0])) + string(a.note.Bytes())
}

// logTunnel writes the line of a tunnel that is over.
func (w *Worker) logTunnel(e tunnel.Ended) {
	if w.cfg.AccessLog == nil {
		return
	}
	b := w.cfg.AccessLog.AppendTime(w.line[:0], time.Duration(w.l.Now()))
	b = accesslog.AppendWord(b, "msg", "tunnel closed")
	b = accesslog.AppendWord(b, "ended_by", e.By.String())
	if e.Code != 0 {
		b = accesslog.AppendInt(b, "close_code", int64(e.Code))
	}
	if e.Cut {
		b = accesslog.AppendWord(b, "cut", "deadline")
	}
	b = accesslog.AppendInt(b, "received_bytes", int64(e.Received))
	b = accesslog.AppendInt(b, "sent_bytes", int64(e.Sent))
	b = accesslog.AppendInt(b, "received_messages", int64(e.ReceivedMessages))
	b = accesslog.AppendInt(b, "sent_messages", int64(e.SentMessages))
	b = accesslog.AppendSeconds(b, "duration", e.Took)
	w.line = append(b, e.Note...)
	w.addLine(nil)
}
