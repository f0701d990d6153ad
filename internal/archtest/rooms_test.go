package archtest

import (
	"go/ast"
	"maps"
	"slices"
	"strings"
	"testing"
)

// A room is what architecture.md says of a package.
type room struct {
	// never lists what the package must not come to import, directly or through others of ours, and why.
	never map[string]string
	// itself lists what it must not import itself, while something that it imports may.
	itself map[string]string
	// clockless says that it must not ask what time it is: it is told.
	clockless bool
	// users lists who may import it; nil means everybody whose own rules allow it. Tests may always.
	users []string
}

const (
	terraform = "github.com/hashicorp/terraform-plugin-framework/..."
	protocol  = "github.com/hashicorp/terraform-plugin-go/..."
)

// Reasons that several rooms share.
const (
	noTerraform   = "the gateway never knows Terraform"
	noGateway     = "the provider and the client know the wire, never how a gateway works"
	noControl     = "a loop never waits for a writer, and the data path is readable without the control path"
	noNetHTTP     = "the data path is an event loop and strict parsers; net/http brings goroutines and other people's leniency"
	noSockets     = "protocols are state machines over bytes: tables and fuzzing drive them as a loop does"
	noTable       = "what lives longer than a configuration must not hold one"
	oneWriter     = "stores only persist; who may write what is decided in one place"
	countersOnly  = "counters and lines are below everything that makes them"
	bytesOnly     = "the loop moves bytes; what they mean is told by those who drive it"
	wiringOnTop   = "wiring is on top: what it wires must not know it"
	noStoreBelow  = "requests of the admin API reach objects through the one writer"
	storesDiffer  = "stores are held together by their conformance suite, not by each other"
	tableIsPure   = "a table is a value: compiled anywhere, without anything running"
	vocabularyIs  = "the vocabulary is below everything"
	cliIsThin     = "commands talk to a running gateway through its API; serving one is the daemon's"
	genericNoKind = "the lifecycle is generic; what is special about a kind stands above it"
)

