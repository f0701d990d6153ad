package daemon

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/affinity"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secret"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
)

// keys reads what clients come back by, or at the first start makes it.
func (d *Daemon) keys(dir string) (*affinity.Key, *secure.Tickets, error) {
	key, err := kept(d, dir, keptSecret[*affinity.Key]{
		what: "key of affinity cookies", file: "affinity.key", fresh: affinity.NewKey, parse: affinity.ParseKey,
		lost: "with which clients are balanced anew",
	})
	if err != nil {
		return nil, nil, fmt.Errorf("affinity key: %w", err)
	}
	tickets, err := kept(d, dir, keptSecret[*secure.Tickets]{
		what: "key of session tickets", file: "tickets.key", fresh: secure.NewTickets, parse: secure.ParseTickets,
		lost: "with which clients begin their TLS sessions anew",
	})
	if err != nil {
		return nil, nil, fmt.Errorf("tickets key: %w", err)
	}
	return key, tickets, nil
}

// A keptSecret is a secret of the data directory that nothing but convenience is lost with.
type keptSecret[T interface{ Text() string }] struct {
	what, file string
	fresh      func() T
	parse      func(string) (T, error)
	lost       string // what a new one does
}

// kept reads a secret, or at the first start makes it.
func kept[T interface{ Text() string }](d *Daemon, dir string, k keptSecret[T]) (T, error) {
	var none T
	path := filepath.Join(dir, k.file)
	text, created, err := secret.Open(dir, k.file, func() string { return k.fresh().Text() })
	value := none
	if err == nil {
		value, err = parsed(path, text, k.parse)
	}
	if err != nil {
		return none, advised(err, "remove it and a new one is made at the next start, "+k.lost)
	}
	if created {
		d.log.Info("The "+k.what+" was made.", "file", path)
	}
	return value, nil
}

// parsed is what the text of a file says.
func parsed[T any](path, text string, parse func(string) (T, error)) (T, error) {
	value, err := parse(text)
	if err != nil {
		err = &secret.UnusableError{Path: path, Why: err.Error()}
	}
	return value, err
}

// advised says what to do about a file that holds no secret.
func advised(err error, what string) error {
	if _, is := errors.AsType[*secret.UnusableError](err); is {
		return fmt.Errorf("%w; %s", err, what)
	}
	return err // It says so itself.
}
