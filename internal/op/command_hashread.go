package op

import (
	"github.com/perduredb/perdure/internal/collection"
)

// readHash returns a function for a command that reads a hash.
func readHash(read func(x *Exec, h *collection.Hash, args [][]byte)) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		h, err := x.hashFor(p)
		if err != nil {
			return err
		}
		read(x, h, args)
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
