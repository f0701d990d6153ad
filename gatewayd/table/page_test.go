package table

import (
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func paged(name, body string, hostnames ...string) *spec.Listener {
	l := listener(name, hostnames...)
	l.ErrorPages = map[string]spec.ErrorPage{"502": {Body: body, ContentType: "text/html"}, "odd": {Body: "of a set that nobody checked"}}
	return l
}

// A page is made once for as long as its listener is not written anew, and found without an allocation. What is of no
// listener yet has that of the listener without names.
func TestPages(t *testing.T) {
	set := setOf(paged("basic", "of basic"), paged("shop", "of shop", "shop.test"), pool("p"))
	first, _ := Compile(set, groups{})
	d := set.Draft(2)
	d.Put(spec.NewEntry("listener:basic", 2, paged("basic", "new")))
	second, _ := first.Next(d.Finish(), groups{})
	of := func(table *Table, host string) *Page { return table.Address("", 80).Listener([]byte(host)).Page(502) }
	if a, b := of(first, "shop.test"), of(second, "Shop.Test."); a != b || string(a.Body) != "of shop" || a.ContentType != "text/html" {
		t.Errorf("the page %+v became %+v although its listener did not change", a, b)
	}
	if a, b := of(first, "x.test"), of(second, "x.test"); string(a.Body) != "of basic" || string(b.Body) != "new" || second.Address("", 80).Page(502) != b {
		t.Errorf("the page of every host is %+v, then %+v", a, b)
	}
	if p := second.Address("", 80).Page(404); p != nil {
		t.Errorf("a status without a page has %+v", p)
	}
	without, _ := Compile(setOf(paged("shop", "of shop", "shop.test")), groups{})
	if p, l := without.Address("", 80).Page(502), without.Address("", 80).Listener([]byte("x.test")); p != nil || l != nil {
		t.Errorf("where every listener has names a request without one has %+v, and a strange host %+v", p, l)
	}
	address, host := first.Address("", 80), []byte("shop.test")
	if n := testing.AllocsPerRun(100, func() { address.Listener(host).Page(502) }); n != 0 {
		t.Errorf("finding a page costs %v allocations", n)
	}
}
