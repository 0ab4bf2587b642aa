package op

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/perduredb/perdure/internal/collection"
)

// sortOptions are the arguments of SORT: key [BY pattern] [LIMIT start count] [GET pattern...]
// [ASC|DESC] [ALPHA] [STORE destination].
type sortOptions struct {
	by           []byte // nil to sort by the elements
	unsorted     bool   // by a pattern without *
	start, count int64  // a negative count means all
	get          [][]byte
	desc, alpha  bool
	store        []byte // nil to reply with the elements
}

func (o *sortOptions) parse(x *Exec, args [][]byte, readOnly bool) (err error) {
	o.count = -1
	for i := 0; i < len(args); i++ {
		rest := args[i+1:]
		switch option := strings.ToUpper(string(args[i])); {
		case option == "ASC" || option == "DESC":
			o.desc = option == "DESC"
		case option == "ALPHA":
			o.alpha = true
		case option == "LIMIT" && len(rest) > 1:
			if o.start, o.count, err = x.bounds(rest); err != nil {
				return err
			}
			i += 2
		case option == "STORE" && len(rest) > 0 && !readOnly:
			o.store = rest[0]
			i++
		case option == "BY" && len(rest) > 0:
			o.by = rest[0]
			o.unsorted = o.unsorted || !strings.Contains(Shown(o.by, len(o.by)), "*")
			i++
		case option == "GET" && len(rest) > 0:
			o.get = append(o.get, rest[0])
			i++
		default:
			return errSyntax
		}
	}
	return nil
}

// looksUp reports whether the command reads other keys than its own.
func (o *sortOptions) looksUp() bool {
	return o.by != nil && !o.unsorted || slices.ContainsFunc(o.get, func(pattern []byte) bool { return string(pattern) != "#" })
}

// SortTarget returns the key under which the words of SORT store the result, or nil. The words may
// be wrong.
func SortTarget(words [][]byte) (target []byte) {
	for i := 2; i < len(words); i++ {
		switch option := strings.ToUpper(string(words[i])); {
		case option == "LIMIT":
			i += 2
		case option == "GET" || option == "BY":
			i++
		case option == "STORE" && i+1 < len(words):
			target = words[i+1]
		}
	}
	return target
}

// A sortable is an element with the text or the number by which it is sorted.
type sortable struct {
	element []byte
	text    []byte // nil for none
	number  float64
}

// sortOf returns a function for SORT, and for SORT_RO, which cannot store the result.
func sortOf(readOnly bool) manyFunc {
	return func(x *Exec, db int, args [][]byte) error {
		var o sortOptions
		if err := o.parse(x, args[1:], readOnly); err != nil {
			return err
		}
		elements, isSet, err := x.elements(x.Locate(db, string(args[0])), o.unsorted && o.desc)
		if err != nil {
			return err
		}
		if isSet && o.unsorted && o.store != nil { // the order of a set must not depend on its form
			o.unsorted, o.alpha, o.by = false, true, nil
		}
		if o.looksUp() {
			if err := x.relock(); err != nil { // it reads keys that were not captured
				return err
			}
		}
		if !o.unsorted {
			if elements, err = x.sorted(db, elements, &o); err != nil {
				return err
			}
		}
		elements = o.limited(elements)
		if o.store != nil {
			return x.storeSorted(db, args, elements, &o)
		}
		x.Reply.Array(len(elements) * max(1, len(o.get)))
		for _, e := range elements {
			for _, value := range x.fetched(db, e, &o) {
				if value == nil {
					x.Reply.Null()
				} else {
					x.Reply.Bulk(value)
				}
			}
		}
		return nil
	}
}

// elements returns copies of the elements of a list, of the members of a sorted set, both backward
// if backward is set, or of the members of a set in the order of their bytes.
func (x *Exec) elements(p Place, backward bool) (all [][]byte, isSet bool, err error) {
	it, ok := x.ready(p)
	if !ok {
		return nil, false, nil
	}
	stored := it.Opaque()
	if stored == nil {
		return nil, false, ErrWrongType
	}
	switch typeName(it) {
	case "list":
		var l collection.List
		if l, err = collection.OpenList(x.opening(p, stored), stored); err == nil {
			for _, e := range l.From(0) {
				all = append(all, bytes.Clone(e))
			}
			err = l.Err()
		}
	case "zset":
		var z collection.SortedSet
		if z, err = collection.OpenSortedSet(x.opening(p, stored), stored); err == nil {
			for _, m := range z.From(0) {
				all = append(all, bytes.Clone(m.Name))
			}
			err = z.Err()
		}
	case "set":
		var s collection.Set
		if s, err = collection.OpenSet(x.opening(p, stored), stored); err == nil {
			for m := range s.All() {
				all = append(all, bytes.Clone(m))
			}
			err = s.Err()
		}
		slices.SortFunc(all, bytes.Compare)
		return all, true, err
	default:
		return nil, false, ErrWrongType
	}
	if backward {
		slices.Reverse(all)
	}
	return all, false, err
}

