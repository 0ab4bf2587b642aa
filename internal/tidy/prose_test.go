package tidy

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxColumns is the maximum width of comments and prose. A tab has tabColumns columns.
const (
	maxColumns = 100
	tabColumns = 4
)

// columns returns the width of a line.
func columns(line string) int {
	n := 0
	for _, r := range line {
		if r == '\t' {
			n += tabColumns - n%tabColumns
		} else {
			n++
		}
	}
	return n
}

// comments calls fn for every comment of a file that is neither a directive nor the output of an
// example.
func comments(f file, fn func(c *ast.Comment)) {
	for _, group := range f.tree.Comments {
		if f.test && strings.HasPrefix(group.Text(), "Output:") {
			continue
		}
		for _, c := range group.List {
			if !directive.MatchString(c.Text) {
				fn(c)
			}
		}
	}
}

// directive matches comments for tools, such as //go:build.
var directive = regexp.MustCompile(`^//[a-z]+:\S`)

func TestCommentsAreASCII(t *testing.T) {
	for _, f := range allFiles(t) {
		comments(f, func(c *ast.Comment) {
			for i, r := range c.Text {
				if r > 126 {
					t.Errorf("%s: comment has %q, want ASCII",
						f.fset.Position(c.Pos()+token.Pos(i)), r)
					break
				}
			}
		})
	}
}

// TestCommentWidth checks comments on separate lines and at the end of lines. A line with a URL may
// be wider.
func TestCommentWidth(t *testing.T) {
	for _, f := range allFiles(t) {
		lines := strings.Split(f.text, "\n")
		comments(f, func(c *ast.Comment) {
			first, last := f.fset.Position(c.Pos()).Line, f.fset.Position(c.End()).Line
			for n := first; n <= last; n++ {
				if w := columns(lines[n-1]); w > maxColumns && !strings.Contains(lines[n-1], "://") {
					t.Errorf("%s:%d: comment ends at column %d, want at most %d", f.path, n, w, maxColumns)
				}
			}
		})
	}
}

// TestHelpWidth checks the help texts of cmd/perdure.
func TestHelpWidth(t *testing.T) {
	seen := false
	for _, f := range files(t) {
		if f.dir != "cmd/perdure" {
			continue
		}
		lines := strings.Split(f.text, "\n")
		ast.Inspect(f.tree, func(n ast.Node) bool {
			kv, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			if key, ok := kv.Key.(*ast.Ident); !ok || key.Name != "help" {
				return true
			}
			seen = true
			for n := f.fset.Position(kv.Pos()).Line; n <= f.fset.Position(kv.End()).Line; n++ {
				if w := columns(lines[n-1]); w > maxColumns {
					t.Errorf("%s:%d: help text has %d columns, want at most %d", f.path, n, w, maxColumns)
				}
			}
			return true
		})
	}
	if !seen {
		t.Error("found 0 help texts, want at least 1")
	}
}

// TestMarkdownWidth checks the Markdown files. Tables, code, pictures, and lines with a URL may be
// wider.
func TestMarkdownWidth(t *testing.T) {
	for path, text := range markdown(t) {
		code := false
		for n, line := range strings.Split(text, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				code = !code
			}
			wide := strings.HasPrefix(line, "|") || strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "![")
			if code || wide || strings.Contains(line, "://") {
				continue
			}
			if w := columns(line); w > maxColumns {
				t.Errorf("%s:%d: line has %d columns, want at most %d", path, n+1, w, maxColumns)
			}
		}
	}
}

// markdown returns the Markdown files by their path.
func markdown(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (name == "testdata" || name == ".git") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		found[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("found 0 Markdown files, want at least 1")
	}
	return found
}
