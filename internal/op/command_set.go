package op

import (
	"bytes"

	"github.com/perduredb/perdure/internal/collection"
)

func (x *Exec) setAt(p Place) (collection.Set, error) {
	return openAt(x, p, "set", collection.OpenSet)
}

func (x *Exec) setFor(p Place) (*collection.Set, error) {
	return openFor(x, p, "set", &x.own().set, collection.OpenSet)
}

// sadd is SADD key member...
func sadd(x *Exec, p Place, args [][]byte) error {
	s, err := x.setFor(p)
	if err != nil {
		return err
	}
	added := 0
	for _, m := range args {
		if s.Add(m) {
			added++
		}
	}
	return x.endSetChange(p, s, added, "SADD", args)
}

// srem is SREM key member...
func srem(x *Exec, p Place, args [][]byte) error {
	s, err := x.setFor(p)
	if err != nil {
		return err
	}
	removed := 0
	for _, m := range args {
		if s.Remove(m) {
			removed++
		}
	}
	return x.endSetChange(p, s, removed, "SREM", args)
}

// endSetChange stores and logs the set of own if it has changed, and replies with the number of
// changes.
func (x *Exec) endSetChange(p Place, s *collection.Set, changes int, name string, args [][]byte) error {
	if changes > 0 {
		if err := x.keepOpened(p, s); err != nil {
			return err
		}
		x.log(p, changes, name, args)
	}
	x.Reply.Int(int64(changes))
	return s.Err()
}

// smove is SMOVE source destination member.
func smove(x *Exec, db int, args [][]byte) error {
	return x.atomically(func() error { return x.moveMember(db, args) })
}

func (x *Exec) moveMember(db int, args [][]byte) error {
	from, to, m := x.Locate(db, string(args[0])), x.Locate(db, string(args[1])), args[2]
	x.settle(db, args[:2]...)
	if !x.Has(from) {
		x.Reply.Int(0)
		return nil
	}
	source, err := x.setAt(from)
	if err != nil {
		return err
	}
	target, err := x.setAt(to)
	if err != nil {
		return err
	}
	had := source.Has(m)
	if had && from != to {
		source.Remove(m)
		if target.Add(m) || target.Err() != nil { // keep returns the error
			if err := x.keep(to, &target); err != nil {
				return err
			}
			x.Dirty++
			x.changed(db, to.Key)
		}
		if err := x.keep(from, &source); err != nil {
			return err
		}
		x.Dirty++
		x.changed(db, from.Key)
		x.commandWords(db, "SMOVE", args)
	}
	x.Reply.Truth(had)
	return source.Err()
}

var errNotPositive = clientError("value is out of range, must be positive")

// positive parses an argument that must not be negative.
func (x *Exec) positive(arg []byte) (int64, error) {
	n, err := x.integer(arg)
	if err != nil || n < 0 {
		return 0, errNotPositive
	}
	return n, nil
}

// spop is SPOP key [count]. The log gets the members that it chose.
func spop(x *Exec, p Place, args [][]byte) error {
	count := int64(1)
	switch len(args) {
	case 0:
	case 1:
		var err error
		if count, err = x.positive(args[0]); err != nil {
			return err
		}
	default:
		return errSyntax
	}
	s, err := x.setFor(p)
	if err != nil {
		return err
	}
	n := s.Len()
	if len(args) > 0 {
		x.Reply.Set(int(min(count, int64(n))))
	} else if n == 0 {
		x.Reply.Null()
	}
	if n == 0 || count == 0 {
		return s.Err()
	}
	return x.popMembers(p, s, int(min(count, int64(n))))
}

// popMembers replies with random members of a set, and removes them.
func (x *Exec) popMembers(p Place, s *collection.Set, count int) error {
	all := count == s.Len()
	popped := make([][]byte, 0, count)
	for _, i := range different(s.Len(), count) {
		popped = append(popped, bytes.Clone(s.At(i)))
	}
	for _, m := range popped {
		x.Reply.Bulk(m)
		s.Remove(m)
	}
	if err := x.keepOpened(p, s); err != nil {
		return err
	}
	x.Dirty += int64(count)
	if all {
		x.command(p.DB, "DEL", p.Key)
	} else {
		x.commandOn(p, "SREM", popped)
	}
	return nil
}
