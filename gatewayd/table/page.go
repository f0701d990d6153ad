package table

import (
	"strconv"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A Page is what is shown in place of the text of an answer of the gateway's own.
type Page struct {
	ContentType string
	Body        []byte // the caller must not change it
}

func newPages(pages map[string]spec.ErrorPage) map[int]*Page {
	if len(pages) == 0 {
		return nil
	}
	by := make(map[int]*Page, len(pages))
	for status, p := range pages {
		if n, err := strconv.Atoi(status); err == nil { // else nobody checked it
			by[n] = &Page{ContentType: p.ContentType, Body: []byte(p.Body)}
		}
	}
	return by
}

// Page is the listener's page for answers of the gateway's own that have a status; nil for none.
func (l *Listener) Page(status int) *Page { return l.Pages[status] }

// Page is that of the listener without host names. It is for requests of which no listener is known.
func (a *Address) Page(status int) *Page {
	if a.sites.rest == nil {
		return nil
	}
	return a.sites.rest.listener.Page(status)
}
