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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/perduredb/perdure"

// mayImport lists the packages of this module that each package may import. Packages import only
// packages of a lower level, never of an equal level.
var mayImport = map[string][]string{
	"internal/crc64":       {},
	"internal/glob":        {},
	"internal/clock":       {},
	"internal/xxh3":        {},
	"internal/option":      {},
	"internal/lzf":         {},
	"internal/errtext":     {},
	"internal/vfs":         {},
	"internal/listpack":    {},
	"internal/prefetch":    {},
	"internal/radix":       {},
	"internal/tree":        {"internal/prefetch", "internal/radix"},
	"internal/table":       {"internal/tree"},
	"snapshot":             {"internal/errtext", "internal/vfs"},
	"internal/corrupt":     {"snapshot"},
	"internal/unsupported": {"snapshot"},
	"internal/dirfs":       {"snapshot", "internal/option", "internal/vfs"},
	"internal/resp":        {"internal/corrupt"},
	"appendlog":            {"snapshot", "internal/corrupt", "internal/errtext", "internal/resp"},
	"storetest":            {"appendlog", "rdb", "snapshot", "internal/dirfs", "internal/vfs"},
	"rdb": {"snapshot", "internal/corrupt", "internal/crc64", "internal/dirfs", "internal/errtext", "internal/glob", "internal/listpack",
		"internal/lzf", "internal/option", "internal/radix", "internal/unsupported", "internal/vfs"},
	"aof/internal/wire":     {"appendlog", "internal/corrupt", "internal/resp"},
	"aof/internal/manifest": {"aof/internal/wire", "snapshot", "internal/corrupt", "internal/dirfs", "internal/vfs"},
	"aof/internal/ring": {"appendlog", "aof/internal/manifest", "aof/internal/wire", "snapshot", "internal/corrupt",
		"internal/dirfs", "internal/vfs"},
	"aof/internal/scan": {"appendlog", "aof/internal/wire", "internal/corrupt", "internal/resp"},
	"aof": {"appendlog", "snapshot", "aof/internal/manifest", "aof/internal/ring", "aof/internal/scan", "aof/internal/wire",
		"internal/clock", "internal/corrupt", "internal/dirfs", "internal/errtext",
		"internal/option", "internal/resp", "internal/vfs"},
	"internal/collection": {"rdb", "snapshot", "internal/listpack", "internal/resp", "internal/tree", "internal/xxh3"},
	"internal/op": {"appendlog", "rdb", "snapshot", "internal/clock", "internal/collection", "internal/errtext", "internal/glob", "internal/listpack",
		"internal/resp", "internal/table", "internal/tree", "internal/unsupported", "internal/xxh3"},
	"internal/engine": {"aof", "appendlog", "rdb", "snapshot", "internal/collection", "internal/corrupt", "internal/dirfs", "internal/glob", "internal/op",
		"internal/option", "internal/resp", "internal/table", "internal/vfs"},
	".": {"aof", "appendlog", "rdb", "snapshot", "internal/engine", "internal/corrupt", "internal/errtext", "internal/op",
		"internal/option", "internal/resp", "internal/unsupported", "internal/vfs"},
	"redisconf":        {".", "aof", "rdb", "snapshot", "internal/errtext", "internal/option"},
	"internal/storefs": {".", "internal/engine", "internal/vfs"},
	"server":           {".", "aof", "rdb", "snapshot", "internal/engine", "internal/glob", "internal/op", "internal/resp"},
}

// mayUse lists the importers that are allowed for packages with restricted use.
var mayUse = map[string][]string{
	"os":     {"internal/vfs", "cmd/", "examples/", "internal/torture", "internal/tidy", "internal/redistest", "internal/upstream", "redisconf"},
	"unsafe": {"internal/table", "internal/vfs"},
}

const (
	maxFileLines     = 500
	maxFunctionLines = 70
)

// file is a parsed Go file.
type file struct {
	path string // from the root, with slashes
	dir  string
	test bool
	text string
	tree *ast.File
	fset *token.FileSet
}

// root is the directory of the module.
var root = filepath.Join("..", "..")

// files returns every Go file of the module, except those of nested modules.
func files(t *testing.T) []file {
	t.Helper()
	return result(t, parseModule)
}

// allFiles returns every Go file of the module and of nested modules.
func allFiles(t *testing.T) []file {
	t.Helper()
	return result(t, parseAll)
}

var (
	parseModule = sync.OnceValues(func() ([]file, error) { return parse(false) })
	parseAll    = sync.OnceValues(func() ([]file, error) { return parse(true) })
)

func result(t *testing.T, parse func() ([]file, error)) []file {
	t.Helper()
	all, err := parse()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// parse parses every Go file of the module, with or without nested modules.
func parse(nested bool) (all []file, err error) {
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != root && !nested {
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
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		all = append(all, file{
			path: rel, dir: filepath.ToSlash(filepath.Dir(rel)), test: strings.HasSuffix(rel, "_test.go"),
			text: string(text), tree: tree, fset: fset,
		})
		return err
	})
	return all, err
}

