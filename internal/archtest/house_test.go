package archtest

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

const (
	root         = "../.."
	maxFile      = 400 // lines
	maxMain      = 60  // lines
	maxFunction  = 60  // lines, from func to the last brace
	maxParameter = 4   // a leading context not counted
)

// long lists what may be longer than the limits, and why. An entry that is not needed any more fails.
var long = map[string]string{
	"internal/spec/kind.go newKind":            "the table of kinds has a line for each, and these are its columns",
	"gatewayd/store/storetest/suite.go commit": "the arguments of Store.Commit, with the store and the test in front",
	"internal/client/object.go Update":         "kind, name, object, revision and key are one conditional write, and no two of them belong together",
}

var source = func() func(*testing.T) *tree {
	once := sync.OnceValues(func() (*tree, error) { return readTree(root) })
	return func(t *testing.T) *tree {
		t.Helper()
		tr, err := once()
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
}()

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPackagesAreNounsWithAComment(t *testing.T) {
	tr := source(t)
	for _, path := range tr.paths() {
		p := tr.packages[path]
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "types", "manager", "misc", "base"}, p.name) {
			t.Errorf("%s: %q says nothing; name the package by what it is", path, p.name)
		}
		if len(p.files) == 0 {
			continue // Tests only.
		}
		var comments []string
		for _, name := range slices.Sorted(maps.Keys(p.files)) {
			if p.files[name].Doc != nil {
				comments = append(comments, name)
			}
		}
		if len(comments) != 1 {
			t.Errorf("%s: want one package comment, found %d: %v", path, len(comments), comments)
		}
	}
}

func TestMainsAreShort(t *testing.T) {
	for _, name := range []string{"provider/main.go", "gatewayd/main.go"} {
		if n := strings.Count(readFile(t, name), "\n"); n > maxMain {
			t.Errorf("%s has %d lines; a main of at most %d calls what does the work", name, n, maxMain)
		}
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	tr := source(t)
	found := map[string]bool{}
	report := func(key, format string, args ...any) {
		found[key] = true
		if _, ok := long[key]; !ok {
			t.Errorf("%s %s; divide it, or list it in internal/archtest with a reason", key, fmt.Sprintf(format, args...))
		}
	}
	for _, path := range tr.paths() {
		for name, f := range tr.packages[path].files {
			if ast.IsGenerated(f) {
				continue
			}
			if n := tr.fset.Position(f.FileEnd).Line; n > maxFile {
				report(name, "has %d lines, more than %d", n, maxFile)
			}
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				key := name + " " + fn.Name.Name
				if n := tr.fset.Position(fn.End()).Line - tr.fset.Position(fn.Pos()).Line + 1; n > maxFunction {
					report(key, "has %d lines, more than %d", n, maxFunction)
				}
				if n := parameters(fn); n > maxParameter {
					report(key, "takes %d parameters, more than %d", n, maxParameter)
				}
			}
		}
	}
	for key := range long {
		if !found[key] {
			t.Errorf("%s is within the limits now; take it off the list", key)
		}
	}
}

// parameters counts those of a function, a first context left out.
func parameters(fn *ast.FuncDecl) int {
	n := fn.Type.Params.NumFields()
	if n > 0 {
		if s, ok := fn.Type.Params.List[0].Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Context" {
			n--
		}
	}
	return n
}

// TestExportedNamesAreDocumented: go doc tells something about everything that another package can use.
func TestExportedNamesAreDocumented(t *testing.T) {
	tr := source(t)
	for _, path := range tr.paths() {
		for _, f := range tr.packages[path].files {
			for _, d := range f.Decls {
				for _, name := range undocumented(d) {
					t.Errorf("%s: %s has no comment", tr.fset.Position(d.Pos()), name)
				}
			}
		}
	}
}

func undocumented(d ast.Decl) []string {
	var names []string
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d))) && !slices.Contains(wellKnown, d.Name.Name) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			if s, ok := s.(*ast.TypeSpec); ok && s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
				names = append(names, s.Name.Name)
			}
		}
	}
	return names
}

