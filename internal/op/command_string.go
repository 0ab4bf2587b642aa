package op

import (
	"errors"

	"github.com/perduredb/perdure/internal/table"
)

func get(x *Exec, p Place, _ [][]byte) error {
	it, ok := x.Find(p)
	return x.replyValue(p, it, ok)
}

// setEx is SETEX (unit EX) and PSETEX (unit PX).
func setEx(unit string) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		at, err := x.expiryOf(args[0], unit)
		if err != nil {
			return err
		}
		if err := x.setTo(p, args[1], at); err != nil {
			return err
		}
		x.Reply.Line("OK")
		return nil
	}
}

// setTo stores a string with an expiry, or without an expiry if at is 0, and logs it as SET.
func (x *Exec) setTo(p Place, value []byte, at int64) error {
	if err := x.put(p, value, at); err != nil {
		return err
	}
	x.commandSet(p, value, at, false)
	return nil
}

func getSet(x *Exec, p Place, args [][]byte) error {
	if err := get(x, p, nil); err != nil {
		return err
	}
	return x.setTo(p, args[0], 0)
}

func getDel(x *Exec, p Place, _ [][]byte) error {
	if err := get(x, p, nil); err != nil {
		return err
	}
	x.delete(p)
	return nil
}

var errOffset = clientError("offset is out of range")

func setRange(x *Exec, p Place, args [][]byte) error {
	offset, err := x.integer(args[0])
	if err != nil {
		return err
	}
	if offset < 0 {
		return errOffset
	}
	it, ok := x.Find(p)
	if ok && it.Kind() != table.String {
		return ErrWrongType
	}
	if len(args[1]) == 0 {
		x.Reply.Int(int64(it.ValueLen()))
		return nil
	}
	if offset > MaxSize-int64(len(args[1])) {
		return ErrTooLarge
	}
	end, before := int(offset)+len(args[1]), it.ValueLen()
	if err := x.edit(p, end, func(value []byte) { copy(value[offset:], args[1]) }); err != nil {
		return err
	}
	x.commandOn(p, "SETRANGE", args)
	x.Reply.Int(int64(max(end, before)))
	return nil
}

func mget(x *Exec, db int, args [][]byte) error {
	x.Reply.Array(len(args))
	for _, key := range args {
		p := x.Locate(db, string(key))
		it, ok := x.Find(p)
		if err := x.replyValue(p, it, ok && it.Kind() == table.String); err != nil {
			return err
		}
	}
	return nil
}

func mset(x *Exec, db int, args [][]byte) error {
	if err := x.setPairs(db, args); err != nil {
		return err
	}
	x.Reply.Line("OK")
	return nil
}

// msetNX sets all keys, or none if one of them exists.
func msetNX(x *Exec, db int, args [][]byte) error {
	if len(args)%2 != 0 {
		return errPairs("msetnx")
	}
	for i := 0; i < len(args); i += 2 {
		if x.Has(x.Locate(db, string(args[i]))) {
			x.Reply.Int(0)
			return nil
		}
	}
	if err := x.setPairs(db, args); err != nil {
		return err
	}
	x.Reply.Int(1)
	return nil
}

// setPairs sets keys to values: all of them, or none on error. MSet changes values in place, which
// a transaction could not undo.
func (x *Exec) setPairs(db int, args [][]byte) error {
	if len(args)%2 != 0 {
		return errPairs("mset")
	}
	if x.Reply != nil && !x.Several && !x.Atomic {
		return x.MSet(db, len(args)/2, func(i int) (string, []byte) { return string(args[2*i]), args[2*i+1] })
	}
	return x.atomically(func() error {
		for i := 0; i < len(args); i += 2 {
			if err := x.setTo(x.Locate(db, string(args[i])), args[i+1], 0); err != nil {
				return err
			}
		}
		return nil
	})
}

func errPairs(name string) error {
	return errors.New("wrong number of arguments for '" + name + "' command")
}

func strLen(x *Exec, p Place, _ [][]byte) error {
	it, ok := x.Find(p)
	if ok && it.Kind() != table.String {
		return ErrWrongType
	}
	x.Reply.Int(int64(it.ValueLen()))
	return nil
}

// getRange is GETRANGE key start end. Negative numbers count from the end of the value.
func getRange(x *Exec, p Place, args [][]byte) error {
	start, err := x.integer(args[0])
	if err != nil {
		return err
	}
	end, err := x.integer(args[1])
	if err != nil {
		return err
	}
	value, err := x.look(p)
	if err != nil {
		return err
	}
	n := int64(len(value))
	if start < 0 && end < 0 && start > end {
		x.Reply.Text("")
		return nil
	}
	start, end = clampRange(start, end, n)
	if start > end || n == 0 {
		x.Reply.Text("")
		return nil
	}
	if !x.Reply.Fits(int(end + 1 - start)) {
		return errReply
	}
	x.Reply.Bulk(value[start : end+1])
	return nil
}

// clampRange converts indexes from the end of n elements, and limits both to the elements.
func clampRange(start, end, n int64) (int64, int64) {
	if start < 0 {
		start = max(start+n, 0)
	}
	if end < 0 {
		end = max(end+n, 0)
	}
	return start, min(end, n-1)
}
