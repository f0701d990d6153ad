package table

import (
	"cmp"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// TestExamples runs the files of testdata. Each explains itself in its first lines; then come requests, each with what
// serves it, the warnings of the configuration, and the configuration.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runExample(t, file) })
	}
}

func runExample(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, f := range archive.Files {
		sections[f.Name] = string(f.Data)
	}
	table, warnings := Compile(decodeSet(t, sections["configuration.json"]), groups{})
	want := map[string]string{"requests": answers(t, table, sections["requests"]), "warnings": describe(warnings)}
	for i, f := range archive.Files {
		text, computed := want[f.Name]
		if !computed || text == string(f.Data) {
			continue
		}
		if !*update {
			t.Errorf("%s differ (-file +table):\n%s", f.Name, gocmp.Diff(string(f.Data), text))
		}
		archive.Files[i].Data = []byte(text)
	}
	if _, given := sections["warnings"]; !given && len(warnings) > 0 {
		t.Errorf("warnings that the file does not have:\n%s", describe(warnings))
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func decodeSet(t *testing.T, document string) *spec.Set {
	t.Helper()
	objects, problems := spec.DecodeConfig([]byte(document))
	if len(problems) > 0 {
		t.Fatalf("the configuration: %v", problems)
	}
	for _, o := range objects {
		if ps := spec.Check(o); len(ps) > 0 {
			t.Fatalf("%s %q: %v", spec.KindOf(o), o.Key(), ps)
		}
	}
	return setOf(objects...)
}

// answers is the requests with what serves each of them.
func answers(t *testing.T, table *Table, requests string) string {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(requests, "\n"), "\n")
	width := 0
	for i, line := range lines {
		request, _, _ := strings.Cut(line, "->")
		lines[i] = strings.TrimSpace(request)
		if !strings.HasPrefix(lines[i], "#") {
			width = max(width, len(lines[i]))
		}
	}
	for i, request := range lines {
		if request != "" && !strings.HasPrefix(request, "#") {
			lines[i] = fmt.Sprintf("%-*s -> %s", width, request, answer(t, table, request))
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// written is how a request stands in a file.
var written = regexp.MustCompile(`^(?:([A-Z]+) )?http://([^/]*)(/[^ ?]*)\??(\S*?)(?: ([^ ]+: .*?))?(?: at (\S+))?$`)

// answer is what serves "http://host:port/path", perhaps with a method before it, with headers behind it, parted by ", ",
// and with " at ADDRESS" at the end for the listener's address.
func answer(t *testing.T, table *Table, request string) string {
	t.Helper()
	parts := written.FindStringSubmatch(request)
	if parts == nil {
		t.Fatalf("%s is no request", request)
	}
	q := asked{method: cmp.Or(parts[1], "GET"), query: parts[4]}
	if parts[5] != "" {
		q.headers = strings.Split(parts[5], ", ")
	}
	authority, address, raw := parts[2], parts[6], []byte(parts[3])
	host, port := authority, 80
	if u := (&url.URL{Host: authority}); u.Port() != "" {
		host = u.Hostname()
		var err error
		if port, err = strconv.Atoi(u.Port()); err != nil {
			t.Fatalf("%s: %v", request, err)
		}
	}
	a := table.Address(address, port)
	if a == nil {
		return "nobody listens"
	}
	normal, ok := NormalPath(nil, raw)
	if !ok {
		return "400"
	}
	q.host = host
	found := a.Match(q.request(), normal)
	r, l := found.Route, found.Listener
	if l == nil {
		return "404, no listener"
	}
	if r == nil {
		return fmt.Sprintf("404, listener %s has no rule for it", l.Name)
	}
	text := fmt.Sprintf("listener %s, rule %s, pool %s", l.Name, r.RuleName, r.PoolName)
	switch {
	case r.Redirect != nil:
		text = fmt.Sprintf("%d to %s, listener %s, rule %s", r.Redirect.Status, r.Redirect.AppendLocation(nil, []byte("HOST"), ResolveDots(nil, raw), &http1.Request{}), l.Name, r.RuleName)
	case r.Split != nil:
		text += "split"
		for _, s := range r.Split.Routes() {
			text += fmt.Sprintf(", pool %s", s.PoolName)
		}
	case r.Respond != nil:
		text = fmt.Sprintf("%d %q, listener %s, rule %s", r.Respond.Status, r.Respond.Body, l.Name, r.RuleName)
	case r.Group == nil:
		text = fmt.Sprintf("502, listener %s, rule %s", l.Name, r.RuleName)
	}
	if sent := ResolveDots(nil, raw); string(sent) != string(raw) {
		text += fmt.Sprintf(", sent as %s", sent)
	}
	return text
}

func describe(warnings []Warning) string {
	var b strings.Builder
	for _, w := range warnings {
		fmt.Fprintf(&b, "%s %s: %s\n", w.Kind, w.Name, w.Problem)
	}
	return b.String()
}