// wellKnown methods belong to interfaces that every reader knows, or that say themselves what the method does.
var wellKnown = []string{"Error", "String", "Unwrap", "Is", "Close", "Len", "Less", "Swap", "ServeHTTP", "MarshalJSON", "UnmarshalJSON",
	"Metadata", "Schema", "Configure", "Create", "Read", "Update", "Delete", "ImportState", "ValidateConfig", "ModifyPlan", "IdentitySchema",
	"Resources", "DataSources", "Description", "MarkdownDescription"}

func receiver(d *ast.FuncDecl) string {
	name := ""
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	return name
}

var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

func TestNothingIsLeftForLater(t *testing.T) {
	tr := source(t)
	for _, path := range tr.paths() {
		if path == "internal/archtest" {
			continue
		}
		p := tr.packages[path]
		for _, files := range []map[string]*ast.File{p.files, p.tests} {
			for _, f := range files {
				for _, group := range f.Comments {
					if word := unfinished.FindString(group.Text()); word != "" {
						t.Errorf("%s: %s; write an issue, or do it", tr.fset.Position(group.Pos()), word)
					}
				}
			}
		}
	}
}

// TestEveryKindHasExamples: tfplugindocs shows them, and acctest applies them.
func TestEveryKindHasExamples(t *testing.T) {
	want := []string{"provider/provider.tf", "data-sources/gatewayd_health/data-source.tf", "data-sources/gatewayd_route/data-source.tf",
		"data-sources/gatewayd_status/data-source.tf", "websocket/main.tf"}
	for _, k := range spec.Kinds() {
		want = append(want, "resources/gatewayd_"+k.Name+"/resource.tf", "resources/gatewayd_"+k.Name+"/import.sh",
			"data-sources/gatewayd_"+k.Name+"/data-source.tf")
	}
	for _, name := range want {
		if _, err := os.Stat(filepath.Join(root, "examples", name)); err != nil {
			t.Errorf("there is no examples/%s", name)
		}
	}
}

var (
	mdLink    = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	makeHelp  = regexp.MustCompile(`(?m)^([a-z-]+):[^=\n]*## `)
	makePhony = regexp.MustCompile(`(?m)^\.PHONY: (.+)$`)
)

// TestLinksLead: a relative link of a document ends at a file.
func TestLinksLead(t *testing.T) {
	var documents []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, found...)
	}
	for _, name := range documents {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mdLink.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", name, m[1])
			}
		}
	}
}

// TestTargetsDocumentThemselves: make help lists every target that somebody can type.
func TestTargetsDocumentThemselves(t *testing.T) {
	text := readFile(t, "GNUmakefile")
	documented := map[string]bool{}
	for _, m := range makeHelp.FindAllStringSubmatch(text, -1) {
		documented[m[1]] = true
	}
	for _, m := range makePhony.FindAllStringSubmatch(text, -1) {
		for _, target := range strings.Fields(m[1]) {
			if !documented[target] {
				t.Errorf("the target %s has no words behind ##", target)
			}
		}
	}
}

// TestFuzzTargetsHaveACorpus: every run of the tests tries what fuzzing found worth keeping.
func TestFuzzTargetsHaveACorpus(t *testing.T) {
	for path, p := range source(t).packages {
		for _, f := range p.tests {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || !strings.HasPrefix(fn.Name.Name, "Fuzz") {
					continue
				}
				corpus := filepath.Join(path, "testdata", "fuzz", fn.Name.Name)
				if inputs, err := os.ReadDir(filepath.Join(root, corpus)); err != nil || len(inputs) == 0 {
					t.Errorf("there is nothing in %s; commit some inputs", corpus)
				}
			}
		}
	}
}

var testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`")

// TestStrictnessNamesTests: every test that docs/strictness.md puts its trust in is there.
func TestStrictnessNamesTests(t *testing.T) {
	declared := map[string]bool{}
	for _, p := range source(t).packages {
		for _, f := range p.tests {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok {
					declared[fn.Name.Name] = true
				}
			}
		}
	}
	for _, m := range testName.FindAllStringSubmatch(readFile(t, "docs/strictness.md"), -1) {
		if !declared[m[1]] {
			t.Errorf("docs/strictness.md names %s, which is no test", m[1])
		}
	}
}