var errSortNumber = clientError("One or more scores can't be converted into double")

// sorted sorts elements.
func (x *Exec) sorted(db int, elements [][]byte, o *sortOptions) ([][]byte, error) {
	all := make([]sortable, len(elements))
	for i, e := range elements {
		s := sortable{element: e, text: e}
		if o.by != nil {
			s.text = x.byPattern(db, o.by, e)
		}
		if !o.alpha && s.text != nil {
			var err error
			if s.number, err = sortNumber(s.text); err != nil {
				return nil, err
			}
		}
		all[i] = s
	}
	slices.SortStableFunc(all, func(a, b sortable) int {
		order := o.compare(&a, &b)
		if o.desc {
			return -order
		}
		return order
	})
	for i := range all {
		elements[i] = all[i].element
	}
	return elements, nil
}

// compare compares elements: by numbers, and then by the elements, or by texts, of which none is
// the lowest. As in Redis, a text that is not stored ends at a NUL.
func (o *sortOptions) compare(a, b *sortable) int {
	switch {
	case !o.alpha:
		return cmp.Or(cmp.Compare(a.number, b.number), bytes.Compare(a.element, b.element))
	case a.text == nil && b.text != nil:
		return -1
	case a.text != nil && b.text == nil:
		return 1
	case o.store == nil:
		return strings.Compare(Shown(a.text, len(a.text)), Shown(b.text, len(b.text)))
	}
	return bytes.Compare(a.text, b.text)
}

// sortNumber parses a number as strtod does for SORT: spaces before it, and everything after a NUL,
// are ignored.
func sortNumber(arg []byte) (float64, error) {
	text := Shown(arg, len(arg))
	if text == "" {
		return 0, nil
	}
	f, err := double([]byte(strings.TrimLeft(text, " \t\n\v\f\r")))
	if err != nil {
		err = errSortNumber
	}
	return f, err
}

// limited returns the elements that LIMIT selects.
func (o *sortOptions) limited(elements [][]byte) [][]byte {
	start := min(max(o.start, 0), int64(len(elements)))
	elements = elements[start:]
	if o.count >= 0 {
		elements = elements[:min(o.count, int64(len(elements)))]
	}
	return elements
}

// fetched returns the element, or the values that GET patterns select for it, nil for one that is
// missing.
func (x *Exec) fetched(db int, e []byte, o *sortOptions) [][]byte {
	if len(o.get) == 0 {
		return [][]byte{e}
	}
	values := make([][]byte, len(o.get))
	for i, pattern := range o.get {
		values[i] = x.byPattern(db, pattern, e)
	}
	return values
}

// byPattern returns the value of the key that a pattern names for an element, which replaces its *:
// a string, or the field after -> of a hash. The pattern # is the element itself. The result is nil
// if there is no value.
func (x *Exec) byPattern(db int, pattern, e []byte) []byte {
	if string(pattern) == "#" {
		return e
	}
	before, after, ok := bytes.Cut(pattern, []byte("*"))
	if !ok {
		return nil
	}
	after, field, isField := bytes.Cut(after, []byte("->"))
	if len(field) == 0 && isField { // a part of the key
		after, isField = pattern[len(before)+1:], false
	}
	p := x.Locate(db, string(before)+string(e)+string(after))
	if !isField {
		value, err := x.str(p)
		if err != nil || !value.exists {
			return nil
		}
		return append([]byte{}, value.value...)
	}
	h, err := x.hashAt(p)
	if err != nil {
		return nil
	}
	value, ok := h.Get(field)
	if !ok {
		return nil
	}
	return append([]byte{}, value...)
}

// storeSorted stores the result of SORT as a list, or deletes the destination if it is empty.
func (x *Exec) storeSorted(db int, args [][]byte, elements [][]byte, o *sortOptions) error {
	p := x.Locate(db, string(o.store))
	l, _ := collection.OpenList(x.trees(p), nil)
	for _, e := range elements {
		for _, value := range x.fetched(db, e, o) {
			l.PushBack(value)
		}
	}
	existed, err := x.replace(p, &l)
	if err != nil {
		return err
	}
	if existed || l.Len() > 0 {
		x.Dirty += int64(max(1, l.Len()))
		x.commandWords(db, "SORT", args)
	}
	x.Reply.Int(int64(l.Len()))
	return nil
}
