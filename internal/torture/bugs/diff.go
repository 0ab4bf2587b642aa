package bugs

import (
	"fmt"
	"slices"
	"strings"
)

// fileDiff is the part of a unified diff that changes one file.
type fileDiff struct {
	path  string // below the root of the module, with slashes
	hunks []hunk
}

// hunk replaces adjacent lines of a file.
type hunk struct {
	header   string   // the line that begins with @@
	old, new []string // the lines before and after, each with the context
}

// parseDiff reads a unified diff from lines[n:]. Blank lines between files are ignored.
func parseDiff(lines []string, n int) ([]fileDiff, error) {
	var all []fileDiff
	for n < len(lines) {
		if strings.TrimSpace(lines[n]) == "" {
			n++
			continue
		}
		path, old := strings.CutPrefix(lines[n], "--- a/")
		if !old || n+1 == len(lines) || lines[n+1] != "+++ b/"+path {
			return nil, fmt.Errorf("line %d: want \"--- a/path\" and \"+++ b/path\" with equal paths", n+1)
		}
		if slices.ContainsFunc(all, func(d fileDiff) bool { return d.path == path }) {
			return nil, fmt.Errorf("line %d: %s occurs twice", n+1, path)
		}
		d := fileDiff{path: path}
		for n += 2; n < len(lines) && strings.HasPrefix(lines[n], "@@"); {
			h, next, err := parseHunk(lines, n)
			if err != nil {
				return nil, err
			}
			d.hunks = append(d.hunks, h)
			n = next
		}
		if len(d.hunks) == 0 {
			return nil, fmt.Errorf("line %d: %s without a hunk", n+1, path)
		}
		all = append(all, d)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("line %d: want a diff, found none", n+1)
	}
	return all, nil
}

// parseHunk reads the hunk that begins at lines[n], and returns the index of the line after it.
func parseHunk(lines []string, n int) (h hunk, next int, err error) {
	h.header = lines[n]
	var oldStart, oldCount, newStart, newCount int
	if _, err := fmt.Sscanf(h.header, "@@ -%d,%d +%d,%d @@", &oldStart, &oldCount, &newStart, &newCount); err != nil {
		return h, n, fmt.Errorf("line %d: want \"@@ -line,count +line,count @@\", found %q", n+1, h.header)
	}
	next = n + 1
	for len(h.old) < oldCount || len(h.new) < newCount {
		if next == len(lines) {
			return h, next, fmt.Errorf("line %d: diff ends inside a hunk", next+1)
		}
		line := lines[next]
		if line == "" {
			line = " " // an editor has removed the space before an empty line of context
		}
		kind, text := line[0], line[1:]
		if kind == ' ' || kind == '-' {
			h.old = append(h.old, text)
		}
		if kind == ' ' || kind == '+' {
			h.new = append(h.new, text)
		}
		if !strings.ContainsRune(" -+", rune(kind)) {
			return h, next, fmt.Errorf("line %d: want a line that begins with a space, - or +, found %q", next+1, line)
		}
		next++
	}
	if len(h.old) != oldCount || len(h.new) != newCount {
		return h, next, fmt.Errorf("line %d: hunk has %d and %d lines, but its header has %d and %d",
			n+1, len(h.old), len(h.new), oldCount, newCount)
	}
	if next < len(lines) && lines[next] != "" && strings.ContainsRune(" -+\\", rune(lines[next][0])) &&
		!strings.HasPrefix(lines[next], "--- a/") {
		return h, next, fmt.Errorf("line %d: hunk has more lines than its header states", next+1)
	}
	if len(h.old) == 0 {
		return h, next, fmt.Errorf("line %d: hunk without a context line", n+1)
	}
	return h, next, nil
}

// apply returns text with every hunk replaced. The old lines of a hunk must occur exactly once
// after the hunk before it. Their line numbers may differ from those in the header, so a change
// elsewhere in the file does not break the patch.
func (d fileDiff) apply(text string) (string, error) {
	lines := splitLines(text)
	var out []string
	for i, h := range d.hunks {
		var places []int
		for at := 0; at+len(h.old) <= len(lines); at++ {
			if slices.Equal(lines[at:at+len(h.old)], h.old) {
				places = append(places, at)
			}
		}
		if len(places) != 1 {
			return "", fmt.Errorf("%s: hunk %d (%s): want its old lines once after the previous hunk, found them %d times",
				d.path, i+1, h.header, len(places))
		}
		out = append(out, lines[:places[0]]...)
		out = append(out, h.new...)
		lines = lines[places[0]+len(h.old):]
	}
	return strings.Join(append(out, lines...), "\n") + "\n", nil
}

// splitLines returns the lines of a text without their ends, which may be those of Windows.
func splitLines(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
