package engine

import (
	"errors"

	"github.com/perduredb/perdure/internal/table"
)

// replayDelIfEq applies Valkey's DELIFEQ key value.
func replayDelIfEq(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
	it, ok := s.Find(db, h, key)
	if ok && it.Kind() != table.String {
		return ErrWrongType
	}
	if !ok || !it.Equal(args[0]) {
		return nil
	}
	return replayDel(x, s, h, db, key, nil)
}

// replaySetEx applies SETEX (unit EX) and PSETEX (unit PX).
func replaySetEx(unit string) oneFunc {
	return func(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
		at, err := x.expiryOf(args[0], unit)
		if err != nil {
			return err
		}
		return x.put(s, h, db, key, args[1], at)
	}
}

func replaySetNX(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
	_, err := x.setIfAbsent(s, h, db, key, args[0], SetArgs{})
	return err
}

func replayGetSet(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
	if it, ok := s.Find(db, h, key); ok && it.Kind() != table.String {
		return ErrWrongType
	}
	return x.put(s, h, db, key, args[0], 0)
}

func replayAppend(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
	_, err := x.append(s, h, db, key, args[0], nil)
	return err
}

var errOffset = errors.New("offset out of range")

func replaySetRange(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
	offset, err := integer(args[0])
	if err != nil || offset < 0 || offset+int64(len(args[1])) > maxSize {
		return errOffset
	}
	if len(args[1]) == 0 {
		if it, ok := s.Find(db, h, key); ok && it.Kind() != table.String {
			return ErrWrongType
		}
		return nil
	}
	return x.edit(s, h, db, key, int(offset)+len(args[1]), func(value []byte) { copy(value[offset:], args[1]) })
}

func replayMSet(x *exec, db int, args [][]byte) error {
	for i := 0; i < len(args); i += 2 {
		s, h := x.locateBytes(args[i])
		if _, err := s.SetBytes(db, h, args[i], table.String, args[i+1], 0); err != nil {
			return err
		}
		x.dirty++
	}
	return nil
}

// replayMSetNX sets all keys, or none if one of them exists.
func replayMSetNX(x *exec, db int, args [][]byte) error {
	for i := 0; i < len(args); i += 2 {
		s, h := x.locateBytes(args[i])
		if _, exists := s.FindBytes(db, h, args[i]); exists {
			return nil
		}
	}
	return replayMSet(x, db, args)
}
