package loop

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func option(t *testing.T, l *Loop, c *Conn, level, name int) (v int, err error) {
	t.Helper()
	on(t, l, func() { v, err = unix.GetsockoptInt(int(c.fd), level, name) })
	return v, err
}

// TestKeepAlive: every connection, accepted or dialled, is given up less than a minute after its peer vanished, and none for
// the reason alone that its peer does not read.
func TestKeepAlive(t *testing.T) {
	system, err := newKernel()
	if err != nil {
		t.Fatal(err)
	}
	k := &shifted{Kernel: system}
	l := runningOn(t, k)
	accepted := make(chan *Conn, 1)
	addr := listening(t, l, func(c *Conn) {
		c.SetHandler(&funcs{})
		accepted <- c
	})
	to := dialled(t, l, addr, 1)[0]
	k.by.Add(int64(youth))
	until(t, "it is no newcomer any more", func() bool {
		v, err := option(t, l, to, unix.SOL_SOCKET, unix.SO_KEEPALIVE)
		return err != nil || v != 0
	})
	for name, c := range map[string]*Conn{"accepted": <-accepted, "dialled": to} {
		for _, o := range []struct{ level, name, want int }{
			{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 30},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 7},
			{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
			{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 0},
		} {
			if v, err := option(t, l, c, o.level, o.name); v != o.want || err != nil {
				t.Errorf("%s: option %d is %d (%v), want %d", name, o.name, v, err, o.want)
			}
		}
	}
}

// TestPulse: a peer owes nothing while nothing is on its way to it. One without room owes, and is asked for some, every ten
// seconds where the system can; as it answers, it is never asked often in vain.
func TestPulse(t *testing.T) {
	l := running(t)
	accepted := make(chan *Conn, 1)
	addr := listening(t, l, func(c *Conn) {
		c.SetHandler(&funcs{})
		accepted <- c
	})
	peer := dial(t, addr)
	c := <-accepted
	pulse := func() (p Pulse) {
		on(t, l, func() { p = c.Pulse() })
		return p
	}
	if p := pulse(); p != (Pulse{}) {
		t.Errorf("%+v before anything was sent", p)
	}
	sent := 0
	until(t, "the peer has no room", func() bool {
		on(t, l, func() { c.Write(make([]byte, 1000)) })
		sent += 1000
		return c.queuedOn(l, t) > 0
	})
	until(t, "nothing was heard of it for a second", func() bool {
		p := pulse()
		if !p.Owes || p.Asked > 2 {
			t.Fatalf("%+v of a peer that answers", p)
		}
		return p.Silent > time.Second
	})
	switch ms, err := option(t, l, c, unix.IPPROTO_TCP, unix.TCP_RTO_MAX_MS); {
	case err == unix.ENOPROTOOPT:
		t.Log("this system asks as it likes")
	case err != nil || ms != askEvery:
		t.Errorf("it is asked every %d ms at least (%v), want %d", ms, err, askEvery)
	}
	mustRead(t, peer, sent)
	until(t, "it owes nothing", func() bool { return pulse() == Pulse{} })
}

func (c *Conn) queuedOn(l *Loop, t *testing.T) (n int) {
	on(t, l, func() { n = c.Queued() })
	return n
}