func TestImportLevels(t *testing.T) {
	for _, f := range files(t) {
		if f.test {
			continue
		}
		for _, spec := range f.tree.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			if users, seam := mayUse[path]; seam && !anyPrefix(f.dir, users) {
				t.Errorf("%s imports %s, want it only in %q", f.path, path, users)
			}
			imported, found := strings.CutPrefix(path, module)
			if !found {
				continue
			}
			imported = strings.TrimPrefix(imported, "/")
			if imported == "" {
				imported = "."
			}
			allowed, listed := mayImport[f.dir]
			if !listed { // programs, examples, and campaigns may import anything
				continue
			}
			if !contains(allowed, imported) {
				t.Errorf("%s imports %s, want only %q", f.path, imported, allowed)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	for _, f := range files(t) {
		if n := f.fset.File(f.tree.Pos()).LineCount(); n > maxFileLines {
			t.Errorf("%s has %d lines, want at most %d", f.path, n, maxFileLines)
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
				t.Errorf("%s: %s has %d lines, want at most %d", f.path, fn.Name.Name, n, maxFunctionLines)
			}
		}
	}
}

func TestPackagesHaveComments(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range files(t) {
		if f.test && f.dir != "internal/tidy" {
			continue
		}
		documented[f.dir] = documented[f.dir] || f.tree.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s lacks a doc comment, want one", dir)
		}
	}
}

// TestExportedNamesHaveComments checks that every exported name that a user can see has a comment.
func TestExportedNamesHaveComments(t *testing.T) {
	for _, f := range files(t) {
		if f.test || strings.HasPrefix(f.dir, "internal/vfs") || strings.HasPrefix(f.dir, "examples") {
			continue
		}
		for _, d := range f.tree.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && visible(d) {
					t.Errorf("%s: %s lacks a comment, want one", f.path, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.IsExported() && ts.Doc == nil && d.Doc == nil {
						t.Errorf("%s: type %s lacks a comment, want one", f.path, ts.Name.Name)
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

// TestTestsDoNotSleep checks that tests sleep only under testing/synctest, where a sleep does not
// take time.
func TestTestsDoNotSleep(t *testing.T) {
	for _, f := range files(t) {
		if !f.test || imports(f, "testing/synctest") {
			continue
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" {
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "time" {
					t.Errorf("%s: test calls time.Sleep, want no sleep", f.fset.Position(n.Pos()))
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
		if strings.Contains(strings.ToLower(f.text), "planted") {
			t.Errorf("%s contains the word planted, want injected bugs only in internal/torture/bugs", f.path)
		}
	}
}

// TestStoreMethodsHaveExamples covers the public face: DB and Tx have the methods of a Store.
func TestStoreMethodsHaveExamples(t *testing.T) {
	examples, methods := map[string]bool{}, []string{}
	for _, f := range files(t) {
		if f.dir != "." {
			continue
		}
		for _, d := range f.tree.Decls {
			d, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name, isExample := strings.CutPrefix(d.Name.Name, "ExampleStore_")
			if isExample {
				name, _, _ = strings.Cut(name, "_")
				examples[name] = true
			} else if d.Recv != nil && d.Name.IsExported() && strings.Contains("Store keyspace", receiver(d)) {
				methods = append(methods, d.Name.Name)
			}
		}
	}
	for _, m := range methods {
		if !examples[m] {
			t.Errorf("Store.%s lacks an example, want one", m)
		}
	}
}

// receiver returns the name of the type of a method.
func receiver(d *ast.FuncDecl) string {
	of := d.Recv.List[0].Type
	if p, ok := of.(*ast.StarExpr); ok {
		of = p.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

// TestDocumentsNameFilesThatExist checks the Go files that documents name in backquotes, by path or
// by base name.
func TestDocumentsNameFilesThatExist(t *testing.T) {
	paths, bases := map[string]bool{}, map[string]bool{}
	for _, f := range files(t) {
		paths[f.path] = true
		bases[filepath.Base(f.path)] = true
	}
	named := regexp.MustCompile("`([a-z0-9_/]+\\.go)`")
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		names, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range named.FindAllStringSubmatch(string(text), -1) {
				path := m[1]
				if strings.HasPrefix(path, "bench/") {
					continue // a nested module
				}
				if known := paths[path] || paths["internal/"+path] || !strings.Contains(path, "/") && bases[path]; !known {
					t.Errorf("%s names %s, want an existing file", name, path)
				}
			}
		}
	}
}

// TestScriptsNameTestsThatExist checks the names of tests in the patterns of .ci/run and the
// Makefile. A pattern that matches nothing would run nothing.
func TestScriptsNameTestsThatExist(t *testing.T) {
	var tests []string
	for _, f := range files(t) {
		for _, d := range f.tree.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && f.test {
				tests = append(tests, d.Name.Name)
			}
		}
	}
	pattern := regexp.MustCompile(`-(?:run|skip|fuzz) ["']([^"']+)["']`)
	for _, name := range []string{".ci/run", "Makefile"} {
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			for _, alternative := range alternatives(strings.ReplaceAll(m[1], "$$", "$")) {
				if strings.Contains(alternative, "$f") || strings.Contains(alternative, "$3") {
					continue // a variable of the script
				}
				re := regexp.MustCompile(alternative)
				if !slices.ContainsFunc(tests, re.MatchString) {
					t.Errorf("%s: %q matches 0 tests, want at least 1", name, alternative)
				}
			}
		}
	}
}

// alternatives splits a pattern such as ^Test(A|B)$ or A|B.
func alternatives(pattern string) (all []string) {
	before, rest, ok := strings.Cut(pattern, "(")
	if !ok {
		return strings.Split(pattern, "|")
	}
	inner, after, _ := strings.Cut(rest, ")")
	if strings.Contains(before, "|") { // only a part is in parentheses
		return []string{pattern}
	}
	for _, a := range strings.Split(inner, "|") {
		all = append(all, before+a+after)
	}
	return all
}
