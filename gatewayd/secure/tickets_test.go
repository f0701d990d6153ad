package secure

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// at is tickets at a time.
func (t *Tickets) at(now time.Time) *Tickets {
	return &Tickets{secret: t.secret, now: func() time.Time { return now }}
}

// TestTicketsHoldForAWhile: a ticket is opened for the epoch that it is of and the next, by whoever has the secret, and by
// nobody else.
func TestTicketsHoldForAWhile(t *testing.T) {
	t0 := time.Unix(int64(epoch/time.Second)*1000+10, 0)
	tickets := NewTickets()
	plain := []byte("what crypto/tls keeps")
	ticket, err := (&keys{tickets: tickets.at(t0), scope: "listener a"}).seal(plain)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseTickets(tickets.Text())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		by    *Tickets
		scope string
		opens bool
	}{
		"at once":                        {tickets.at(t0), "listener a", true},
		"later, by another process":      {again.at(t0.Add(epoch)), "listener a", true},
		"by a clock that is behind":      {again.at(t0.Add(-epoch)), "listener a", true},
		"too late":                       {tickets.at(t0.Add(2 * epoch)), "listener a", false},
		"by another listener":            {tickets.at(t0), "listener b", false},
		"by somebody with other secrets": {NewTickets().at(t0), "listener a", false},
	} {
		got, ok := (&keys{tickets: c.by, scope: c.scope}).open(ticket)
		if ok != c.opens || ok && !bytes.Equal(got, plain) {
			t.Errorf("%s: got %q, %t", name, got, ok)
		}
	}
}

// TestForgedTickets: whatever of a ticket is changed, it is none any more.
func TestForgedTickets(t *testing.T) {
	k := &keys{tickets: NewTickets(), scope: "s"}
	ticket, err := k.seal([]byte("state"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range ticket {
		forged := bytes.Clone(ticket)
		forged[i] ^= 1
		if _, ok := k.open(forged); ok {
			t.Errorf("with another byte %d it was opened", i)
		}
		if _, ok := k.open(ticket[:i]); ok {
			t.Errorf("the first %d bytes were opened", i)
		}
	}
}

// TestSecretIsShownByNothing but by Text, which is for its file.
func TestSecretIsShownByNothing(t *testing.T) {
	tickets := NewTickets()
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		if got := fmt.Sprintf(format, tickets); got != "secure.Tickets" || strings.Contains(got, tickets.Text()) {
			t.Errorf("%s prints %q", format, got)
		}
	}
	for _, text := range []string{"", "AAAA", tickets.Text() + "AA", strings.Repeat("?", 43)} {
		if _, err := ParseTickets(text); err == nil || strings.Contains(err.Error(), text) && text != "" {
			t.Errorf("%q: %v", text, err)
		}
	}
}
