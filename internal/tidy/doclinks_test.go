package tidy

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPublicDocsLinkNames checks that the doc comments of public packages link the exported names
// that they mention, at least once in each comment. It checks names that cannot be English words:
// those with a capital after the first letter, and those with a dot.
func TestPublicDocsLinkNames(t *testing.T) {
	names := map[string]map[string]bool{} // exported names by folder
	for _, f := range files(t) {
		if f.test || !slices.Contains(public, f.dir) {
			continue
		}
		if names[f.dir] == nil {
			names[f.dir] = map[string]bool{}
		}
		for _, d := range f.tree.Decls {
			for _, name := range exportedNames(d) {
				names[f.dir][name] = true
			}
		}
	}
	for _, f := range files(t) {
		if f.test || !slices.Contains(public, f.dir) {
			continue
		}
		for _, d := range publicDocs(f) {
			text := d.comment.Text()
			for _, name := range mentioned.FindAllString(text, -1) {
				if !isName(names, f.dir, name) || ownName(d.name, name) {
					continue
				}
				if !regexp.MustCompile(`\[\*?([A-Za-z]+\.)*` + regexp.QuoteMeta(name) + `(\.\w+)?\]`).MatchString(text) {
					t.Errorf("%s: the doc comment of %s mentions %s, want a link to it",
						f.fset.Position(d.comment.Pos()), d.name, name)
				}
			}
		}
	}
}

// ownName reports whether name is the documented name, its type, or its method.
func ownName(documented, name string) bool {
	return name == documented || strings.HasPrefix(documented, name+".") ||
		strings.HasSuffix(documented, "."+name)
}

// mentioned matches names with an inner capital, and names with a dot, such as Store.Get or
// aof.Ring.
var mentioned = regexp.MustCompile(`\b(?:[A-Za-z]+\.[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*)\b`)

// isName reports whether a name is exported by the package in dir or, with a package's name before
// the dot, by a public package that the package may import. Only those can be linked.
func isName(names map[string]map[string]bool, dir, name string) bool {
	if names[dir][name] {
		return true
	}
	pkg, rest, found := strings.Cut(name, ".")
	return found && names[pkg][rest] && slices.Contains(mayImport[dir], pkg)
}

// exportedNames returns the exported names of a declaration. A method is Type.Method.
func exportedNames(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && visible(d) {
			names = append(names, methodName(d))
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() {
					names = append(names, spec.Name.Name)
				}
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					if name.IsExported() {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	return names
}

// methodName returns the name of a function, or Type.Method for a method.
func methodName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	if name, ok := typ.(*ast.Ident); ok {
		return name.Name + "." + d.Name.Name
	}
	return d.Name.Name
}

// publicDocs returns the doc comments of a file that go doc shows.
func publicDocs(f file) (docs []doc) {
	if f.tree.Doc != nil {
		docs = append(docs, doc{name: "package " + f.tree.Name.Name, comment: f.tree.Doc})
	}
	for _, d := range f.tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc != nil && d.Name.IsExported() && visible(d) {
				docs = append(docs, doc{name: methodName(d), comment: d.Doc})
			}
		case *ast.GenDecl:
			names := exportedNames(d)
			if d.Doc != nil && len(names) > 0 {
				docs = append(docs, doc{name: names[0], comment: d.Doc})
			}
		}
	}
	return docs
}
