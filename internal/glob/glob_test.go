package glob_test

import (
	"testing"

	"github.com/perduredb/perdure/internal/glob"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern string
		yes, no []string
	}{
		{"", []string{""}, []string{"a"}},
		{"*", []string{"", "a", "abc"}, nil},
		{"a*c", []string{"ac", "abc", "acc", "abcabc"}, []string{"a", "abcd", "bac"}},
		{"*a*b*", []string{"ab", "xaxbx", "aab"}, []string{"ba", "a", "b"}},
		{"h?llo", []string{"hello", "h\xffllo"}, []string{"hllo", "heello"}},
		{"h[ae]llo", []string{"hallo", "hello"}, []string{"hillo", "hllo"}},
		{"h[^e]llo", []string{"hallo"}, []string{"hello"}},
		{"[c-a]", []string{"a", "b", "c"}, []string{"d"}},
		{`[\]]`, []string{"]"}, []string{`\`}},
		{`\*`, []string{"*"}, []string{"a", `\`}},
		{"a[", nil, []string{"a", "a["}},
		{"a[b", []string{"ab"}, []string{"a"}},
	} {
		for _, key := range c.yes {
			if !glob.Match(c.pattern, key) || !glob.Match(c.pattern, []byte(key)) {
				t.Errorf("Match(%q, %q) = false, want true", c.pattern, key)
			}
		}
		for _, key := range c.no {
			if glob.Match(c.pattern, key) {
				t.Errorf("Match(%q, %q) = true, want false", c.pattern, key)
			}
		}
	}
}