// rooms is the table of rooms of docs/architecture.md.
var rooms = map[string]room{
	"internal/spec": {never: map[string]string{"gatewayd/...": vocabularyIs, "provider/...": vocabularyIs, "internal/...": vocabularyIs,
		terraform: vocabularyIs, protocol: vocabularyIs, "net": vocabularyIs, "net/http": vocabularyIs, "os": vocabularyIs}},
	"internal/api":      {never: map[string]string{"gatewayd/...": noGateway, "provider/...": noTerraform, terraform: noTerraform}},
	"internal/client":   {never: map[string]string{"gatewayd/...": noGateway, "provider/...": noTerraform, terraform: noTerraform, protocol: noTerraform}},
	"internal/archtest": {},
	"internal/demo":     {},
	"internal/soak":     {itself: map[string]string{"gatewayd/...": "it watches a process from outside", "provider/...": "it watches a process from outside"}},
	"internal/certtest": {never: map[string]string{"gatewayd/...": "the tests of every package have it", "provider/...": "the tests of every package have it", "internal/...": "the tests of every package have it"}},
	"internal/dnstest":  {never: map[string]string{"gatewayd/...": "the tests of every package have it", "provider/...": "the tests of every package have it"}},
	"internal/terraform": {never: map[string]string{"gatewayd/...": "it finds a binary and knows nothing of what it is run on", "provider/...": "it finds a binary and knows nothing of what it is run on"},
		users: []string{"acctest", "internal/demo", "internal/soak", "internal/terraform/cmd"}},
	"internal/terraform/cmd": {},
	"internal/gatewaytest":   {never: map[string]string{"provider/...": "it is for tests of the gateway too, which never knows Terraform"}},

	"gatewayd": {never: map[string]string{"provider/...": noTerraform, terraform: noTerraform}},
	"gatewayd/cli": {never: map[string]string{"provider/...": noTerraform, terraform: noTerraform},
		itself: map[string]string{"gatewayd/loop": cliIsThin, "gatewayd/plane": cliIsThin, "gatewayd/control": cliIsThin, "gatewayd/store/...": cliIsThin},
		users:  []string{"gatewayd"}},
	"gatewayd/daemon": {never: map[string]string{"provider/...": noTerraform, "internal/client": "a gateway does not call itself"},
		users: []string{"gatewayd/cli", "gatewayd", "internal/gatewaytest"}},
	"gatewayd/plane": {never: map[string]string{"gatewayd/admin": wiringOnTop, "gatewayd/daemon": wiringOnTop, "internal/client": noControl},
		itself: map[string]string{"gatewayd/store/...": oneWriter},
		users:  []string{"gatewayd/daemon", "gatewayd/metrics"}},
	"gatewayd/metrics": {never: map[string]string{"gatewayd/admin": wiringOnTop, "gatewayd/daemon": wiringOnTop, "internal/client": noControl},
		itself: map[string]string{"gatewayd/store/...": oneWriter, "gatewayd/proxy": "it shows figures, which the plane puts together"},
		users:  []string{"gatewayd/daemon"}},
	"gatewayd/admin": {never: map[string]string{"gatewayd/loop": noStoreBelow, "gatewayd/proxy": noStoreBelow, "gatewayd/plane": noStoreBelow, "gatewayd/daemon": wiringOnTop},
		itself: map[string]string{"gatewayd/store/...": noStoreBelow},
		users:  []string{"gatewayd/daemon"}},
	"gatewayd/events": {never: map[string]string{"gatewayd/...": "it is told of things, and knows nothing of those who tell", "provider/...": noTerraform},
		itself: map[string]string{"net": noSockets, "net/http": noSockets},
		users:  []string{"gatewayd/admin", "gatewayd/daemon"}},
	"gatewayd/secret": {never: map[string]string{"gatewayd/...": wiringOnTop, "internal/...": wiringOnTop},
		users: []string{"gatewayd/admin", "gatewayd/daemon"}},
	"gatewayd/control": {never: map[string]string{"gatewayd/admin": wiringOnTop, "gatewayd/proxy": "it knows the data path by its own interface Plane", "gatewayd/table": "it knows the data path by its own interface Plane", "gatewayd/plane": wiringOnTop}},
	"gatewayd/store": {never: map[string]string{"gatewayd/control": oneWriter, "gatewayd/store/memory": storesDiffer, "gatewayd/store/bolt": storesDiffer, "gatewayd/store/sealed": storesDiffer},
		users: []string{"gatewayd/control", "gatewayd/daemon", "gatewayd/store/..."}},
	"gatewayd/store/memory": {never: map[string]string{"gatewayd/control": oneWriter, "gatewayd/store/bolt": storesDiffer}},
	"gatewayd/store/bolt":   {never: map[string]string{"gatewayd/control": oneWriter, "gatewayd/store/memory": storesDiffer}},
	"gatewayd/store/sealed": {never: map[string]string{"gatewayd/control": oneWriter, "gatewayd/store/memory": storesDiffer, "gatewayd/store/bolt": storesDiffer,
		"internal/spec": "it encrypts bytes and knows nothing of what they mean", "os": "the daemon finds the key"},
		users: []string{"gatewayd/daemon"}},
	"gatewayd/store/storetest": {never: map[string]string{"gatewayd/control": oneWriter, "gatewayd/store/memory": storesDiffer, "gatewayd/store/bolt": storesDiffer}},

	"gatewayd/table": {never: map[string]string{"gatewayd/store/...": tableIsPure, "gatewayd/control": noControl, "gatewayd/loop": tableIsPure, "gatewayd/listen": tableIsPure,
		"net": tableIsPure, "net/http": noNetHTTP, "os": tableIsPure}, clockless: true},
	"gatewayd/affinity": {never: map[string]string{"gatewayd/...": noSockets, "internal/...": noSockets, "net": noSockets, "net/http": noNetHTTP, "os": noSockets}, clockless: true},
	"gatewayd/backend":  {never: map[string]string{"gatewayd/table": noTable, "gatewayd/control": noControl, "gatewayd/store/...": noControl, "net/http": noNetHTTP}},
	"gatewayd/balance":  {never: map[string]string{"gatewayd/table": noTable, "gatewayd/proxy": "an algorithm sees members, not requests", "gatewayd/control": noControl, "net/http": noNetHTTP}},
	"gatewayd/health": {never: map[string]string{"gatewayd/table": noTable, "gatewayd/proxy": "probes are clients of their own", "gatewayd/control": noControl, "net/http": noNetHTTP},
		users: []string{"gatewayd/plane"}},
	"gatewayd/accesslog": {never: map[string]string{"gatewayd/...": countersOnly, "internal/...": countersOnly, "net/http": noNetHTTP}},
	"gatewayd/meter":     {never: map[string]string{"gatewayd/...": countersOnly, "internal/...": countersOnly, "net": countersOnly, "net/http": noNetHTTP, "os": countersOnly}, clockless: true},
	"gatewayd/loop":      {never: map[string]string{"gatewayd/...": bytesOnly, "internal/...": bytesOnly, "net/http": bytesOnly, "log": bytesOnly}},
	"gatewayd/secure":    {never: map[string]string{"gatewayd/...": noTable, "net": noSockets, "net/http": noNetHTTP, "os": noSockets}},
	"gatewayd/loop/looptest": {never: map[string]string{"internal/...": bytesOnly, "net/http": bytesOnly},
		users: []string{}}, // tests alone
	"gatewayd/heap": {never: map[string]string{"gatewayd/...": "it tends the process, whatever that does", "internal/...": "it tends the process, whatever that does"},
		users: []string{"gatewayd/cli"}},
	"gatewayd/handshake": {never: map[string]string{"gatewayd/table": noTable, "gatewayd/proxy": bytesOnly, "gatewayd/control": noControl, "gatewayd/store/...": noControl, "internal/...": bytesOnly, "net/http": noNetHTTP}},
	"gatewayd/http1":     {never: map[string]string{"gatewayd/...": noSockets, "internal/...": noSockets, "net": noSockets, "net/http": noNetHTTP, "os": noSockets}, clockless: true},
	"gatewayd/rewrite": {never: map[string]string{"gatewayd/table": "it makes heads, and does not know what they lead to", "gatewayd/loop": noSockets, "gatewayd/proxy": noSockets,
		"gatewayd/control": noControl, "net": noSockets, "net/http": noNetHTTP, "os": noSockets}, clockless: true},
	"gatewayd/ws":         {never: map[string]string{"gatewayd/...": noSockets, "internal/...": noSockets, "net": noSockets, "net/http": noNetHTTP, "os": noSockets}, clockless: true},
	"gatewayd/proxyproto": {never: map[string]string{"gatewayd/...": noSockets, "internal/...": noSockets, "net": noSockets, "net/http": noNetHTTP, "os": noSockets}, clockless: true},
	"gatewayd/resolve": {never: map[string]string{"gatewayd/table": noTable, "gatewayd/proxy": "names know addresses, not requests", "gatewayd/control": noControl, "gatewayd/store/...": noControl, "net/http": noNetHTTP},
		users: []string{"gatewayd/plane"}},
	"gatewayd/proxy": {never: map[string]string{"gatewayd/store/...": noControl, "gatewayd/control": noControl, "gatewayd/admin": noControl, "net/http": noNetHTTP},
		users: []string{"gatewayd/plane"}},
	"gatewayd/tunnel": {never: map[string]string{"gatewayd/table": noTable, "internal/spec": noTable, "gatewayd/control": noControl, "net/http": noNetHTTP},
		users: []string{"gatewayd/proxy", "gatewayd/plane"}},
	"gatewayd/listen": {never: map[string]string{"gatewayd/table": "sockets know addresses, not rules", "gatewayd/proxy": "sockets know addresses, not rules", "gatewayd/control": noControl, "net/http": noNetHTTP}},

	"provider":            {never: map[string]string{"gatewayd/...": noGateway}},
	"provider/plugin":     {never: map[string]string{"gatewayd/...": noGateway}},
	"provider/crud":       {never: map[string]string{"gatewayd/...": noGateway, "provider/plugin": genericNoKind}},
	"provider/schemajson": {never: map[string]string{"gatewayd/...": noGateway}},
	"acctest":             {},
}

