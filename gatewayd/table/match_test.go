package table

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	"pgregory.net/rapid"
)

// groups is a Living that remembers what it was asked for.
type groups map[string]*balance.Group

func (g groups) Group(pool, setting *spec.Entry) *balance.Group {
	k := pool.ID + " " + setting.ID
	if g[k] == nil {
		g[k] = balance.NewGroup(1)
	}
	return g[k]
}

func (g groups) Meters() *meter.Registry { return nil }

func (g groups) Tickets() *secure.Tickets { return nil }

// setOf makes a set of objects whose ids are their kinds and names.
func setOf(objects ...spec.Object) *spec.Set {
	d := (*spec.Set)(nil).Draft(1)
	for _, o := range objects {
		d.Put(spec.NewEntry(spec.KindOf(o).Name+":"+o.Key(), 1, o))
	}
	return d.Finish()
}

func listener(name string, hostnames ...string) *spec.Listener {
	l := spec.Listeners.New().(*spec.Listener)
	l.Name, l.Port, l.Hostnames = name, 80, hostnames
	return l
}

func pool(name string) *spec.Pool {
	p := spec.Pools.New().(*spec.Pool)
	p.Name = name
	return p
}

func setting(name string) *spec.Setting {
	s := spec.Settings.New().(*spec.Setting)
	s.Name = name
	return s
}

func rule(name, listener string, hostnames, paths []string) *spec.Rule {
	return &spec.Rule{Name: name, Listener: listener, Pool: new("p"), Setting: new("s"), Match: &spec.Match{Hostnames: hostnames, Paths: paths}}
}

// request is what the proxy would have parsed.
func (q asked) request() *http1.Request {
	head := fmt.Sprintf("%s /?%s HTTP/1.1\r\nHost: a\r\n", q.method, q.query)
	for _, h := range q.headers {
		head += h + "\r\n"
	}
	r := &http1.Request{}
	if err := r.Parse([]byte(head+"\r\n"), http1.Limits{HeadBytes: 1 << 20, TargetBytes: 1 << 20}); err != nil {
		panic(err)
	}
	r.Host = []byte(q.host)
	return r
}

// find names what Match finds.
func find(a *Address, q asked) (listener, rule string) {
	found := a.Match(q.request(), []byte(q.path))
	if found.Listener != nil {
		listener = found.Listener.Name
	}
	if found.Route != nil {
		rule = found.Route.RuleName
	}
	return listener, rule
}

// disagreement says what is wrong with what Match finds; "" where it is what the rule of choice says.
func disagreement(set *spec.Set, a *Address, q asked) string {
	wantListener, wantRule := naive(set, a.Place, q)
	gotListener, gotRule := find(a, q)
	if gotListener == wantListener && gotRule == wantRule {
		return ""
	}
	return fmt.Sprintf("Match(%q) = listener %q, rule %q; want listener %q, rule %q", q, gotListener, gotRule, wantListener, wantRule)
}

// The labels and segments are few, so that patterns meet.
var (
	hostLabels  = []string{"a", "b", "ab", "A", "*", "a*", "*b", "?", "?b", "a?", "c", "*a", "aba"}
	pathPieces  = []string{"/", "/a", "/A", "/ab", "/a/", "/a/b", "/a/b/", "/b", "/.a", "/ä"}
	methods     = []string{"GET", "HEAD", "POST"}
	fieldNames  = []string{"X-A", "x-b", "Cookie"}
	parameters  = []string{"q", "Q", "a b", "%zz"}
	values      = []string{"", "a", "ab", "b", "A", "a b", "%zz"}
	queries     = []string{"q=a", "q=%61", "q", "Q=ab", "a+b=a", "a%20b=%zz", "%71=ab", "q=a+b", "", "q=a%2", "=a", "%zz=%25zz", "q=a=b", "q%3Da", "q=%41%62"}
	ruleNames   = []string{"r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"}
	listenNames = []string{"l1", "l2", "l3", "l4"}
)

func drawHostname(wild bool) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		labels := hostLabels
		if !wild {
			labels = []string{"a", "b", "ab", "A", "c", "aba", "ba"}
		}
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(labels), 1, 4).Draw(t, "labels"), ".")
	})
}

func drawPattern(t *rapid.T) string {
	p := rapid.SampledFrom(pathPieces).Draw(t, "path")
	if rapid.Bool().Draw(t, "prefix") {
		p += "*"
	}
	return p
}

