package rdb

import (
	"iter"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/snapshot"
)

// An Element is an element of a list, a member of a set or a sorted set, or a field of a hash.
type Element struct {
	Name       []byte
	Value      []byte  // of a field
	Score      float64 // of a member of a sorted set; never NaN
	ExpireAtMs int64   // of a field: Unix milliseconds; 0 means no expiry
}

// Elements yields the elements of a list, set, hash, or sorted set of type t in the order of
// payload, which is as for [DecodeValue]. It reads payload once, and checks it while it reads. An
// error ends the loop: it is the error of DecodeValue with Validate(false). Unlike DecodeValue,
// Elements accepts members and fields that occur twice, because it does not remember them. It
// allocates nothing per element. An Element is valid until the next iteration and must not be
// modified.
func Elements(t snapshot.Type, payload []byte) iter.Seq2[Element, error] {
	return func(yield func(Element, error) bool) {
		switch TypeName(t) {
		case "list", "set", "hash", "zset":
		default:
			yield(Element{}, errtext.Named(&UnsupportedError{What: "elements of a " + TypeName(t)}))
			return
		}
		w := walker{r: memoryReader(payload), limit: defaults().maxValue, visitor: &elementsOf{yield: yield}}
		err := w.value(t)
		if rest := len(payload) - w.r.pos; err == nil && rest > 0 {
			err = corrupt.New(w.r.offset(), "want the end of the value, found %d more bytes", rest)
		}
		if err != nil && err != errStop {
			yield(Element{}, errtext.Named(err))
		}
	}
}

// elementsOf is the visitor of [Elements].
type elementsOf struct {
	deaf
	yield func(Element, error) bool
}

func (e *elementsOf) element(p []byte) error { return stopUnless(e.yield(Element{Name: p}, nil)) }

func (e *elementsOf) member(p []byte, score float64) error {
	return stopUnless(e.yield(Element{Name: p, Score: score}, nil))
}

func (e *elementsOf) field(name, value []byte, expireAtMs int64) error {
	return stopUnless(e.yield(Element{Name: name, Value: value, ExpireAtMs: expireAtMs}, nil))
}
