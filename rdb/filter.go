package rdb

import (
	"errors"
	"fmt"
	"slices"

	"github.com/perduredb/perdure/internal/glob"
)

// filter selects the keys that a Reader yields. A key must satisfy all of its conditions.
type filter struct {
	databases []int // empty for all
	types     []string
	patterns  []string
	where     func(*Entry) bool
	on        bool // at least one condition is set
}

// Databases makes a Reader yield only the keys of the given databases.
func Databases(numbers ...int) Option {
	return Option{"Databases", forReader, func(s *settings) error {
		for _, n := range numbers {
			if n < 0 {
				return fmt.Errorf("want a database number of at least 0, got %d", n)
			}
		}
		s.filter.databases = append(slices.Clip(s.filter.databases), numbers...)
		s.filter.on = s.filter.on || len(numbers) > 0
		return nil
	}}
}

// Keys makes a Reader yield only the keys that match a pattern, with the rules of KEYS and SCAN: *
// matches any bytes, ? matches one byte, [a-c] and [^a-c] match one byte inside or outside a set,
// and \ escapes the next byte. With several patterns, a key must match at least one.
func Keys(pattern string) Option {
	return Option{"Keys", forReader, func(s *settings) error {
		s.filter.patterns = append(slices.Clip(s.filter.patterns), pattern)
		s.filter.on = true
		return nil
	}}
}

// Types makes a Reader yield only the keys of the given types. The names are those of the TYPE
// command: string, list, set, zset, hash, stream, module, array.
func Types(names ...string) Option {
	return Option{"Types", forReader, func(s *settings) error {
		for _, name := range names {
			if !isTypeName(name) {
				return fmt.Errorf("unknown type %q", name)
			}
		}
		s.filter.types = append(slices.Clip(s.filter.types), names...)
		s.filter.on = s.filter.on || len(names) > 0
		return nil
	}}
}

// Where makes a Reader yield only the keys for which keep returns true. The Reader calls keep
// before it reads the value, for keys that satisfy Databases, Keys, and Types. At that time e has
// neither a Value nor a Size.
func Where(keep func(e *Entry) bool) Option {
	return Option{"Where", forReader, func(s *settings) error {
		if keep == nil {
			return errors.New("function is nil")
		}
		s.filter.where, s.filter.on = keep, true
		return nil
	}}
}

func isTypeName(name string) bool {
	for _, k := range kinds {
		if k.name == name {
			return true
		}
	}
	return false
}

// wants reports whether to yield e, whose value has not been read yet.
func (f *filter) wants(e *Entry) bool {
	if len(f.databases) > 0 && !slices.Contains(f.databases, e.DB) {
		return false
	}
	if len(f.types) > 0 && !slices.Contains(f.types, kinds[e.Type].name) {
		return false
	}
	if len(f.patterns) > 0 && !slices.ContainsFunc(f.patterns, func(p string) bool { return glob.Match(p, e.Key) }) {
		return false
	}
	return f.where == nil || f.where(e)
}