func drawValue(t *rapid.T) (v spec.ValueMatch) {
	text := rapid.SampledFrom(values[1:]).Draw(t, "value")
	switch rapid.IntRange(0, 4).Draw(t, "condition") {
	case 0:
		v.Absent = true
	case 1:
		v.Prefix = &text
	case 2:
		text = rapid.SampledFrom([]string{"a", "^a$", "(?i)^ab?$", ".b", "^$"}).Draw(t, "pattern")
		v.Pattern = &text
	case 3:
		v.Equals = rapid.SliceOfN(rapid.SampledFrom(values), 0, 3).Draw(t, "equals")
	}
	return v
}

func drawAsked(t *rapid.T, path string) asked {
	q := asked{host: drawHostname(false).Draw(t, "host"), path: path, method: rapid.SampledFrom(methods).Draw(t, "method")}
	if rapid.IntRange(0, 5).Draw(t, "dot") == 0 {
		q.host += "."
	}
	for range rapid.IntRange(0, 3).Draw(t, "fields") {
		name := strings.ToUpper(rapid.SampledFrom(fieldNames).Draw(t, "field"))
		q.headers = append(q.headers, name+": "+rapid.SampledFrom(values).Draw(t, "value"))
	}
	q.query = strings.Join(rapid.SliceOfN(rapid.SampledFrom(queries), 0, 4).Draw(t, "query"), "&")
	return q
}

func drawSet(t *rapid.T) *spec.Set {
	objects := []spec.Object{pool("p"), setting("s")}
	hostnames := rapid.SliceOfN(drawHostname(true), 0, 3)
	for _, name := range listenNames[:rapid.IntRange(1, len(listenNames)).Draw(t, "listeners")] {
		objects = append(objects, listener(name, hostnames.Draw(t, "hostnames")...))
	}
	for _, name := range ruleNames[:rapid.IntRange(0, len(ruleNames)).Draw(t, "rules")] {
		r := rule(name, rapid.SampledFrom(listenNames).Draw(t, "listener"), hostnames.Draw(t, "hostnames"), nil)
		r.Match.Paths = rapid.SliceOfN(rapid.Custom(drawPattern), 0, 3).Draw(t, "paths")
		if rapid.IntRange(0, 2).Draw(t, "prioritized") == 0 {
			priority := rapid.IntRange(1, 3).Draw(t, "priority")
			r.Priority = &priority
		}
		if rapid.Bool().Draw(t, "conditional") {
			r.Match.Methods = rapid.SliceOfNDistinct(rapid.SampledFrom(methods), 0, 2, rapid.ID).Draw(t, "methods")
			r.Match.Headers = rapid.MapOfN(rapid.SampledFrom(fieldNames), rapid.Custom(drawValue), 0, 2).Draw(t, "headers")
			r.Match.Query = rapid.MapOfN(rapid.SampledFrom(parameters), rapid.Custom(drawValue), 0, 2).Draw(t, "query")
		}
		objects = append(objects, r)
	}
	return setOf(objects...)
}

// TestMatchAgreesWithTheRuleOfChoice compares the index with a matcher that tries everything, and holds every warning
// to its word: a rule that is said to be unreachable is never reached.
func TestMatchAgreesWithTheRuleOfChoice(t *testing.T) {
	rapid.Check(t, agree)
}

func FuzzMatchAgreesWithTheRuleOfChoice(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	f.Fuzz(agreeOn)
}

// agreeOn draws from bytes that may be few: others follow, or no whole set and no request could be drawn of them.
func agreeOn(t *testing.T, b []byte) {
	const enough = 32 << 10
	if missing := enough - len(b); missing > 0 {
		more := make([]byte, missing)
		rand.NewChaCha8([32]byte{}).Read(more)
		b = append(slices.Clip(b), more...)
	}
	rapid.MakeFuzz(agree)(t, b)
}

func TestFewBytesAreEnoughToFuzz(t *testing.T) {
	for _, b := range []string{"", "a", "\x00\x00\x00\x00\x00\x00\x00\x01", strings.Repeat("\xff", 64)} {
		t.Run(fmt.Sprintf("%q", b), func(t *testing.T) {
			defer func() {
				if t.Skipped() {
					t.Error("nothing was tried")
				}
			}()
			agreeOn(t, []byte(b))
		})
	}
}

