package tidy

import (
	"go/ast"
	"regexp"
	"strings"
	"testing"
)

// TestDocCommentsBeginWithName checks functions, methods, types, and single variables and
// constants, whether exported or not. An article may precede the name of a type. The comment of an
// example describes what it shows.
func TestDocCommentsBeginWithName(t *testing.T) {
	for _, f := range allFiles(t) {
		for _, d := range f.tree.Decls {
			for _, doc := range documented(d) {
				if strings.HasPrefix(doc.name, "Example") {
					continue
				}
				text := strings.TrimSpace(doc.comment.Text())
				if doc.isType {
					text = article.ReplaceAllString(text, "")
				}
				if word := firstWord.FindString(text); text != "" && word != doc.name {
					t.Errorf("%s: doc comment begins with %q, want %q",
						f.fset.Position(doc.comment.Pos()), word, doc.name)
				}
			}
		}
	}
}

var (
	article   = regexp.MustCompile(`^(An?|The) `)
	firstWord = regexp.MustCompile(`^\w+`)
)

// doc is a name with its doc comment.
type doc struct {
	name    string
	comment *ast.CommentGroup
	isType  bool
}

// documented returns the names that a declaration documents.
func documented(d ast.Decl) (docs []doc) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc != nil {
			docs = append(docs, doc{name: d.Name.Name, comment: d.Doc})
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			comment := d.Doc
			if d.Lparen.IsValid() {
				comment = nil // the comment is about the group
			}
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Doc != nil {
					comment = spec.Doc
				}
				if comment != nil {
					docs = append(docs, doc{name: spec.Name.Name, comment: comment, isType: true})
				}
			case *ast.ValueSpec:
				if comment != nil && len(spec.Names) == 1 && spec.Names[0].Name != "_" {
					docs = append(docs, doc{name: spec.Names[0].Name, comment: comment})
				}
			}
		}
	}
	return docs
}

// TestTestNames checks that names of tests contain no articles and no question words.
func TestTestNames(t *testing.T) {
	for _, f := range allFiles(t) {
		if !f.test {
			continue
		}
		for _, d := range f.tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !testFunction.MatchString(fn.Name.Name) {
				continue
			}
			if word := sentenceWord.FindStringSubmatch(fn.Name.Name); word != nil {
				t.Errorf("%s: %s contains %s, want another name", f.path, fn.Name.Name, word[1])
			}
		}
	}
}

var (
	testFunction = regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]`)
	sentenceWord = regexp.MustCompile(`[a-z](An?|The|What|Who|Whose|We|Our)(?:[A-Z][a-z]|$)`)
)

// TestMarkdownCitesExistingTests checks that the tests that Markdown files name exist.
func TestMarkdownCitesExistingTests(t *testing.T) {
	exists := map[string]bool{}
	for _, f := range allFiles(t) {
		for _, d := range f.tree.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && f.test && fn.Recv == nil {
				exists[fn.Name.Name] = true
			}
		}
	}
	for path, text := range markdown(t) {
		for _, name := range citedTest.FindAllString(text, -1) {
			if !exists[name] {
				t.Errorf("%s cites %s, want an existing test", path, name)
			}
		}
	}
}

var citedTest = regexp.MustCompile(`\b(Test|Fuzz|Benchmark)[A-Z]\w+`)
