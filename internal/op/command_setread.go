package op

import (
	"github.com/perduredb/perdure/internal/collection"
)

// readSet returns a function for a command that reads a set.
func readSet(read func(x *Exec, s *collection.Set, args [][]byte)) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		s, err := x.setFor(p)
		if err != nil {
			return err
		}
		read(x, s, args)
		return s.Err()
	}
}

func scard(x *Exec, s *collection.Set, _ [][]byte) { x.Reply.Int(int64(s.Len())) }

func sisMember(x *Exec, s *collection.Set, args [][]byte) { x.Reply.Truth(s.Has(args[0])) }

func smisMember(x *Exec, s *collection.Set, args [][]byte) {
	x.Reply.Array(len(args))
	for _, m := range args {
		x.Reply.Truth(s.Has(m))
	}
}

func smembers(x *Exec, s *collection.Set, _ [][]byte) {
	x.Reply.Set(s.Len())
	for m := range s.All() {
		x.Reply.Bulk(m)
	}
}

// sscan reads members for SSCAN.
func sscan(env collection.Env, stored []byte, cursor uint64, r *scanReply) (next uint64, err error) {
	s, err := collection.OpenSet(env, stored)
	if err != nil {
		return 0, err
	}
	next = s.Scan(cursor, int(r.o.count), func(m []byte) {
		if r.wants(m) {
			r.add(m)
		}
	})
	return next, s.Err()
}
