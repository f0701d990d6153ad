package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// module is the path of the product's module; packages of ours are named below it, as "gatewayd/loop".
const module = "github.com/gatewayd/terraform-provider-gatewayd"

// A tree is the product's source, read for every system at once: build tags are not looked at.
type tree struct {
	fset     *token.FileSet
	packages map[string]*pkg // by path below the module
}

// A pkg is one directory of Go files.
type pkg struct {
	path    string
	name    string
	files   map[string]*ast.File // by path from the root; without tests
	tests   map[string]*ast.File
	imports map[string]string // import path, ours shortened, to the file that has it; without tests
}

// readTree parses every Go file below root, nested modules and testdata left out.
func readTree(root string) (*tree, error) {
	t := &tree{fset: token.NewFileSet(), packages: map[string]*pkg{}}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "tools" || len(d.Name()) > 2 && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		return t.add(file, filepath.ToSlash(name))
	})
	return t, err
}

func (t *tree) add(file, name string) error {
	f, err := parser.ParseFile(t.fset, file, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	dir := path.Dir(name)
	p := t.packages[dir]
	if p == nil {
		p = &pkg{path: dir, files: map[string]*ast.File{}, tests: map[string]*ast.File{}, imports: map[string]string{}}
		t.packages[dir] = p
	}
	if strings.HasSuffix(name, "_test.go") {
		p.tests[name] = f
		return nil
	}
	p.name = f.Name.Name
	p.files[name] = f
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		p.imports[strings.TrimPrefix(imported, module+"/")] = name
	}
	return nil
}

// paths lists the packages in order.
func (t *tree) paths() []string { return slices.Sorted(maps.Keys(t.packages)) }

// way is how a package comes to import something that the pattern names, through packages of ours: the chain of
// packages, the imported one last. It is nil where it never does. See matches for patterns.
func (t *tree) way(from, pattern string) []string {
	type visit struct {
		at     string
		before *visit
	}
	seen := map[string]bool{from: true}
	for queue := []*visit{{at: from}}; len(queue) > 0; queue = queue[1:] {
		v := queue[0]
		p := t.packages[v.at]
		if p == nil {
			continue
		}
		for _, imported := range slices.Sorted(maps.Keys(p.imports)) {
			if matches(pattern, imported) {
				chain := []string{imported}
				for ; v != nil; v = v.before {
					chain = append([]string{v.at}, chain...)
				}
				return chain
			}
			if !seen[imported] {
				seen[imported] = true
				queue = append(queue, &visit{imported, v})
			}
		}
	}
	return nil
}

// matches says whether a pattern names a package: its path, or a path and everything below it, as in "gatewayd/...".
func matches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == prefix || strings.HasPrefix(name, prefix+"/")
	}
	return name == pattern
}