func TestImports(t *testing.T) {
	tr := source(t)
	for _, path := range tr.paths() {
		for pattern, why := range rooms[path].never {
			if way := tr.way(path, pattern); way != nil {
				p := tr.packages[way[len(way)-2]]
				t.Errorf("%s imports %s (%s): %s", strings.Join(way[:len(way)-1], " imports "), way[len(way)-1], p.imports[way[len(way)-1]], why)
			}
		}
		for imported, file := range tr.packages[path].imports {
			for pattern, why := range rooms[path].itself {
				if matches(pattern, imported) {
					t.Errorf("%s imports %s: %s", file, imported, why)
				}
			}
			users := rooms[imported].users
			if users != nil && !slices.ContainsFunc(users, func(u string) bool { return matches(u, path) }) {
				t.Errorf("%s imports %s; only %s may", file, imported, strings.Join(users, ", "))
			}
		}
	}
}

// TestClocks: what must be told the time does not ask for it, so that its tests need no waiting.
func TestClocks(t *testing.T) {
	tr := source(t)
	for path, r := range rooms {
		if !r.clockless || tr.packages[path] == nil {
			continue
		}
		for _, f := range tr.packages[path].files {
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "NewTimer", "NewTicker"}, s.Sel.Name) {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
						t.Errorf("%s: time.%s in a package that is told the time", tr.fset.Position(n.Pos()), s.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// TestRoomsExist: the table above names what is there, and everything that is there. A rule about a package that is
// gone protects nothing.
func TestRoomsExist(t *testing.T) {
	tr := source(t)
	for _, path := range tr.paths() {
		if _, ok := rooms[path]; !ok {
			t.Errorf("%s has no room: say in docs/architecture.md what it is for, and here what it must never import", path)
		}
	}
	exists := func(pattern string) bool {
		return slices.ContainsFunc(tr.paths(), func(p string) bool { return matches(pattern, p) })
	}
	for _, path := range slices.Sorted(maps.Keys(rooms)) {
		if !exists(path) {
			t.Errorf("there is no package %s any more; take its room away", path)
		}
		patterns := slices.Collect(maps.Keys(rooms[path].never))
		for _, pattern := range slices.AppendSeq(patterns, maps.Keys(rooms[path].itself)) {
			ours := strings.HasPrefix(pattern, "gatewayd/") || strings.HasPrefix(pattern, "internal/") || strings.HasPrefix(pattern, "provider/")
			if ours && !exists(pattern) {
				t.Errorf("%s must never import %s, which does not exist; is it called otherwise now?", path, pattern)
			}
		}
		for _, user := range rooms[path].users {
			if !exists(user) {
				t.Errorf("%s may be imported by %s, which does not exist", path, user)
			}
		}
	}
}

// TestRoomsAreDocumented: each room stands in docs/architecture.md.
func TestRoomsAreDocumented(t *testing.T) {
	text := readFile(t, "docs/architecture.md")
	for _, path := range slices.Sorted(maps.Keys(rooms)) {
		if !strings.Contains(text, "`"+path+"`") {
			t.Errorf("docs/architecture.md says nothing of `%s`", path)
		}
	}
}

// TestWayFindsTheChain: the search itself, so that a rule that never fires is not taken for a rule that holds.
func TestWayFindsTheChain(t *testing.T) {
	tr := &tree{packages: map[string]*pkg{
		"a": {imports: map[string]string{"b": "a/a.go", "fmt": "a/a.go"}},
		"b": {imports: map[string]string{"c/d": "b/b.go", "a": "b/b.go"}},
	}}
	for pattern, want := range map[string]string{"c/...": "a b c/d", "c/d": "a b c/d", "fmt": "a fmt", "c": "", "fm": "", "e/...": ""} {
		if got := strings.Join(tr.way("a", pattern), " "); got != want {
			t.Errorf("%s: want %q, got %q", pattern, want, got)
		}
	}
}
