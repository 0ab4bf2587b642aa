package perdure

import (
	"iter"

	"github.com/perduredb/perdure/internal/resp"
)

// A Set is the name of a set: different members, without an order, under one key. [Store.SetAt] and
// [Tx.SetAt] return one. Each method finds the key anew. A missing key is an empty set, Add creates
// it, and the removal of its last member deletes it.
//
// The methods return [ErrWrongType] if the key holds a value of another type, and otherwise the
// errors of [Store.Get] and [Store.Set]. Members are arbitrary bytes of up to 512 MiB. The key has
// an expiry like any other, which changes of its members keep. Methods for several members are
// atomic, in memory and in the log.
//
// A Set of a Tx returns [ErrTxDone] when the Tx has ended. Any other may be used concurrently.
type Set struct{ collection }

// SetAt returns the set at key. It accesses nothing.
func (db *keyspace) SetAt(key string) Set { return Set{db.collection(key)} }

// SetAt returns the set at key in the transaction. It accesses nothing.
func (t *Tx) SetAt(key string) Set { return Set{t.collection(key)} }

// Add adds members and returns the number of those that are new.
func (s Set) Add(members ...string) (added int, err error) {
	if len(members) == 0 {
		return 0, nil
	}
	return s.command("SADD").strings(members).count()
}

// Remove removes members and returns the number that existed.
func (s Set) Remove(members ...string) (n int, err error) {
	if len(members) == 0 {
		return 0, nil
	}
	return s.command("SREM").strings(members).count()
}

// Has reports whether member is in the set.
func (s Set) Has(member string) (bool, error) {
	return s.command("SISMEMBER").string(member).truth()
}

// Len returns the number of members.
func (s Set) Len() (int, error) { return s.command("SCARD").count() }

// Pop removes a random member and returns it. It returns [ErrNotFound] if the set is empty.
func (s Set) Pop() (string, error) { return s.command("SPOP").name() }

// Random returns a random member. It returns [ErrNotFound] if the set is empty.
func (s Set) Random() (string, error) { return s.command("SRANDMEMBER").name() }

// All iterates over the members in unspecified order. See [Hash.All] for the guarantees.
func (s Set) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		s.scan("SSCAN", 1, func(e []resp.Value) bool { return yield(string(e[0].Text)) })
	}
}
