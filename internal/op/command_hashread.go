package op

import (
	"math"
	"strings"

	"github.com/perduredb/perdure/internal/collection"
)

// readHash returns a function for a command that reads a hash.
func readHash(read func(x *Exec, h *collection.Hash, args [][]byte)) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		h, err := x.hashAt(p)
		if err != nil {
			return err
		}
		read(x, &h, args)
		return h.Err()
	}
}

// replyField replies with the value of a field, or null.
func (x *Exec) replyField(h *collection.Hash, field []byte) {
	if value, ok := h.Get(field); ok {
		x.Reply.Bulk(value)
	} else {
		x.Reply.Null()
	}
}

func hget(x *Exec, h *collection.Hash, args [][]byte) { x.replyField(h, args[0]) }

func hmget(x *Exec, h *collection.Hash, args [][]byte) {
	x.Reply.Array(len(args))
	for _, field := range args {
		x.replyField(h, field)
	}
}

func hgetAll(x *Exec, h *collection.Hash, _ [][]byte) {
	x.Reply.Map(h.Len())
	for field, value := range h.All() {
		x.Reply.Bulk(field)
		x.Reply.Bulk(value)
	}
}

func hkeys(x *Exec, h *collection.Hash, _ [][]byte) {
	x.Reply.Array(h.Len())
	for field := range h.All() {
		x.Reply.Bulk(field)
	}
}

func hvals(x *Exec, h *collection.Hash, _ [][]byte) {
	x.Reply.Array(h.Len())
	for _, value := range h.All() {
		x.Reply.Bulk(value)
	}
}

func hlen(x *Exec, h *collection.Hash, _ [][]byte) { x.Reply.Int(int64(h.Len())) }

func hexists(x *Exec, h *collection.Hash, args [][]byte) {
	_, ok := h.Get(args[0])
	x.Reply.Truth(ok)
}

func hstrLen(x *Exec, h *collection.Hash, args [][]byte) {
	value, _ := h.Get(args[0])
	x.Reply.Int(int64(len(value)))
}

var errRange = clientError("value is out of range")

// parseCount parses the count of HRANDFIELD, SRANDMEMBER, and ZRANDMEMBER.
func (x *Exec) parseCount(arg []byte) (int64, error) {
	n, err := x.integer(arg)
	if err == nil && n == math.MinInt64 {
		err = clientError("value is out of range, value must between -9223372036854775807 and 9223372036854775807")
	}
	return n, err
}

// parsePairs parses [count [option]], where option lets the reply have pairs.
func (x *Exec) parsePairs(args [][]byte, option string) (count int64, pairs bool, err error) {
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

// replyPairs begins an array of n elements or pairs. In version 3 a pair is an array of its own.
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

// hrandField is HRANDFIELD key [count [WITHVALUES]].
func hrandField(x *Exec, p Place, args [][]byte) (err error) {
	count, values := int64(1), false
	if len(args) > 0 {
		if count, values, err = x.parsePairs(args, "WITHVALUES"); err != nil {
			return err
		}
	}
	h, err := x.hashAt(p)
	n := h.Len()
	switch {
	case err != nil:
		return err
	case len(args) == 0 && n == 0:
		x.Reply.Null()
		return nil
	case n == 0:
		x.Reply.Array(0)
		return nil
	}
	begin := func(number int) {
		if len(args) > 0 {
			x.replyPairs(number, values)
		}
	}
	err = x.pick(n, count, begin, func(i int) {
		field, value := h.At(i)
		if values {
			x.replyPair()
		}
		x.Reply.Bulk(field)
		if values {
			x.Reply.Bulk(value)
		}
	})
	if err == nil {
		err = h.Err()
	}
	return err
}

// hscan reads fields for HSCAN.
func hscan(env collection.Env, stored []byte, cursor uint64, r *scanReply) (next uint64, err error) {
	h, err := collection.OpenHash(env, stored)
	if err != nil {
		return 0, err
	}
	next = h.Scan(cursor, int(r.o.count), func(field, value []byte) {
		if r.wants(field) {
			r.add(field)
			r.add(value)
		}
	})
	return next, h.Err()
}
