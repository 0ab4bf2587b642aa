package collection

import (
	"iter"

	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/internal/tree"
	"github.com/perduredb/perdure/rdb"
)

// A List is a list of elements.
type List struct {
	pack
	large
	element text
}

// OpenList opens a stored list. An empty stored form is an empty list. The List may read stored
// until its first change.
func OpenList(env Env, stored []byte) (List, error) {
	switch {
	case len(stored) == 0:
		return List{pack: newPack(env), large: large{env: env}}, nil
	case IsLarge(stored):
		return List{large: openLarge(env, stored)}, nil
	}
	if p, ok := openPack(env, typeList, stored); ok {
		return List{pack: p, large: large{env: env}}, p.err
	}
	return decodeList(env, stored)
}

// decodeList opens a list in another encoding.
func decodeList(env Env, stored []byte) (l List, err error) {
	if l, err = loadList(env, stored); err != errOneByOne {
		return l, err
	}
	l.env = env
	l.pack = newPack(env)
	v, err := decode[*rdb.List](stored)
	if err != nil {
		return l, err
	}
	for e := range v.All() {
		l.PushBack(e)
	}
	return l, l.err
}

func (l *List) tree() tree.List { return tree.List{Space: l.env.Space, Tx: l.env.Tx} }

// change records the error of a change of a large list.
func (l *List) change(err error) {
	if l.err == nil {
		l.err = err
	}
}

// grow makes the list large if it is too long.
func (l *List) grow() {
	if l.err != nil || !l.mustGrow(len(l.p)) {
		return
	}
	small := *l
	l.on, l.pack = true, pack{}
	for _, e := range small.From(0) {
		l.PushBack(e)
	}
	l.change(small.err)
}

// Stored returns the stored form.
func (l *List) Stored() []byte {
	if l.on {
		return l.storedLarge(typePlainList)
	}
	return l.stored(typeList)
}

// Len returns the number of elements.
func (l *List) Len() int {
	if l.on {
		return int(l.root.Count)
	}
	return l.n
}

// At returns the element with a number from 0 to Len()-1. It is valid until the next call.
func (l *List) At(i int) []byte {
	if l.on {
		if i < 0 || i >= l.Len() {
			return nil
		}
		return l.tree().Get(l.root, uint64(i))
	}
	e, _, _ := l.read(l.entry(i))
	return l.element.of(e)
}

// From yields elements with their numbers, from number i on to the end. Each is valid until the
// next iteration.
func (l *List) From(i int) iter.Seq2[int, []byte] {
	return func(yield func(i int, e []byte) bool) {
		if l.on {
			for c := l.tree().From(l.root, uint64(i)); c.Next() && yield(i, c.Entry()); i++ {
			}
			return
		}
		for at := l.entry(i); ; i++ {
			e, next, ok := l.read(at)
			if !ok || !yield(i, l.element.of(e)) {
				return
			}
			at = next
		}
	}
}

// Backward yields elements with their numbers, from number i to the start. Each is valid until the
// next iteration.
func (l *List) Backward(i int) iter.Seq2[int, []byte] {
	return func(yield func(i int, e []byte) bool) {
		if l.on {
			for c := l.tree().From(l.root, uint64(i+1)); c.Prev() && yield(i, c.Entry()); i-- {
			}
			return
		}
		for at := l.entry(i); i >= 0; i-- {
			e, _, ok := l.read(at)
			if !ok || !yield(i, l.element.of(e)) {
				return
			}
			at = l.back(at, 1)
		}
	}
}

// PushBack appends an element, which must not be a part of the List.
func (l *List) PushBack(e []byte) { l.Insert(l.Len(), e) }

// Insert inserts an element as number i, from 0 to Len(). It must not be a part of the List.
func (l *List) Insert(i int, e []byte) {
	if l.err != nil {
		return
	}
	if l.on {
		l.change(l.tree().Insert(&l.root, uint64(i), e))
		return
	}
	at := l.entry(i)
	l.splice(at, at, 0, listpack.Of(e))
	l.grow()
}

// Set replaces the element with a number. The new one must not be a part of the List.
func (l *List) Set(i int, e []byte) {
	if l.on {
		l.change(l.tree().Set(&l.root, uint64(i), e))
		return
	}
	at := l.entry(i)
	if _, next, ok := l.read(at); ok {
		l.splice(at, next, 1, listpack.Of(e))
		l.grow()
	}
}

// Delete deletes the elements with the numbers from first up to end.
func (l *List) Delete(first, end int) {
	if l.on {
		l.change(l.tree().DeleteRange(&l.root, uint64(first), uint64(end)))
		return
	}
	from := l.entry(first)
	l.splice(from, l.entry(end), end-first)
}

// Encoding returns the result of OBJECT ENCODING.
func (l *List) Encoding() string { return "quicklist" }
