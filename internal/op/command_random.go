package op

import (
	"cmp"
	"math"
	"math/rand/v2"
	"strings"
)

// elements are the elements of a collection, by number.
type elements struct {
	n     int
	reply func(i int, pair bool) // replies with an element, and with its value or score
	err   func() error
}

// random returns a function for HRANDFIELD, SRANDMEMBER, and ZRANDMEMBER: key [count [option]]. The
// option, if the command has one, lets the reply have pairs.
func random(option string, open func(x *Exec, p Place) (elements, error)) oneFunc {
	return func(x *Exec, p Place, args [][]byte) (err error) {
		count, pairs := int64(1), false
		if len(args) > 0 {
			if count, pairs, err = x.parseRandom(args, option); err != nil {
				return err
			}
		}
		e, err := open(x, p)
		switch {
		case err != nil:
			return err
		case e.n == 0 && len(args) == 0:
			x.Reply.Null()
		case e.n == 0:
			x.Reply.Array(0)
		default:
			begin := func(number int) {
				if len(args) > 0 {
					x.replyPairs(number, pairs)
				}
			}
			err = x.pick(e.n, count, begin, func(i int) { e.reply(i, pairs) })
		}
		return cmp.Or(err, e.err())
	}
}

func hrandField(x *Exec, p Place) (elements, error) {
	h, err := x.hashAt(p)
	reply := func(i int, pair bool) {
		field, value := h.At(i)
		if pair {
			x.replyPair()
		}
		x.Reply.Bulk(field)
		if pair {
			x.Reply.Bulk(value)
		}
	}
	return elements{h.Len(), reply, h.Err}, err
}

func srandMember(x *Exec, p Place) (elements, error) {
	s, err := x.setAt(p)
	return elements{s.Len(), func(i int, _ bool) { x.Reply.Bulk(s.At(i)) }, s.Err}, err
}

func zrandMember(x *Exec, p Place) (elements, error) {
	z, err := x.sortedSetAt(p)
	return elements{z.Len(), func(i int, pair bool) { x.replyMember(z.At(i), pair) }, z.Err}, err
}

var errRange = clientError("value is out of range")

// parseRandom parses count [option].
func (x *Exec) parseRandom(args [][]byte, option string) (count int64, pairs bool, err error) {
	if option == "" && len(args) > 1 {
		return 0, false, errSyntax
	}
	if count, err = x.parseCount(args[0]); err != nil {
		return 0, false, err
	}
	if len(args) > 2 || len(args) == 2 && !strings.EqualFold(string(args[1]), option) {
		return 0, false, errSyntax
	}
	pairs = len(args) == 2
	if pairs && (count < -math.MaxInt64/2 || count > math.MaxInt64/2) {
		return 0, false, errRange
	}
	return count, pairs, nil
}

// parseCount parses a count that can be negative. Its negative must be an int64 too.
func (x *Exec) parseCount(arg []byte) (int64, error) {
	n, err := x.integer(arg)
	if err == nil && n == math.MinInt64 {
		err = clientError("value is out of range, value must between -9223372036854775807 and 9223372036854775807")
	}
	return n, err
}

// replyPairs begins an array of n elements or pairs. In version 3 each pair is an array.
func (x *Exec) replyPairs(n int, pairs bool) {
	if pairs && !x.v3() {
		n *= 2
	}
	x.Reply.Array(n)
}

// replyPair begins a pair after replyPairs.
func (x *Exec) replyPair() {
	if x.v3() {
		x.Reply.Array(2)
	}
}

// v3 reports whether the reply is in version 3 of the protocol.
func (x *Exec) v3() bool { return x.Reply != nil && x.Reply.V3 }

// pick chooses elements of n, at least 1, at random: count different ones, or all if there are
// fewer, or -count that may be the same. It calls begin with their number, and then fn for each. It
// returns errReply if the replies would be too long.
func (x *Exec) pick(n int, count int64, begin func(number int), fn func(i int)) error {
	switch {
	case count >= int64(n):
		begin(n)
		for i := range n {
			fn(i)
		}
	case count >= 0:
		begin(int(count))
		for _, i := range different(n, int(count)) {
			fn(i)
		}
	case count < math.MinInt32 || !x.Reply.Fits(-int(count)*len("$0\r\n\r\n")):
		return errReply
	default:
		begin(int(-count))
		for range -count {
			if !x.Reply.Fits(0) {
				return errReply
			}
			fn(rand.IntN(n))
		}
	}
	return nil
}

// different returns count different random numbers below n.
func different(n, count int) []int {
	chosen, numbers := make(map[int]bool, count), make([]int, 0, count)
	for most := n - count; most < n; most++ {
		i := rand.IntN(most + 1)
		if chosen[i] {
			i = most
		}
		chosen[i] = true
		numbers = append(numbers, i)
	}
	return numbers
}
