package table

import (
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func redirectTo(t *testing.T, o spec.Redirect, listeners ...spec.Object) (*Redirect, []Warning) {
	t.Helper()
	o.Status = 301
	objects := append(listeners, listener("from"), &spec.Rule{Name: "r", Listener: "from", Redirect: &o})
	table, warnings := Compile(setOf(objects...), groups{})
	return table.Routes()[0].Redirect, warnings
}

func on(port int, hostnames ...string) spec.Object {
	l := listener("to", hostnames...)
	l.Port = port
	return l
}

// Where a redirect leads: the host is the listener's, the URL's or the request's own, whatever the path says.
func TestLocation(t *testing.T) {
	to := spec.Redirect{Listener: new("to")}
	whole := spec.Redirect{Listener: new("to"), IncludePath: true, IncludeQuery: true}
	at := func(url string, path, query bool) spec.Redirect {
		return spec.Redirect{URL: &url, IncludePath: path, IncludeQuery: query}
	}
	for _, c := range []struct {
		redirect     spec.Redirect
		to           spec.Object
		target, want string
	}{
		{to, on(81, "b.example"), "/x?y=z", "http://b.example:81/"},
		{whole, on(81, "b.example"), "/x?y=z", "http://b.example:81/x?y=z"},
		{whole, on(81), "/x?y=z", "http://HOST:81/x?y=z"},
		{whole, on(81), "*", "http://HOST:81/"},
		{whole, on(81), "/x?", "http://HOST:81/x?"},
		{whole, on(81), "/a%2Fb%20c", "http://HOST:81/a%2Fb%20c"},
		{at("https://b.example", false, false), nil, "/x?y=z", "https://b.example/"},
		{at("https://b.example", true, true), nil, "/x?y=z", "https://b.example/x?y=z"},
		{at("https://b.example/new/", true, false), nil, "/x?y=z", "https://b.example/new/x"},
		{at("https://b.example/new?k=v", true, true), nil, "/x?y=z", "https://b.example/new/x?k=v&y=z"},
		{at("https://b.example/new?k=v", false, true), nil, "/x", "https://b.example/new?k=v"},
		{at("https://b.example?k=v#part", false, true), nil, "/x?y", "https://b.example/?k=v&y#part"},
		// What would lead elsewhere.
		{whole, on(81), "//evil.example/", "http://HOST:81//evil.example/"},
		{at("https://b.example", true, false), nil, "//evil.example", "https://b.example//evil.example"},
		{at("https://b.example/", true, false), nil, "/@evil.example", "https://b.example/@evil.example"},
		{at("https://b.example", true, true), nil, "/.evil.example?//evil.example", "https://b.example/.evil.example?//evil.example"},
		{at("https://b.example", true, true), nil, "/\\evil?\\", "https://b.example/%5Cevil?%5C"},
		{at("https://b.example", true, true), nil, "/a\r\nX: y?\r\n\x00<\xff", "https://b.example/a%0D%0AX:%20y?%0D%0A%00%3C%FF"},
	} {
		var listeners []spec.Object
		if c.to != nil {
			listeners = append(listeners, c.to)
		}
		r, warnings := redirectTo(t, c.redirect, listeners...)
		path, query, has := strings.Cut(c.target, "?")
		got := string(r.AppendLocation(nil, []byte("HOST"), []byte(path), &http1.Request{Query: []byte(query), HasQuery: has}))
		if got != c.want || warnings != nil {
			t.Errorf("%s goes to %s, want %s; %v", c.target, got, c.want, warnings)
		}
		if u, err := url.Parse(got); err != nil || strings.Contains(u.Host, "evil") {
			t.Errorf("%s leads to host %q: %v", got, u.Host, err)
		}
	}
	r, _ := redirectTo(t, whole, on(81))
	b, host, req := make([]byte, 0, 200), []byte("/h"), &http1.Request{Query: []byte("y"), HasQuery: true}
	if n := testing.AllocsPerRun(100, func() { r.AppendLocation(b, host, host, req) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The port of the scheme is left out.
func TestLocationOnTheSchemesPort(t *testing.T) {
	o := &spec.Rule{Name: "r", Listener: "from", Redirect: &spec.Redirect{Status: 301, Listener: new("to")}}
	from := listener("from")
	from.Port = 81
	table, _ := Compile(setOf(from, on(80, "b.example"), o), groups{})
	if got := string(table.Routes()[0].Redirect.AppendLocation(nil, nil, nil, &http1.Request{})); got != "http://b.example/" {
		t.Errorf("got %s", got)
	}
}

func TestRedirectWarnings(t *testing.T) {
	for _, c := range []struct {
		name     string
		redirect spec.Redirect
		match    *spec.Match
		words    string // empty for no warning
	}{
		{"everything to itself", spec.Redirect{Listener: new("from"), IncludePath: true}, nil, "round in a circle"},
		{"everything to its root", spec.Redirect{Listener: new("from")}, nil, "round in a circle"},
		{"a path to itself", spec.Redirect{Listener: new("from"), IncludePath: true}, &spec.Match{Paths: []string{"/a"}}, "round in a circle"},
		{"a path to the root", spec.Redirect{Listener: new("from")}, &spec.Match{Paths: []string{"/a"}}, ""},
		{"the root to the root", spec.Redirect{Listener: new("from")}, &spec.Match{Paths: []string{"/"}}, "round in a circle"},
		{"elsewhere", spec.Redirect{Listener: new("to"), IncludePath: true}, nil, ""},
		{"to several", spec.Redirect{Listener: new("many")}, nil, "by now"},
		{"to nobody", spec.Redirect{Listener: new("gone")}, nil, "answered 502"},
	} {
		many := listener("many", "a.example", "*.example")
		many.Port = 82
		c.redirect.Status = 302
		_, warnings := Compile(setOf(on(81), many, listener("from"), &spec.Rule{Name: "r", Listener: "from", Match: c.match, Redirect: &c.redirect}), groups{})
		if c.words == "" && len(warnings) != 0 || c.words != "" && (len(warnings) != 1 || warnings[0].Problem.Path != "redirect.listener" || !strings.Contains(warnings[0].Problem.Message, c.words)) {
			t.Errorf("%s: want a warning of %q, got %v", c.name, c.words, warnings)
		}
	}
}

func splitRule(weights ...int) *spec.Rule {
	r := &spec.Rule{Name: "r", Listener: "from", Split: map[string]spec.Share{}}
	for i, w := range weights {
		r.Split[string(rune('a'+i))] = spec.Share{Pool: "p", Setting: "s", Weight: w}
	}
	return r
}

// TestSplitIsFair draws a million times from a seed and compares with the weights by chi-squared: 60 with 2 degrees of
// freedom is passed by chance less than once in 10^13 times.
func TestSplitIsFair(t *testing.T) {
	const n = 1_000_000
	weights := []int{1, 0, 9, 90}
	table, _ := Compile(setOf(listener("from"), pool("p"), setting("s"), splitRule(weights...)), groups{})
	s := table.Routes()[0].Split
	counts := map[*Route]int{}
	random := rand.NewChaCha8([32]byte{7})
	for range n {
		counts[s.Choose(random.Uint64())]++
	}
	chi := 0.0
	for i, r := range s.Routes() {
		want := float64(n*weights[i]) / 100
		if weights[i] == 0 {
			if counts[r] != 0 {
				t.Errorf("a share without weight was chosen %d times", counts[r])
			}
			continue
		}
		chi += (float64(counts[r]) - want) * (float64(counts[r]) - want) / want
	}
	if chi > 60 {
		t.Errorf("chi-squared is %.1f for %v", chi, counts)
	}
	if s.Choose(0) != s.Routes()[0] || s.Choose(1<<64-1) != s.Routes()[3] {
		t.Error("the ends go to other shares")
	}
}

func TestSplitWithoutWeights(t *testing.T) {
	table, _ := Compile(setOf(listener("from"), pool("p"), setting("s"), splitRule(0, 0)), groups{})
	if r := table.Routes()[0].Split.Choose(5); r != nil {
		t.Errorf("chose %v", r)
	}
}

// Each share that lost its pool or setting is told by its key.
func TestSplitOfWhatIsGone(t *testing.T) {
	r := splitRule(1, 1)
	r.Split["a"] = spec.Share{Pool: "gone", Setting: "s", Weight: 1}
	r.Split["b"] = spec.Share{Pool: "p", Setting: "gone", Weight: 1}
	_, warnings := Compile(setOf(listener("from"), pool("p"), setting("s"), r), groups{})
	if text := describe(warnings); len(warnings) != 2 || !strings.Contains(text, `split["a"].pool: names pool "gone"`) || !strings.Contains(text, `split["b"].setting: names setting "gone"`) {
		t.Errorf("got %s", text)
	}
}

// TestNextKeepsActions: what did not change is the same in the next table, so that nothing is indexed anew; and what did
// is not.
func TestNextKeepsActions(t *testing.T) {
	living := groups{}
	redirect := &spec.Rule{Name: "to", Listener: "from", Match: &spec.Match{Paths: []string{"/to"}}, Redirect: &spec.Redirect{Status: 301, Listener: new("to")}}
	respond := &spec.Rule{Name: "say", Listener: "from", Match: &spec.Match{Paths: []string{"/say"}}, Respond: &spec.Respond{Status: 200, Body: new("x")}}
	set := setOf(listener("from"), on(81), pool("p"), setting("s"), splitRule(1, 2), redirect, respond)
	first, _ := Compile(set, living)
	d := set.Draft(2)
	d.Put(spec.NewEntry("pool:other", 2, pool("other")))
	set = d.Finish()
	second, _ := first.Next(set, living)
	for i, r := range second.Routes() {
		if r != first.Routes()[i] {
			t.Errorf("the route of %s was made anew", r.RuleName)
		}
	}
	d = set.Draft(3)
	d.Put(spec.NewEntry("listener:to", 3, on(82)))
	changed := setting("s")
	changed.RequestTimeout = "7s"
	d.Put(spec.NewEntry("setting:s", 3, changed))
	third, _ := second.Next(d.Finish(), living)
	before, after := second.Routes(), third.Routes()
	if before[0] == after[0] || after[0].Split.Routes()[1].Setting.RequestTimeout.Seconds() != 7 {
		t.Error("the split has the setting of before")
	}
	if got := string(after[2].Redirect.AppendLocation(nil, []byte("h"), nil, &http1.Request{})); got != "http://h:82/" {
		t.Errorf("the redirect goes to %s", got)
	}
	if before[1].Respond != after[1].Respond {
		t.Error("the response was made anew")
	}
}
