package op

import (
	"errors"

	"github.com/perduredb/perdure/internal/table"
)

// replaySetEx applies SETEX (unit EX) and PSETEX (unit PX).
func replaySetEx(unit string) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		at, err := x.expiryOf(args[0], unit)
		if err != nil {
			return err
		}
		return x.put(p, args[1], at)
	}
}

func replayGetSet(x *Exec, p Place, args [][]byte) error {
	if it, ok := p.find(); ok && it.Kind() != table.String {
		return ErrWrongType
	}
	return x.put(p, args[0], 0)
}

var errOffset = errors.New("offset out of range")

func replaySetRange(x *Exec, p Place, args [][]byte) error {
	offset, err := integer(args[0])
	if err != nil || offset < 0 || offset > MaxSize-int64(len(args[1])) {
		return errOffset
	}
	if len(args[1]) == 0 {
		if it, ok := p.find(); ok && it.Kind() != table.String {
			return ErrWrongType
		}
		return nil
	}
	return x.edit(p, int(offset)+len(args[1]), func(value []byte) { copy(value[offset:], args[1]) })
}

func replayMSet(x *Exec, db int, args [][]byte) error {
	for i := 0; i < len(args); i += 2 {
		if err := x.put(x.Locate(db, string(args[i])), args[i+1], 0); err != nil {
			return err
		}
	}
	return nil
}

// replayMSetNX sets all keys, or none if one of them exists.
func replayMSetNX(x *Exec, db int, args [][]byte) error {
	for i := 0; i < len(args); i += 2 {
		if x.Locate(db, string(args[i])).exists() {
			return nil
		}
	}
	return replayMSet(x, db, args)
}
