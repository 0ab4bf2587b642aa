package tidy

import (
	"go/ast"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// public lists the packages that a program can import.
var public = []string{".", "aof", "appendlog", "rdb", "redisconf", "snapshot", "storetest"}

// TestPublicDocNamesNoInternalType reads the output of go doc for every public package. A program
// cannot write a type of an internal package that occurs in a signature.
func TestPublicDocNamesNoInternalType(t *testing.T) {
	names := map[string]bool{}
	for _, f := range files(t) {
		if f.test || !strings.HasPrefix(f.dir, "internal/") {
			continue
		}
		for _, d := range f.tree.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range decl.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.IsExported() {
					names[f.tree.Name.Name+"."+ts.Name.Name] = true
				}
			}
		}
	}
	if !names["vfs.FS"] || !names["engine.Engine"] {
		t.Fatalf("found %d internal types, want vfs.FS and engine.Engine among them", len(names))
	}
	qualified := regexp.MustCompile(`\b[a-z0-9]+\.[A-Z]\w*`)
	for _, dir := range public {
		cmd := exec.Command("go", "doc", "-all", ".")
		cmd.Dir = filepath.Join("..", "..", dir)
		doc, err := cmd.Output()
		if err != nil {
			t.Fatalf("go doc -all %s = %v, want nil", dir, err)
		}
		for line := range strings.Lines(string(doc)) {
			for _, name := range qualified.FindAllString(line, -1) {
				if names[name] {
					t.Errorf("go doc -all %s names %s, want a public name: %s",
						dir, name, strings.TrimSpace(line))
				}
			}
		}
	}
}

// TestPublicSignaturesNameNoInternalType also checks signatures that go doc omits. These are
// methods that an exported type gets from an embedded unexported type.
func TestPublicSignaturesNameNoInternalType(t *testing.T) {
	for _, f := range files(t) {
		if f.test || !slices.Contains(public, f.dir) {
			continue
		}
		internal := map[string]bool{}
		for _, spec := range f.tree.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); strings.HasPrefix(path, module+"/internal/") {
				internal[filepath.Base(path)] = true
			}
		}
		for _, d := range f.tree.Decls {
			for _, part := range signatures(d) {
				ast.Inspect(part, func(n ast.Node) bool {
					sel, ok := n.(*ast.SelectorExpr)
					if !ok {
						return true
					}
					if pkg, ok := sel.X.(*ast.Ident); ok && internal[pkg.Name] {
						t.Errorf("%s: signature has %s.%s, want a public type",
							f.fset.Position(sel.Pos()), pkg.Name, sel.Sel.Name)
					}
					return true
				})
			}
		}
	}
}

// signatures returns the parts of a declaration that a program can see. These are the types of
// exported functions and methods, and exported types without their unexported fields.
func signatures(d ast.Decl) (parts []ast.Node) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() {
			parts = append(parts, d.Type)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			ts, ok := spec.(*ast.TypeSpec)
			if !ok || !ts.Name.IsExported() {
				continue
			}
			st, ok := ts.Type.(*ast.StructType)
			if !ok {
				parts = append(parts, ts.Type)
				continue
			}
			for _, field := range st.Fields.List {
				if len(field.Names) == 0 || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported) {
					parts = append(parts, field.Type)
				}
			}
		}
	}
	return parts
}

// TestExamplesImportNoInternalPackage checks that the examples work outside the module.
func TestExamplesImportNoInternalPackage(t *testing.T) {
	seen := false
	for _, f := range files(t) {
		if !strings.HasPrefix(f.dir, "examples") {
			continue
		}
		seen = true
		for _, spec := range f.tree.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); strings.Contains(path, "/internal/") {
				t.Errorf("%s imports %s, want public packages only", f.path, path)
			}
		}
	}
	if !seen {
		t.Error("found 0 examples, want at least 1")
	}
}
