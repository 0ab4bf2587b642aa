package op

import (
	"slices"
	"strings"

	"github.com/perduredb/perdure/internal/collection"
)

// combineSets is an operation on sets. It calls yield with the members of the result until yield
// returns false. It can call yield several times with the same member.
type combineSets func(sets []collection.Set, yield func(m []byte) bool)

// union yields the members of all sets.
func union(sets []collection.Set, yield func(m []byte) bool) {
	for i := range sets {
		for m := range sets[i].All() {
			if !yield(m) {
				return
			}
		}
	}
}

// intersection yields the members that all sets have.
func intersection(sets []collection.Set, yield func(m []byte) bool) {
	slices.SortStableFunc(sets, func(a, b collection.Set) int { return a.Len() - b.Len() })
	for m := range sets[0].All() {
		if allHave(sets[1:], m) && !yield(m) {
			return
		}
	}
}

// allHave reports whether all sets have a member.
func allHave(sets []collection.Set, m []byte) bool {
	for i := range sets {
		if !sets[i].Has(m) {
			return false
		}
	}
	return true
}

// difference yields the members of the first set that no other set has.
func difference(sets []collection.Set, yield func(m []byte) bool) {
	for m := range sets[0].All() {
		if !anyHas(sets[1:], m) && !yield(m) {
			return
		}
	}
}

// anyHas reports whether one of the sets has a member.
func anyHas(sets []collection.Set, m []byte) bool {
	for i := range sets {
		if sets[i].Has(m) {
			return true
		}
	}
	return false
}

// sets opens the sets at keys.
func (x *Exec) sets(db int, keys [][]byte) ([]collection.Set, error) {
	x.settle(db, keys...)
	sets := make([]collection.Set, len(keys))
	for i, key := range keys {
		var err error
		if sets[i], err = x.setAt(x.Locate(db, string(key))); err != nil {
			return nil, err
		}
	}
	return sets, nil
}

// combined returns the result of an operation on the sets at keys, as a set.
func (x *Exec) combined(db int, keys [][]byte, combine combineSets) (collection.Set, error) {
	result, _ := collection.OpenSet(x.trees(x.Locate(db, string(keys[0]))), nil)
	sets, err := x.sets(db, keys)
	if err != nil {
		return result, err
	}
	combine(sets, func(m []byte) bool {
		result.Add(m)
		return true
	})
	err = firstError(sets)
	if err != nil {
		result.Discard()
	}
	return result, err
}

// firstError returns the error of the first set that has one.
func firstError(sets []collection.Set) error {
	for i := range sets {
		if err := sets[i].Err(); err != nil {
			return err
		}
	}
	return nil
}

// combineOf returns a function for SUNION, SINTER, and SDIFF: key...
func combineOf(combine combineSets) func(x *Exec, db int, args [][]byte) error {
	return func(x *Exec, db int, args [][]byte) error {
		result, err := x.combined(db, args, combine)
		if err != nil {
			return err
		}
		defer result.Discard()
		smembers(x, &result, nil)
		return result.Err()
	}
}

// combineInto returns a function for SUNIONSTORE, SINTERSTORE, and SDIFFSTORE: destination key...
// An empty result deletes the destination.
func combineInto(name string, combine combineSets) func(x *Exec, db int, args [][]byte) error {
	return func(x *Exec, db int, args [][]byte) error {
		result, err := x.combined(db, args[1:], combine)
		if err != nil {
			return err
		}
		n := result.Len()
		existed, err := x.replace(x.Locate(db, string(args[0])), &result)
		if err != nil {
			return err
		}
		if existed || n > 0 {
			x.Dirty++
			x.commandWords(db, name, args)
		}
		x.Reply.Int(int64(n))
		return nil
	}
}

var (
	errNumKeys     = clientError("numkeys should be greater than 0")
	errManyNumKeys = clientError("Number of keys can't be greater than number of args")
)

// numKeys parses the number of keys at the start of args, and returns the keys and the words after
// them.
func (x *Exec) numKeys(args [][]byte) (keys, rest [][]byte, err error) {
	n, err := x.integer(args[0])
	switch {
	case err != nil || n < 1:
		return nil, nil, errNumKeys
	case n > int64(len(args)-1):
		return nil, nil, errManyNumKeys
	}
	return args[1 : 1+n], args[1+n:], nil
}

// sinterCard is SINTERCARD numkeys key... [LIMIT n].
func sinterCard(x *Exec, db int, args [][]byte) error {
	keys, options, err := x.numKeys(args)
	if err != nil {
		return err
	}
	limit := int64(0)
	for i := 0; i < len(options); i += 2 {
		if !strings.EqualFold(string(options[i]), "LIMIT") || i+1 == len(options) {
			return errSyntax
		}
		if limit, err = x.integer(options[i+1]); err != nil || limit < 0 {
			return clientError("LIMIT can't be negative")
		}
	}
	sets, err := x.sets(db, keys)
	if err != nil {
		return err
	}
	n := int64(0)
	intersection(sets, func([]byte) bool {
		n++
		return n != limit
	})
	x.Reply.Int(n)
	return firstError(sets)
}
