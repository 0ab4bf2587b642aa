// Package tidy checks the rules for the source code as tests.
//
// The rules are policy. Do not relax a rule to make a build pass. Change the code, or first change
// the policy in docs/architecture.md.
package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/perduredb/perdure"

// mayImport lists the packages of this module that each package may import. Packages import only
// packages of a lower level, never of the same level.
var mayImport = map[string][]string{
	"internal/crc64":       {},
	"internal/glob":        {},
	"internal/clock":       {},
	"internal/xxh3":        {},
	"internal/option":      {},
	"internal/lzf":         {},
	"internal/vfs":         {},
	"internal/table":       {},
	"snapshot":             {"internal/vfs"},
	"internal/corrupt":     {"snapshot"},
	"internal/unsupported": {"snapshot"},
	"internal/dirfs":       {"snapshot", "internal/option", "internal/vfs"},
	"internal/resp":        {"internal/corrupt"},
	"appendlog":            {"snapshot", "internal/corrupt", "internal/resp"},
	"storetest":            {"appendlog", "rdb", "snapshot", "internal/dirfs", "internal/vfs"},
	"rdb": {"snapshot", "internal/corrupt", "internal/crc64", "internal/glob", "internal/lzf", "internal/option",
		"internal/unsupported", "internal/vfs"},
	"aof/internal/wire":     {"appendlog", "internal/corrupt", "internal/resp"},
	"aof/internal/manifest": {"aof/internal/wire", "snapshot", "internal/corrupt", "internal/dirfs", "internal/vfs"},
	"aof/internal/ring": {"appendlog", "aof/internal/manifest", "aof/internal/wire", "snapshot", "internal/corrupt",
		"internal/dirfs", "internal/vfs"},
	"aof/internal/scan": {"appendlog", "aof/internal/wire", "internal/corrupt", "internal/resp"},
	"aof": {"appendlog", "snapshot", "aof/internal/manifest", "aof/internal/ring", "aof/internal/scan", "aof/internal/wire",
		"internal/clock", "internal/corrupt", "internal/dirfs",
		"internal/option", "internal/resp", "internal/vfs"},
	"internal/engine": {"aof", "appendlog", "rdb", "snapshot", "internal/clock", "internal/corrupt", "internal/dirfs", "internal/glob",
		"internal/option", "internal/resp", "internal/table", "internal/unsupported", "internal/vfs", "internal/xxh3"},
	".": {"aof", "appendlog", "rdb", "snapshot", "internal/engine", "internal/corrupt", "internal/option", "internal/unsupported",
		"internal/vfs"},
	"internal/storefs": {".", "internal/engine", "internal/vfs"},
}

// mayUse lists the importers that are allowed for packages with restricted use.
var mayUse = map[string][]string{
	"os":     {"internal/vfs", "cmd/", "examples/", "internal/torture", "internal/tidy", "internal/redistest"},
	"unsafe": {"internal/table", "internal/vfs"},
}

const (
	maxFileLines     = 500
	maxFunctionLines = 70
)

type file struct {
	path string // from the root, with slashes
	dir  string
	test bool
	tree *ast.File
	fset *token.FileSet
}

// files parses every Go file of the module, except nested modules.
func files(t *testing.T) []file {
	t.Helper()
	root := filepath.Join("..", "..")
	var all []file
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != root {
				return filepath.SkipDir
			}
			if name := d.Name(); name == "testdata" || strings.HasPrefix(name, ".") && len(name) > 2 {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		all = append(all, file{rel, filepath.ToSlash(filepath.Dir(rel)), strings.HasSuffix(rel, "_test.go"), tree, fset})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImportsGoDown(t *testing.T) {
	for _, f := range files(t) {
		if f.test {
			continue
		}
		for _, spec := range f.tree.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			if users, seam := mayUse[path]; seam && !anyPrefix(f.dir, users) {
				t.Errorf("%s imports %s", f.path, path)
			}
			ours, found := strings.CutPrefix(path, module)
			if !found {
				continue
			}
			ours = strings.TrimPrefix(ours, "/")
			if ours == "" {
				ours = "."
			}
			allowed, listed := mayImport[f.dir]
			if !listed { // programs, examples, and campaigns may import anything
				continue
			}
			if !contains(allowed, ours) {
				t.Errorf("%s imports %s", f.path, ours)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	for _, f := range files(t) {
		if n := f.fset.File(f.tree.Pos()).LineCount(); n > maxFileLines {
			t.Errorf("%s has %d lines; the wall is %d", f.path, n, maxFileLines)
		}
		if f.test {
			continue
		}
		for _, d := range f.tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			n := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1
			if n > maxFunctionLines {
				t.Errorf("%s: %s has %d lines; a function fits a screen (%d)", f.path, fn.Name.Name, n, maxFunctionLines)
			}
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range files(t) {
		if f.test && f.dir != "internal/tidy" {
			continue
		}
		documented[f.dir] = documented[f.dir] || f.tree.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment that go doc shows", dir)
		}
	}
}

// TestExportedNamesAreExplained checks that every exported name that a user can see has a comment.
func TestExportedNamesAreExplained(t *testing.T) {
	for _, f := range files(t) {
		if f.test || strings.HasPrefix(f.dir, "internal/vfs") || strings.HasPrefix(f.dir, "examples") {
			continue
		}
		for _, d := range f.tree.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && visible(d) {
					t.Errorf("%s: %s has no comment", f.path, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.IsExported() && ts.Doc == nil && d.Doc == nil {
						t.Errorf("%s: type %s has no comment", f.path, ts.Name.Name)
					}
				}
			}
		}
	}
}

// visible reports whether go doc shows a function. It does not show methods of unexported types.
func visible(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if index, ok := t.(*ast.IndexExpr); ok {
		t = index.X
	}
	name, ok := t.(*ast.Ident)
	return ok && name.IsExported()
}

func TestCommentsAreASCII(t *testing.T) {
	for _, f := range files(t) {
		for _, group := range f.tree.Comments {
			for _, c := range group.List {
				for i, r := range c.Text {
					if r > 126 {
						t.Errorf("%s: %q in a comment", f.fset.Position(c.Pos()+token.Pos(i)), r)
						break
					}
				}
			}
		}
	}
}

// TestTestsDoNotSleep checks that tests sleep only under testing/synctest, where a sleep takes no
// time.
func TestTestsDoNotSleep(t *testing.T) {
	for _, f := range files(t) {
		if !f.test || imports(f, "testing/synctest") {
			continue
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" {
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "time" {
					t.Errorf("%s: time.Sleep in a test", f.fset.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

func imports(f file, path string) bool {
	for _, spec := range f.tree.Imports {
		if p, _ := strconv.Unquote(spec.Path.Value); p == path {
			return true
		}
	}
	return false
}

func anyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// TestProductionCodeNamesNoInjectedBug checks that no code outside internal/torture refers to an
// injected bug. Injected bugs are patches in internal/torture/bugs.
func TestProductionCodeNamesNoInjectedBug(t *testing.T) {
	for _, f := range files(t) {
		if f.test || strings.HasPrefix(f.dir, "internal/torture") {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", "..", f.path))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(string(text)), "planted") {
			t.Errorf("%s contains the word planted; an injected bug is a patch in internal/torture/bugs", f.path)
		}
	}
}
