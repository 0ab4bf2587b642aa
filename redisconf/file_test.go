package redisconf_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/redisconf"
)

// write writes files into a new directory, which becomes the working directory, and returns it.
// Names and texts alternate.
func write(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	for i := 0; i < len(files); i += 2 {
		if err := os.MkdirAll(filepath.Dir(files[i]), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(files[i], []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func readFile(t *testing.T, name string) *redisconf.Config {
	t.Helper()
	c, err := redisconf.ReadFile(name)
	if err != nil {
		t.Fatalf("ReadFile(%q) = %v, want nil", name, err)
	}
	return c
}

func TestIncludeFollowsOrderOfLines(t *testing.T) {
	write(t,
		"redis.conf", "databases 1\nsave 1 1\ninclude b.conf\nappendonly no\n",
		"b.conf", "databases 2\nappendonly yes\nsave 2 2",
	)
	c := readFile(t, "redis.conf")
	if c.Databases != 2 || c.AppendOnly || len(c.SaveRules) != 2 {
		t.Errorf("Databases, AppendOnly, SaveRules = %d, %v, %v, want 2, false, 2 rules", c.Databases, c.AppendOnly, c.SaveRules)
	}
}

func TestSaveAfterIncludeReplacesRules(t *testing.T) {
	write(t,
		"redis.conf", "save 1 1\ninclude b.conf\nsave 4 4\n",
		"b.conf", "save 2 2\nsave 3 3\n",
	)
	if rules := readFile(t, "b.conf").SaveRules; len(rules) != 2 {
		t.Errorf("SaveRules of b.conf = %v, want 2 rules", rules)
	}
	if rules := readFile(t, "redis.conf").SaveRules; len(rules) != 1 || rules[0].Seconds != 4 {
		t.Errorf("SaveRules = %v, want 4 4", rules)
	}
}

func TestIncludePathBeginsAtDirectory(t *testing.T) {
	dir := write(t,
		"etc/redis.conf", "include x.conf\ndir data\ninclude x.conf\ninclude ../x.conf\n",
		"x.conf", "a 1\n",
		"data/x.conf", "b 1\n",
	)
	for _, name := range []string{filepath.Join("etc", "redis.conf"), filepath.Join(dir, "etc", "redis.conf")} {
		if diff := cmp.Diff("a:x.conf b:data/x.conf a:x.conf", unknown(readFile(t, name))); diff != "" {
			t.Errorf("Unknown: -want +got\n%s", diff)
		}
	}
}

// unknown returns the names and files of the unknown directives.
func unknown(c *redisconf.Config) string {
	var all []string
	for _, d := range c.Unknown {
		all = append(all, d.Name+":"+filepath.ToSlash(d.File))
	}
	return strings.Join(all, " ")
}

func TestIncludeExpandsPatterns(t *testing.T) {
	files := []string{"d/b.conf", "name b", "d/a.conf", "name a", "d/.hidden.conf", "name h", "d/c.txt", "name c", ".e/x.conf", "name e"}
	for pattern, want := range map[string]string{
		"d/*.conf":      "name:d/a.conf name:d/b.conf",
		"d/?.conf":      "name:d/a.conf name:d/b.conf",
		"d/[!a].*":      "name:d/b.conf name:d/c.txt",
		"d/.*.conf":     "name:d/.hidden.conf",
		"*/x.conf":      "",
		"none/*.conf":   "",
		"./d/../d/a*":   "name:d/a.conf",
		`"d/[ab].conf"`: "name:d/a.conf name:d/b.conf",
	} {
		write(t, append([]string{"redis.conf", "include " + pattern}, files...)...)
		if got := unknown(readFile(t, "redis.conf")); got != want {
			t.Errorf("include %s = %q, want %q", pattern, got, want)
		}
	}
}

func TestErrorsNameFileAndLine(t *testing.T) {
	var deep []string
	for i := range 20 {
		deep = append(deep, fmt.Sprintf("%d.conf", i), fmt.Sprintf("include %d.conf", i+1))
	}
	for _, c := range []struct {
		name  string
		files []string
		want  string
	}{
		{"outer file", []string{"redis.conf", "hz 1\nappendonly 1\n"}, `redis.conf:2: appendonly: want yes or no, got "1"`},
		{"included file", []string{"redis.conf", "\ninclude b.conf\n", "b.conf", "\n\nsave x 1"},
			`b.conf:3: save: want 1 or more seconds and 0 to 2147483647 changes, got "x" "1"`},
		{"cycle of one", []string{"redis.conf", "include ./redis.conf"}, `redis.conf:1: include: redis.conf includes itself`},
		{"cycle of two", []string{"redis.conf", "include b.conf", "b.conf", "# x\ninclude *is.conf"},
			`b.conf:2: include: redis.conf includes itself`},
		{"depth", append(deep, "redis.conf", "include 0.conf"), `14.conf:1: include: files include files more than 16 levels deep`},
		{"size", []string{"redis.conf", "include b.conf\n", "b.conf", strings.Repeat("#", 16<<20)},
			`redis.conf:1: include: configuration exceeds 16777216 bytes`},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, c.files...)
			_, err := redisconf.ReadFile("redis.conf")
			var wrong *redisconf.LineError
			if !errors.As(err, &wrong) || !errors.Is(err, perdure.ErrOptions) {
				t.Fatalf("ReadFile = %v, want a LineError matching ErrOptions", err)
			}
			if got, want := err.Error(), "perdure: "+c.want; got != want {
				t.Errorf("ReadFile = %q, want %q", got, want)
			}
		})
	}
}

func TestMissingFileMatchesErrNotExist(t *testing.T) {
	write(t, "redis.conf", "\ninclude none.conf\n")
	for name, option := range map[string]bool{"none.conf": false, "redis.conf": true} {
		_, err := redisconf.ReadFile(name)
		if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, perdure.ErrOptions) != option || strings.Count(err.Error(), "perdure: ") != 1 {
			t.Errorf("ReadFile(%q) = %v, want fs.ErrNotExist, matching ErrOptions: %v", name, err, option)
		}
	}
}
