package perdure

import (
	"bytes"
	"iter"
)

// A List is the name of a list: elements in the order of their insertion, under one key.
// [Store.ListAt] and [Tx.ListAt] return one. Each method finds the key anew. A missing key is an
// empty list, a push creates it, and the removal of its last element deletes it.
//
// The first element has index 0. A negative index counts from the end: the last element has -1.
//
// The methods return [ErrWrongType] if the key holds a value of another type, and otherwise the
// errors of [Store.Get] and [Store.Set]. Elements are arbitrary bytes of up to 512 MiB. The key has
// an expiry like any other, which changes of its elements keep. Methods for several elements are
// atomic, in memory and in the log.
//
// A List of a Tx returns [ErrTxDone] when the Tx has ended. Any other may be used concurrently.
type List struct{ collection }

// ListAt returns the list at key. It accesses nothing.
func (db *keyspace) ListAt(key string) List { return List{db.collection(key)} }

// ListAt returns the list at key in the transaction. It accesses nothing.
func (t *Tx) ListAt(key string) List { return List{t.collection(key)} }

// PushFront inserts values at the start, one after the other, and returns the new length. The last
// of the values becomes the first element.
func (l List) PushFront(values ...[]byte) (length int, err error) { return l.push("LPUSH", values) }

// PushBack adds values at the end, and returns the new length.
func (l List) PushBack(values ...[]byte) (length int, err error) { return l.push("RPUSH", values) }

func (l List) push(name string, values [][]byte) (length int, err error) {
	if len(values) == 0 {
		return l.Len()
	}
	return l.command(name).values(values).count()
}

// PopFront removes the first element and returns it. It returns [ErrNotFound] if the list is empty;
// [List.WaitPopFront] waits instead.
func (l List) PopFront() ([]byte, error) { return l.command("LPOP").bytes() }

// PopBack removes the last element and returns it. It returns [ErrNotFound] if the list is empty.
func (l List) PopBack() ([]byte, error) { return l.command("RPOP").bytes() }

// Len returns the number of elements.
func (l List) Len() (int, error) { return l.command("LLEN").count() }

// Get returns a copy of element i. It returns [ErrNotFound] if there is no such element.
func (l List) Get(i int) ([]byte, error) { return l.command("LINDEX").int(int64(i)).bytes() }

// Set replaces element i. It returns [ErrNotFound] if there is no such element.
func (l List) Set(i int, value []byte) error {
	return l.command("LSET").int(int64(i)).value(value).done()
}

// InsertBefore inserts value before the first element that equals pivot, and returns the new
// length. It returns [ErrNotFound] if there is no such element.
func (l List) InsertBefore(pivot, value []byte) (length int, err error) {
	return l.insert("BEFORE", pivot, value)
}

// InsertAfter is like [List.InsertBefore] but inserts value after that element.
func (l List) InsertAfter(pivot, value []byte) (length int, err error) {
	return l.insert("AFTER", pivot, value)
}

func (l List) insert(where string, pivot, value []byte) (length int, err error) {
	length, err = l.command("LINSERT").string(where).value(pivot).value(value).count()
	if err == nil && length <= 0 {
		return 0, ErrNotFound
	}
	return length, err
}

// Remove removes the elements that equal value, and returns their number. It removes at most count
// from the start, at most -count from the end if count is negative, and all if count is 0.
func (l List) Remove(count int, value []byte) (n int, err error) {
	return l.command("LREM").int(int64(count)).value(value).count()
}

// Trim removes all elements except those from index first to index last, which it keeps. A last of
// -1 means to the end.
func (l List) Trim(first, last int) error {
	return l.command("LTRIM").int(int64(first)).int(int64(last)).done()
}

// Range returns copies of the elements from index first to index last, inclusive. A last of -1
// means to the end. The copies share one allocation.
func (l List) Range(first, last int) ([][]byte, error) {
	return l.command("LRANGE").int(int64(first)).int(int64(last)).list()
}

// All iterates over the indexes and copies of the elements, from the first on. No lock is held
// while the body of the loop runs. If elements are inserted or removed during the iteration, the
// indexes of others change, so that an element may be yielded twice or not at all. [List.Range]
// reads one point in time.
//
// All yields nothing if the key holds another type, and ends when a read returns an error.
// [List.Len] returns that error.
func (l List) All() iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for i := 0; ; {
			batch, err := l.Range(i, i+scanBatch-1)
			if err != nil {
				return
			}
			for _, e := range batch {
				if !yield(i, bytes.Clone(e)) {
					return
				}
				i++
			}
			if len(batch) < scanBatch {
				return
			}
		}
	}
}
