package op

import (
	"math"
	"math/big"
	"strconv"

	"github.com/perduredb/perdure/internal/listpack"
)

// hset is HSET and HMSET: key field value [field value ...].
func hset(name string) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		if len(args)%2 != 0 {
			return errPairs(name)
		}
		h, err := x.hashFor(p)
		if err != nil {
			return err
		}
		added := 0
		for i := 0; i < len(args); i += 2 {
			if h.Set(args[i], args[i+1]) {
				added++
			}
		}
		if err := x.keepOpened(p, h); err != nil {
			return err
		}
		if name == "hset" {
			x.log(p, len(args)/2, "HSET", args)
			x.Reply.Int(int64(added))
		} else {
			x.log(p, len(args)/2, "HMSET", args)
			x.Reply.Line("OK")
		}
		return nil
	}
}

// hsetNX is HSETNX key field value.
func hsetNX(x *Exec, p Place, args [][]byte) error {
	h, err := x.hashFor(p)
	if err != nil {
		return err
	}
	if _, ok := h.Get(args[0]); ok {
		x.Reply.Int(0)
		return h.Err()
	}
	h.Set(args[0], args[1])
	if err := x.keepOpened(p, h); err != nil {
		return err
	}
	x.log(p, 1, "HSETNX", args)
	x.Reply.Int(1)
	return nil
}

// hdel is HDEL key field...
func hdel(x *Exec, p Place, args [][]byte) error {
	h, err := x.hashFor(p)
	if err != nil {
		return err
	}
	deleted := 0
	for _, field := range args {
		if h.Delete(field) {
			deleted++
		}
	}
	if deleted > 0 {
		if err := x.keepOpened(p, h); err != nil {
			return err
		}
		x.log(p, deleted, "HDEL", args)
	}
	x.Reply.Int(int64(deleted))
	return h.Err()
}

var (
	errHashInteger = clientError("hash value is not an integer")
	errHashFloat   = clientError("hash value is not a float")
	errNaN         = clientError("value is NaN or Infinity")
)

// hincrBy is HINCRBY key field n.
func hincrBy(x *Exec, p Place, args [][]byte) error {
	by, err := x.integer(args[1])
	if err != nil {
		return err
	}
	h, err := x.hashFor(p)
	if err != nil {
		return err
	}
	n := int64(0)
	if value, ok := h.Get(args[0]); ok {
		if n, ok = listpack.ParseInt(value); !ok {
			return errHashInteger
		}
	}
	if by > 0 && n > math.MaxInt64-by || by < 0 && n < math.MinInt64-by {
		return errIncrement
	}
	n += by
	h.Set(args[0], strconv.AppendInt(x.opened.digits[:0], n, 10))
	if err := x.keepOpened(p, h); err != nil {
		return err
	}
	x.log(p, 1, "HINCRBY", args)
	x.Reply.Int(n)
	return nil
}

var errIncrement = clientError("increment or decrement would overflow")

// hincrByFloat is HINCRBYFLOAT key field n. It adds as INCRBYFLOAT does, and logs the result as
// HSET.
func hincrByFloat(x *Exec, p Place, args [][]byte) error {
	by, err := float(args[1])
	switch {
	case err != nil:
		return err
	case by.IsInf():
		return errNaN
	}
	h, err := x.hashFor(p)
	if err != nil {
		return err
	}
	sum := new(big.Float).SetPrec(longDouble)
	if value, ok := h.Get(args[0]); ok {
		if sum, err = float(value); err != nil {
			return errHashFloat
		}
	}
	if sum.IsInf() {
		return errInfinite
	}
	text := []byte(floatText(sum.Add(sum, by)))
	h.Set(args[0], text)
	if err := x.keepOpened(p, h); err != nil {
		return err
	}
	x.log(p, 1, "HSET", [][]byte{args[0], text})
	x.Reply.Bulk(text)
	return nil
}
