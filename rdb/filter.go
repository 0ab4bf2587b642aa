package rdb

import (
	"errors"
	"fmt"
	"slices"

	"github.com/perduredb/perdure/internal/glob"
)

// filter says which keys a Reader yields: those that all of it agrees to.
type filter struct {
	databases []int // empty for all
	types     []string
	patterns  []string
	where     func(*Entry) bool
	on        bool // there is anything to ask
}

// Databases lets a Reader yield the keys of the given databases only.
func Databases(numbers ...int) Option {
	return Option{"Databases", forReader, func(s *settings) error {
		for _, n := range numbers {
			if n < 0 {
				return fmt.Errorf("database number %d", n)
			}
		}
		s.filter.databases = append(slices.Clip(s.filter.databases), numbers...)
		s.filter.on = s.filter.on || len(numbers) > 0
		return nil
	}}
}

// Keys lets a Reader yield the keys only that match a pattern, as KEYS and SCAN judge it: * for any
// bytes, ? for one, [a-c] and [^a-c] for one of a set or outside it, \ before a byte that is meant
// itself. Of several patterns a key must match one.
func Keys(pattern string) Option {
	return Option{"Keys", forReader, func(s *settings) error {
		s.filter.patterns = append(slices.Clip(s.filter.patterns), pattern)
		s.filter.on = true
		return nil
	}}
}

// Types lets a Reader yield the keys of the given types only, named as by the TYPE command: string,
// list, set, zset, hash, stream, module, array.
func Types(names ...string) Option {
	return Option{"Types", forReader, func(s *settings) error {
		for _, name := range names {
			if !isTypeName(name) {
				return fmt.Errorf("no type is called %q", name)
			}
		}
		s.filter.types = append(slices.Clip(s.filter.types), names...)
		s.filter.on = s.filter.on || len(names) > 0
		return nil
	}}
}

// Where lets a Reader yield the keys only for which keep returns true. It is asked before the value
// is read, after Databases, Keys and Types have agreed: e has no Value then, nor a Size.
func Where(keep func(e *Entry) bool) Option {
	return Option{"Where", forReader, func(s *settings) error {
		if keep == nil {
			return errors.New("no function")
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

// wants reports whether e, which has no value yet, is to be yielded.
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
