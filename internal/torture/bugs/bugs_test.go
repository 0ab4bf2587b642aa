package bugs_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/perduredb/perdure/internal/torture/bugs"
	"github.com/perduredb/perdure/internal/torture/campaign"
)

// root is the root of the module.
var root = filepath.Join("..", "..", "..")

func all(t *testing.T) []bugs.Bug {
	t.Helper()
	list, err := bugs.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 24 {
		t.Fatalf("All() = %d bugs, want at least 24", len(list))
	}
	return list
}

// TestBugsApplyToTree checks that every patch applies to the sources. go run ./internal/torture
// -bugs all also builds the patched sources.
func TestBugsApplyToTree(t *testing.T) {
	for _, b := range all(t) {
		files, err := b.Apply(os.DirFS(root))
		if err != nil {
			t.Error(err)
			continue
		}
		for path, text := range files {
			if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "internal/torture/") {
				t.Errorf("%s.patch changes %s, want production code", b.Name, path)
			}
			if _, err := parser.ParseFile(token.NewFileSet(), path, text, 0); err != nil {
				t.Errorf("%s.patch: ParseFile of %s = %v, want nil", b.Name, path, err)
			}
		}
	}
}

func TestBugsNameExistingCampaigns(t *testing.T) {
	for _, b := range all(t) {
		for _, name := range b.Catch {
			if _, err := campaign.Find(name); err != nil {
				t.Errorf("%s.patch: Find(%q) = %v, want nil", b.Name, name, err)
			}
		}
	}
}

func TestBugsAreListedInDurabilityDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "durability.md"))
	if err != nil {
		t.Fatal(err)
	}
	list := all(t)
	for _, b := range list {
		row := fmt.Sprintf("| `%s` | %s | %s |\n", b.Name, b.About, strings.Join(b.Catch, ", "))
		if !strings.Contains(string(text), row) {
			t.Errorf("docs/durability.md lacks a row, want %s", row)
		}
	}
	if want := fmt.Sprintf("%d of %d detected", len(list), len(list)); !strings.Contains(string(text), want) {
		t.Errorf("docs/durability.md lacks %q", want)
	}
}

const header = "# The sum is wrong.\n# catch: power, rot\n"

func TestParseReadsHeader(t *testing.T) {
	b, err := bugs.Parse("sum", "# The sum\n# is wrong.\n# catch: power, rot\n\n--- a/x.go\n+++ b/x.go\n@@ -1,1 +1,1 @@\n-a\n+b\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(b.Name, "|", b.About, "|", b.Catch), "sum|The sum is wrong.|[power rot]"; got != want {
		t.Errorf("Parse = %s, want %s", got, want)
	}
}

func TestParseRefusesMalformedPatch(t *testing.T) {
	const file = "--- a/x.go\n+++ b/x.go\n"
	for name, c := range map[string]struct{ patch, want string }{
		"no description":     {"# catch: power\n" + file + "@@ -1,1 +1,1 @@\n-a\n+b\n", "describes the bug"},
		"no campaign":        {"# It is wrong.\n" + file + "@@ -1,1 +1,1 @@\n-a\n+b\n", "catch"},
		"no diff":            {header, "want a diff"},
		"no hunk":            {header + file, "x.go without a hunk"},
		"another file":       {header + "--- a/x.go\n+++ b/y.go\n@@ -1,1 +1,1 @@\n-a\n+b\n", "line 3: want \"--- a/path\""},
		"file twice":         {header + file + "@@ -1,1 +1,1 @@\n-a\n+b\n" + file + "@@ -2,1 +2,1 @@\n-c\n+d\n", "line 8: x.go occurs twice"},
		"new file":           {header + "--- /dev/null\n+++ b/x.go\n@@ -0,0 +1,1 @@\n+b\n", "line 3"},
		"header of a hunk":   {header + file + "@@ -1 +1 @@\n-a\n+b\n", "line 5: want \"@@ -line,count"},
		"too few lines":      {header + file + "@@ -1,2 +1,1 @@\n-a\n+b\n", "line 8: diff ends"},
		"too many old lines": {header + file + "@@ -1,1 +1,1 @@\n-a\n-b\n+c\n", "line 5: hunk has 2 and 1 lines"},
		"a line too many":    {header + file + "@@ -1,1 +1,1 @@\n-a\n+b\n+c\n", "line 8: hunk has more lines"},
		"no context":         {header + file + "@@ -1,0 +1,1 @@\n+b\n", "line 5: hunk without a context line"},
		"another line":       {header + file + "@@ -1,1 +1,1 @@\n-a\n*b\n", "line 7: want a line that begins"},
	} {
		if _, err := bugs.Parse("sum", c.patch); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "sum.patch: ") {
			t.Errorf("%s: Parse = %v, want an error of sum.patch with %q", name, err, c.want)
		}
	}
}

func TestApplyChangesOnlyExactMatch(t *testing.T) {
	const twoHunks = header + "\n--- a/d/x.go\n+++ b/d/x.go\n@@ -1,3 +1,2 @@\n a\n-b\n c\n@@ -9,3 +8,4 @@\n d\n\n+new\n e\n"
	for name, c := range map[string]struct{ source, want, err string }{
		"in place":         {source: "a\nb\nc\nd\n\ne\n", want: "a\nc\nd\n\nnew\ne\n"},
		"moved lines":      {source: "0\n1\na\nb\nc\n2\nd\n\ne\n3\n", want: "0\n1\na\nc\n2\nd\n\nnew\ne\n3\n"},
		"lines of Windows": {source: "a\r\nb\r\nc\r\nd\r\n\r\ne\r\n", want: "a\nc\nd\n\nnew\ne\n"},
		"another context":  {source: "a\nb\nC\nd\n\ne\n", err: "d/x.go: hunk 1 (@@ -1,3 +1,2 @@): want its old lines once after the previous hunk, found them 0 times"},
		"blanks differ":    {source: "a\n b\nc\nd\n\ne\n", err: "hunk 1"},
		"two places":       {source: "a\nb\nc\nd\n\ne\nd\n\ne\n", err: "d/x.go: hunk 2 (@@ -9,3 +8,4 @@): want its old lines once after the previous hunk, found them 2 times"},
		"other order":      {source: "d\n\ne\na\nb\nc\n", err: "hunk 2"},
		"cut":              {source: "a\nb\nc\nd\n", err: "hunk 2"},
		"empty":            {source: "", err: "hunk 1"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := bugs.Parse("sum", twoHunks)
			if err != nil {
				t.Fatal(err)
			}
			tree := fstest.MapFS{"d/x.go": {Data: []byte(c.source)}}
			files, err := b.Apply(tree)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.HasPrefix(err.Error(), "sum.patch does not apply: ") {
					t.Errorf("Apply = %v, want an error of sum.patch with %q", err, c.err)
				}
				return
			}
			if err != nil || len(files) != 1 || files["d/x.go"] != c.want {
				t.Errorf("Apply = %q, %v, want %q", files, err, c.want)
			}
			if string(tree["d/x.go"].Data) != c.source {
				t.Errorf("tree after Apply = %q, want %q", tree["d/x.go"].Data, c.source)
			}
		})
	}
}

func TestApplyReportsMissingFile(t *testing.T) {
	b, err := bugs.Parse("sum", header+"--- a/gone.go\n+++ b/gone.go\n@@ -1,1 +1,1 @@\n-a\n+b\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Apply(fstest.MapFS{}); err == nil || !strings.Contains(err.Error(), "sum.patch: ") || !strings.Contains(err.Error(), "gone.go") {
		t.Errorf("Apply = %v, want an error that names sum.patch and gone.go", err)
	}
}