func agree(t *rapid.T) {
	set := drawSet(t)
	table, warnings := Compile(set, groups{})
	address := table.Address("", 80)
	unreachable := map[string]bool{}
	for _, w := range warnings {
		if strings.Contains(w.Problem.Message, "no request reaches the rule") {
			unreachable[w.Name] = true
		}
	}
	for range 20 {
		path := rapid.SampledFrom(pathPieces).Draw(t, "path") + rapid.SampledFrom([]string{"", "a", "/", "b/c", "é"}).Draw(t, "more")
		normal, ok := NormalPath(nil, []byte(path))
		if !ok {
			t.Fatalf("NormalPath(%q) refuses", path)
		}
		q := drawAsked(t, string(normal))
		if wrong := disagreement(set, address, q); wrong != "" {
			t.Fatal(wrong)
		}
		if _, got := find(address, q); unreachable[got] {
			t.Fatalf("rule %q serves %q, although the warning says that it is never reached", got, q)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, host := range []string{"", ".", "a.example.com", "A.Example.COM.", "..", "a..example.com", strings.Repeat("a.", 140), "[::1]", "x.aaaaab.y"} {
		f.Add(host, "/chat/room")
	}
	set := setOf(pool("p"), setting("s"), listener("basic"), listener("wild", "*.example.com", "*.a*a?b.*", "??.net"),
		rule("any", "basic", nil, nil), rule("chat", "wild", []string{"*.example.com", "a*"}, []string{"/chat/*", "/chat"}))
	table, _ := Compile(set, groups{})
	address := table.Address("", 80)
	f.Fuzz(func(t *testing.T, host, raw string) {
		normal, ok := NormalPath(nil, []byte(raw))
		if !ok {
			return
		}
		if wrong := disagreement(set, address, asked{host: host, path: string(normal), method: "GET"}); wrong != "" {
			t.Error(wrong)
		}
	})
}

func TestMatchAllocatesNothing(t *testing.T) {
	address := compileMany(t, 1000, func(i int) *spec.Rule {
		return rule(fmt.Sprintf("r%d", i), "l", []string{"*.example.com", "a*.net"}, []string{fmt.Sprintf("/service-%d/*", i)})
	})
	req, raw := asked{host: "WWW.Example.com.", method: "GET"}.request(), []byte("/a/../service-77/%61")
	buf, sent := make([]byte, 0, 100), make([]byte, 0, 100)
	if n := testing.AllocsPerRun(100, func() {
		normal, _ := NormalPath(buf, raw)
		if r := address.Match(req, normal).Route; r == nil || r.RuleName != "r77" {
			t.Fatalf("Match found %v", r)
		}
		ResolveDots(sent, raw)
	}); n != 0 {
		t.Errorf("a match allocates %v times", n)
	}
}

func compileMany(tb testing.TB, n int, make func(i int) *spec.Rule) *Address {
	tb.Helper()
	table, warnings := Compile(manyRules(n, make), groups{})
	if len(warnings) > 0 {
		tb.Fatalf("warnings: %v", warnings[0])
	}
	return table.Address("", 80)
}

func manyRules(n int, make func(i int) *spec.Rule) *spec.Set {
	objects := []spec.Object{pool("p"), setting("s"), listener("l")}
	for i := range n {
		objects = append(objects, make(i))
	}
	return setOf(objects...)
}

// shapes are configurations of many rules, with a request for rule i.
var shapes = []struct {
	name    string
	rule    func(i int) *spec.Rule
	request func(i int) (host, path string)
}{
	{
		"hosts",
		func(i int) *spec.Rule {
			return rule(fmt.Sprintf("r%d", i), "l", []string{fmt.Sprintf("team-%d.example.com", i)}, nil)
		},
		func(i int) (string, string) { return fmt.Sprintf("team-%d.example.com", i), "/" },
	},
	{
		"suffixes",
		func(i int) *spec.Rule {
			return rule(fmt.Sprintf("r%d", i), "l", []string{fmt.Sprintf("*.team-%d.example.com", i)}, nil)
		},
		func(i int) (string, string) { return fmt.Sprintf("www.team-%d.example.com", i), "/" },
	},
	{
		"prefixes",
		func(i int) *spec.Rule {
			return rule(fmt.Sprintf("r%d", i), "l", nil, []string{fmt.Sprintf("/service-%d/*", i)})
		},
		func(i int) (string, string) { return "example.com", fmt.Sprintf("/service-%d/items/7", i) },
	},
	{
		"methods",
		func(i int) *spec.Rule {
			r := rule(fmt.Sprintf("r%d", i), "l", nil, []string{fmt.Sprintf("/service-%d/*", i)})
			r.Match.Methods = []string{"GET"}
			return r
		},
		func(i int) (string, string) { return "example.com", fmt.Sprintf("/service-%d/items/7", i) },
	},
	{
		"paths",
		func(i int) *spec.Rule {
			return rule(fmt.Sprintf("r%d", i), "l", []string{"example.com"}, []string{fmt.Sprintf("/service-%d/health", i)})
		},
		func(i int) (string, string) { return "example.com", fmt.Sprintf("/service-%d/health", i) },
	},
}

func BenchmarkMatch(b *testing.B) {
	for _, shape := range shapes {
		for _, n := range []int{10, 10000} {
			b.Run(fmt.Sprintf("%s/%d", shape.name, n), func(b *testing.B) {
				address := compileMany(b, n, shape.rule)
				const requests = 10 // the same number for both, so that the caches of the machine do not decide
				asks, paths := make([]*http1.Request, requests), make([][]byte, requests)
				for i := range requests {
					host, path := shape.request(i * n / requests)
					asks[i], paths[i] = asked{host: host, method: "GET"}.request(), []byte(path)
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i = (i + 1) % requests {
					if address.Match(asks[i], paths[i]).Route == nil {
						b.Fatal("no route")
					}
				}
			})
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, shape := range shapes {
		b.Run(shape.name+"/10000", func(b *testing.B) {
			set := manyRules(10000, shape.rule)
			b.ReportAllocs()
			for b.Loop() {
				Compile(set, groups{})
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	second, literal, long := listener("second", "x.net"), listener("literal"), listener("long", "y.net")
	second.HeaderTimeout, long.MaxHeaderBytes = "1m", 65536
	long.MaxURLBytes = 40000
	literal.Address = "2001:DB8:0:0::5"
	long.Port, long.Hostnames = 81, []string{"y.net"}
	other := listener("other", "z.net")
	other.Port, other.KeepAliveTimeout = 81, "2m"
	table, _ := Compile(setOf(listener("basic"), second, literal, long, other), groups{})

	want := []Place{{"", 80}, {"", 81}, {"2001:db8::5", 80}}
	if got := table.Addresses(); !slices.Equal(got, want) {
		t.Errorf("Addresses() = %v, want %v", got, want)
	}
	if _, err := netip.ParseAddr(want[2].Address); err != nil {
		t.Fatal(err)
	}
	basic := table.Address("", 80)
	if basic.HeaderTimeout.String() != "10s" {
		t.Errorf("a shared address has the header timeout %s, want that of its listener without names", basic.HeaderTimeout)
	}
	largest := table.Address("", 81)
	if largest.MaxHeaderBytes != 65536 || largest.MaxURLBytes != 40000 || largest.KeepAliveTimeout.String() != "2m0s" {
		t.Errorf("an address without a listener without names has %d bytes and %s, want the largest", largest.MaxHeaderBytes, largest.KeepAliveTimeout)
	}
	if a := table.Address("", 82); a != nil {
		t.Errorf("an address without listeners is %v, want nil", a)
	}
}

func TestRoutesKeepIdentity(t *testing.T) {
	g := groups{}
	table, warnings := Compile(setOf(pool("p"), setting("s"), listener("l"), rule("b", "l", nil, nil),
		rule("a", "l", nil, []string{"/a"})), g)
	if len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
	routes := table.Routes()
	if len(routes) != 2 || routes[0].RuleName != "a" || routes[1].RuleName != "b" {
		t.Fatalf("Routes() = %v", routes)
	}
	a, b := routes[0], routes[1]
	if a.RuleID != "rule:a" || a.PoolID != "pool:p" || a.Setting.ID != "setting:s" || a.Listener.ID != "listener:l" {
		t.Errorf("the route has the ids %q %q %q %q", a.RuleID, a.PoolID, a.Setting.ID, a.Listener.ID)
	}
	if a.Group != b.Group || a.Group != g["pool:p setting:s"] || a.Setting != b.Setting {
		t.Error("two rules of one pool and setting do not share group and setting")
	}
	if a.Setting.ConnectTimeout.String() != "5s" || a.Setting.KeepAliveIdle.String() != "4s" || a.Setting.MaxIdle != 64 || a.Setting.Retries != 1 {
		t.Errorf("the setting is %+v", a.Setting)
	}
}

func TestWideRulesStaySmall(t *testing.T) {
	var hosts, paths []string
	for i := range 1000 {
		hosts = append(hosts, fmt.Sprintf("h%d.example.com", i))
		paths = append(paths, fmt.Sprintf("/p%d", i))
	}
	table, warnings := Compile(setOf(pool("p"), setting("s"), listener("l"), rule("a", "l", hosts, paths), rule("b", "l", hosts, paths)), groups{})
	if len(warnings) != 1 || warnings[0].Name != "b" {
		t.Errorf("two equal rules give the warnings %v, want one, on b", warnings)
	}
	cells := map[*cell]bool{}
	for _, c := range table.Address("", 80).sites.rest.cells.exact {
		cells[c] = true
	}
	if len(cells) != 1 {
		t.Errorf("hosts that the same rules name have %d indexes, want 1", len(cells))
	}
}

func TestEmptySet(t *testing.T) {
	table, warnings := Compile(nil, groups{})
	if len(warnings) > 0 || len(table.Addresses()) > 0 || len(table.Routes()) > 0 || table.Revision() != 0 || table.Address("", 80) != nil {
		t.Errorf("the table of an empty gateway is %+v with the warnings %v", table, warnings)
	}
}
