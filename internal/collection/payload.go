package collection

import (
	"encoding/binary"
	"iter"
	"math"

	"github.com/perduredb/perdure/internal/tree"
	"github.com/perduredb/perdure/snapshot"
)

// pieceSize is the size from which a piece of a payload is passed on.
const pieceSize = 32 << 10

// Pieces yields the value of a large collection in an RDB file, whose type is Type(stored). A piece
// is valid until the next one. The collection must not change in the meantime: the caller holds its
// lock, or has pinned the epoch of its roots.
func Pieces(env Env, stored []byte) iter.Seq[[]byte] {
	return func(yield func(p []byte) bool) {
		w := pieces{yield: yield}
		switch Type(stored) {
		case typePlainHash:
			h := Hash{large: openLarge(env, stored)}
			w.begin(h.Len())
			for field, value := range h.All() {
				if !w.add(field, value) {
					return
				}
			}
		case typePlainSet:
			s := Set{large: openLarge(env, stored)}
			w.begin(s.Len())
			for m := range s.All() {
				if !w.add(m) {
					return
				}
			}
		case typePlainList:
			l := List{large: openLarge(env, stored)}
			w.begin(l.Len())
			for _, e := range l.From(0) {
				if !w.add(e) {
					return
				}
			}
		case typePlainSortedSet:
			z := SortedSet{ranked: openRanked(env, stored)}
			w.begin(z.Len())
			for _, m := range z.From(0) {
				if !w.addMember(m) {
					return
				}
			}
		}
		w.end()
	}
}

// pieces collects the bytes of a piece.
type pieces struct {
	yield func(p []byte) bool
	p     []byte
}

func (w *pieces) begin(n int) {
	w.p = appendLength(make([]byte, 0, pieceSize+1<<10), n)
}

// add adds strings, and reports whether to continue.
func (w *pieces) add(elements ...[]byte) bool {
	for _, e := range elements {
		w.p = appendWrapped(w.p, e)
	}
	return w.pass()
}

func (w *pieces) addMember(m Member) bool {
	w.p = appendWrapped(w.p, m.Name)
	w.p = binary.LittleEndian.AppendUint64(w.p, math.Float64bits(m.Score))
	return w.pass()
}

// pass yields a long piece.
func (w *pieces) pass() bool {
	if len(w.p) < pieceSize {
		return true
	}
	more := w.yield(w.p)
	w.p = w.p[:0]
	return more
}

func (w *pieces) end() {
	if len(w.p) > 0 {
		w.yield(w.p)
	}
}

// Payload returns a stored value as one of an RDB file.
func Payload(env Env, stored []byte) (snapshot.Type, []byte) {
	if !IsLarge(stored) {
		return Type(stored), Value(nil, stored)
	}
	var all []byte
	for p := range Pieces(env, stored) {
		all = append(all, p...)
	}
	return Type(stored), all
}

// Copy returns the stored form of a copy of a large collection.
func Copy(env Env, stored []byte) ([]byte, error) {
	t, payload := Payload(env, stored)
	copied, err := Convert(env, AppendStored(nil, t, payload))
	if err != nil {
		return nil, err
	}
	return copied, nil
}

// Discard drops the trees of a stored form that is not stored.
func Discard(env Env, stored []byte) {
	if !IsLarge(stored) {
		return
	}
	for roots := stored[typeSize:]; ; roots = roots[tree.RootSize:] {
		root, ok := tree.ParseRoot(roots)
		if !ok {
			return
		}
		(&large{env: env, on: true, root: root}).Discard()
	}
}
