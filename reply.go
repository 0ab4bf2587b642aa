package perdure

import (
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/perduredb/perdure/internal/resp"
)

// ErrReplyKind is returned by the methods of a [Reply] for a reply of another kind than the method
// is for.
var ErrReplyKind = errors.New("perdure: reply of another kind")

// A ReplyKind is the kind of a [Reply].
type ReplyKind uint8

// The kinds of replies.
const (
	ReplyNull    ReplyKind = iota // no value
	ReplyInteger                  // an int64
	ReplyDouble                   // a float64
	ReplyText                     // bytes
	ReplyArray
	ReplySet // members without an order
	ReplyMap // pairs without an order
)

// String returns the name of the kind.
func (k ReplyKind) String() string {
	return [...]string{"null", "integer", "double", "text", "array", "set", "map"}[k]
}

// A Reply is the reply to a command of [Store.Do]. It has the kind that a server replies with in
// version 3 of Redis's protocol. The zero Reply is null. A Reply shares no memory with the store,
// and any number of goroutines may read it.
type Reply struct {
	value resp.Value
}

// Kind returns the kind of the reply.
func (r Reply) Kind() ReplyKind {
	switch r.value.Type {
	case resp.IntegerValue:
		return ReplyInteger
	case resp.DoubleValue:
		return ReplyDouble
	case resp.TextValue:
		return ReplyText
	case resp.ArrayValue:
		return ReplyArray
	case resp.SetValue:
		return ReplySet
	case resp.MapValue:
		return ReplyMap
	}
	return ReplyNull
}

// IsNull reports whether there is no value.
func (r Reply) IsNull() bool { return r.Kind() == ReplyNull }

// Bytes returns the bytes of a text, of which the caller must change none. It returns
// [ErrNotFound] for a null, and [ErrReplyKind] for any other kind.
func (r Reply) Bytes() ([]byte, error) {
	if err := r.want(ReplyText); err != nil {
		return nil, err
	}
	return r.value.Text, nil
}

// Text returns a text as a string. Its errors are those of [Reply.Bytes].
func (r Reply) Text() (string, error) {
	b, err := r.Bytes()
	return string(b), err
}

// Int returns an integer, or the number in a text. It returns [ErrNotFound] for a null,
// [ErrNotInteger] for a text that is not a number, and [ErrReplyKind] for any other kind.
func (r Reply) Int() (int64, error) {
	if r.Kind() == ReplyInteger {
		return r.value.Int, nil
	}
	text, err := r.Text()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, ErrNotInteger
	}
	return n, nil
}

// Float returns a double, an integer, or the number in a text. It returns [ErrNotFound] for a null,
// and [ErrReplyKind] for a text that is not a number or any other kind.
func (r Reply) Float() (float64, error) {
	switch r.Kind() {
	case ReplyDouble:
		return r.value.Double, nil
	case ReplyInteger:
		return float64(r.value.Int), nil
	}
	text, err := r.Text()
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: a text that is not a number", ErrReplyKind)
	}
	return f, nil
}

// Len returns the number of elements of an array or a set, the number of pairs of a map, and 0 for
// any other kind.
func (r Reply) Len() int {
	if r.Kind() == ReplyMap {
		return len(r.value.Elements) / 2
	}
	return len(r.value.Elements)
}

// At returns element i of an array or a set.
func (r Reply) At(i int) Reply { return Reply{r.value.Elements[i]} }

// All yields the elements of an array or a set, in order.
func (r Reply) All() iter.Seq2[int, Reply] {
	return func(yield func(int, Reply) bool) {
		for i, e := range r.value.Elements {
			if !yield(i, Reply{e}) {
				return
			}
		}
	}
}

// Pairs yields the keys and values of a map, or the elements of an array or a set two by two.
func (r Reply) Pairs() iter.Seq2[Reply, Reply] {
	return func(yield func(k, v Reply) bool) {
		for e := r.value.Elements; len(e) > 1; e = e[2:] {
			if !yield(Reply{e[0]}, Reply{e[1]}) {
				return
			}
		}
	}
}

// want returns an error if the reply is of another kind.
func (r Reply) want(kind ReplyKind) error {
	switch have := r.Kind(); have {
	case kind:
		return nil
	case ReplyNull:
		return ErrNotFound
	default:
		return fmt.Errorf("%w: want %v, got %v", ErrReplyKind, kind, have)
	}
}
