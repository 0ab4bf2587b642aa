// Package bugs contains the bugs that the campaigns of internal/torture must detect.
//
// Each bug is a patch against the sources of this module. The patches are applied in memory, and
// the result is built with go build -overlay. The ordinary tree contains no bug and no place for
// one.
//
// A patch is a unified diff that begins with comments:
//
//	# One sentence that describes the bug.
//	# catch: power, fault
//
// The sentence may span several lines. Each campaign that the line "# catch:" names must
// detect the bug.
package bugs

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.patch
var patches embed.FS

// Bug is an injected bug.
type Bug struct {
	Name  string   // name of the patch without its extension
	About string   // the effect of the bug, as one sentence
	Catch []string // names of the campaigns that must find it
	diff  []fileDiff
}

// All returns every bug, in the order of their names.
func All() ([]Bug, error) {
	names, err := fs.Glob(patches, "*.patch")
	if err != nil {
		return nil, err
	}
	var all []Bug
	for _, name := range names {
		text, err := patches.ReadFile(name)
		if err != nil {
			return nil, err
		}
		b, err := Parse(strings.TrimSuffix(name, ".patch"), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// Parse reads a patch. Its errors name the bug and the line of the patch.
func Parse(name, text string) (Bug, error) {
	b := Bug{Name: name}
	lines := splitLines(text)
	n := 0
	for ; n < len(lines) && strings.HasPrefix(lines[n], "#"); n++ {
		comment := strings.TrimSpace(lines[n][1:])
		if list, ok := strings.CutPrefix(comment, "catch:"); ok {
			for campaign := range strings.SplitSeq(list, ",") {
				b.Catch = append(b.Catch, strings.TrimSpace(campaign))
			}
			continue
		}
		b.About = strings.TrimSpace(b.About + " " + comment)
	}
	if b.About == "" || len(b.Catch) == 0 {
		return Bug{}, fmt.Errorf("%s.patch: want a comment that describes the bug and a comment \"# catch: campaigns\"", name)
	}
	var err error
	if b.diff, err = parseDiff(lines, n); err != nil {
		return Bug{}, fmt.Errorf("%s.patch: %w", name, err)
	}
	return b, nil
}

// Apply returns the changed files, by their paths below the root of the module. It changes nothing
// in module. A hunk that does not fit is an error that names the bug, the file, and the hunk.
func (b Bug) Apply(module fs.FS) (map[string]string, error) {
	changed := map[string]string{}
	for _, d := range b.diff {
		text, err := fs.ReadFile(module, d.path)
		if err != nil {
			return nil, fmt.Errorf("%s.patch: %w", b.Name, err)
		}
		if changed[d.path], err = d.apply(string(text)); err != nil {
			return nil, fmt.Errorf("%s.patch does not apply: %w", b.Name, err)
		}
	}
	return changed, nil
}
