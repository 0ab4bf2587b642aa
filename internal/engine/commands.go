package engine

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// command is how one command of a log is applied.
type command struct {
	name     string
	code     opCode
	min, max int     // arguments without the name; max -1 is any number
	step     int     // a key and its arguments, repeated; 0 when all arguments belong to the first
	one      oneFunc // for each key
	many     func(x *exec, db int, args [][]byte) error
}

// oneFunc applies a command to one key, whose shard is locked. A command without it has many,
// which is called with every shard locked.
type oneFunc = func(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error

var errSyntax = errors.New("syntax error")

// commands are those that Redis writes to a log for strings, keys and databases, and older forms
// of them. Relative expiries count from the moment of loading, as in Redis.
var (
	commands    map[string]*command
	commandList []command // opCommand and above are its places
)

// command returns what a code stands for.
func (c opCode) command() *command { return &commandList[max(c, opCommand)-opCommand] }

func init() {
	commandList = []command{
		{"SET", 0, 2, -1, 0, replaySet, nil},
		{"SETNX", 0, 2, 2, 0, replaySetNX, nil},
		{"SETEX", 0, 3, 3, 0, replaySetEx(time.Second), nil},
		{"PSETEX", 0, 3, 3, 0, replaySetEx(time.Millisecond), nil},
		{"GETSET", 0, 2, 2, 0, replaySet, nil},
		{"GETDEL", 0, 1, 1, 0, replayDel, nil},
		{"APPEND", 0, 2, 2, 0, replayAppend, nil},
		{"INCR", 0, 1, 1, 0, replayCounter("INCR"), nil},
		{"DECR", 0, 1, 1, 0, replayCounter("DECR"), nil},
		{"INCRBY", 0, 2, 2, 0, replayCounter("INCRBY"), nil},
		{"DECRBY", 0, 2, 2, 0, replayCounter("DECRBY"), nil},
		{"INCRBYFLOAT", 0, 2, 2, 0, replayIncrByFloat, nil},
		{"EXPIRE", 0, 2, 4, 0, replayExpire(time.Second, true), nil},
		{"PEXPIRE", 0, 2, 4, 0, replayExpire(time.Millisecond, true), nil},
		{"EXPIREAT", 0, 2, 4, 0, replayExpire(time.Second, false), nil},
		{"PEXPIREAT", 0, 2, 4, 0, replayExpire(time.Millisecond, false), nil},
		{"PERSIST", 0, 1, 1, 0, replayPersist, nil},
		{"RESTORE", 0, 3, -1, 0, replayRestore, nil},
		{"SETRANGE", 0, 3, 3, 0, replaySetRange, nil},
		{"DEL", 0, 1, -1, 1, replayDel, nil},
		{"UNLINK", 0, 1, -1, 1, replayDel, nil},
		{"MSET", 0, 2, -1, 2, replaySet, nil},
		{"MSETNX", 0, 2, -1, 2, replaySet, nil},
		{"RENAME", 0, 2, 2, 0, nil, replayRename},
		{"RENAMENX", 0, 2, 2, 0, nil, replayRename},
		{"MOVE", 0, 2, 2, 0, nil, replayMove},
		{"FLUSHDB", 0, 0, 1, 0, nil, replayFlushDB},
		{"FLUSHALL", 0, 0, 1, 0, nil, replayFlushAll},
	}
	commands = make(map[string]*command, len(commandList))
	for i := range commandList {
		c := &commandList[i]
		c.code = opCommand + opCode(i)
		commands[c.name] = c
	}
}

// replaySet is SET with every option that Redis replays, and GETSET.
func replaySet(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
	var at int64
	it, exists := s.Find(db, h, key)
	for i := 1; i < len(args); i++ {
		option := strings.ToUpper(string(args[i]))
		switch option {
		case "NX", "XX":
			if exists == (option == "NX") {
				return nil
			}
		case "GET":
		case "KEEPTTL":
			if exists {
				at = it.ExpireAtMs()
			}
		case "EX", "PX", "EXAT", "PXAT":
			if i++; i == len(args) {
				return errSyntax
			}
			ms, err := absolute(x, args[i], option)
			if err != nil {
				return err
			}
			at = ms
		default:
			return errSyntax
		}
	}
	s.Set(db, h, key, table.String, args[0], at)
	x.dirty++
	return nil
}

// absolute turns the argument of EX, PX, EXAT or PXAT into Unix milliseconds.
func absolute(x *exec, arg []byte, option string) (int64, error) {
	unit := time.Millisecond
	if option[0] == 'E' {
		unit = time.Second
	}
	return instant(x, arg, unit, !strings.HasSuffix(option, "AT"))
}

func instant(x *exec, arg []byte, unit time.Duration, relative bool) (int64, error) {
	n, err := integer(arg)
	if err != nil {
		return 0, err
	}
	scale := int64(unit / time.Millisecond)
	if n > math.MaxInt64/scale || n < math.MinInt64/scale {
		return 0, ErrTTL
	}
	if n *= scale; relative {
		now := x.nowMs()
		if n > math.MaxInt64-now {
			return 0, ErrTTL
		}
		n += now
	}
	if n == 0 {
		n = 1 // 0 would be no expiry
	}
	return n, nil
}

func integer(arg []byte) (int64, error) {
	n, err := strconv.ParseInt(string(arg), 10, 64)
	if err != nil {
		return 0, ErrNotInteger
	}
	return n, nil
}

func replaySetNX(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
	_, err := x.setIfAbsent(s, h, db, key, args[0], SetArgs{})
	return err
}

func replaySetEx(unit time.Duration) func(*exec, *table.Shard, uint64, int, string, [][]byte) error {
	return func(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
		at, err := instant(x, args[0], unit, true)
		if err != nil {
			return err
		}
		s.Set(db, h, key, table.String, args[1], at)
		x.dirty++
		return nil
	}
}

func replayDel(x *exec, s *table.Shard, h uint64, db int, key string, _ [][]byte) error {
	if s.Delete(db, h, key) {
		x.dirty++
	}
	return nil
}

func replayAppend(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
	_, err := x.append(s, h, db, key, args[0])
	return err
}

func replayCounter(name string) func(*exec, *table.Shard, uint64, int, string, [][]byte) error {
	return func(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
		c := Counter{Command: name}
		if len(args) > 0 {
			n, err := integer(args[0])
			if err != nil {
				return err
			}
			c.N = n
		}
		_, err := x.incrBy(s, h, db, key, c)
		return err
	}
}

func replayIncrByFloat(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
	var at int64
	sum := 0.0
	if it, ok := s.Find(db, h, key); ok {
		if it.Kind() != table.String {
			return ErrWrongType
		}
		at = it.ExpireAtMs()
		var err error
		if sum, err = strconv.ParseFloat(string(it.AppendValue(nil)), 64); err != nil {
			return ErrNotInteger
		}
	}
	by, err := strconv.ParseFloat(string(args[0]), 64)
	if err != nil {
		return ErrNotInteger
	}
	s.Set(db, h, key, table.String, strconv.AppendFloat(nil, sum+by, 'f', -1, 64), at)
	x.dirty++
	return nil
}

func replayExpire(unit time.Duration, relative bool) func(*exec, *table.Shard, uint64, int, string, [][]byte) error {
	return func(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
		at, err := instant(x, args[0], unit, relative)
		if err != nil {
			return err
		}
		it, ok := s.Find(db, h, key)
		if !ok {
			return nil
		}
		for _, arg := range args[1:] {
			apply, err := expireFlag(strings.ToUpper(string(arg)), it.ExpireAtMs(), at)
			if err != nil || !apply {
				return err
			}
		}
		s.SetExpire(db, h, key, at)
		x.dirty++
		return nil
	}
}

// expireFlag judges NX, XX, GT and LT; no expiry counts as infinitely late.
func expireFlag(flag string, old, at int64) (bool, error) {
	switch flag {
	case "NX":
		return old == 0, nil
	case "XX":
		return old != 0, nil
	case "GT":
		return old != 0 && at > old, nil
	case "LT":
		return old == 0 || at < old, nil
	}
	return false, errSyntax
}

func replayPersist(x *exec, s *table.Shard, h uint64, db int, key string, _ [][]byte) error {
	x.persist(s, h, db, key)
	return nil
}

// replayRestore is RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME s] [FREQ f].
func replayRestore(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
	absTTL := false
	for i := 2; i < len(args); i++ {
		switch strings.ToUpper(string(args[i])) {
		case "REPLACE":
		case "ABSTTL":
			absTTL = true
		case "IDLETIME", "FREQ":
			i++ // an eviction hint, which the store does not keep
		default:
			return errSyntax
		}
	}
	at, err := integer(args[0])
	if err != nil || at < 0 {
		return ErrTTL
	}
	if at != 0 && !absTTL {
		at += x.nowMs()
	}
	t, value, err := rdb.ParseDump(args[1])
	if err != nil {
		return err
	}
	kind := table.String
	if t != snapshot.String {
		kind, value = table.Opaque, appendOpaque(nil, t, value)
		x.e.types.add(t)
	}
	s.Set(db, h, key, kind, value, at)
	x.dirty++
	return nil
}

func replaySetRange(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
	offset, err := integer(args[0])
	if err != nil || offset < 0 || offset+int64(len(args[1])) > maxSize {
		return fmt.Errorf("offset out of range")
	}
	var value []byte
	var at int64
	if it, ok := s.Find(db, h, key); ok {
		if it.Kind() != table.String {
			return ErrWrongType
		}
		value, at = it.AppendValue(nil), it.ExpireAtMs()
	}
	if end := int(offset) + len(args[1]); end > len(value) {
		value = append(value, make([]byte, end-len(value))...)
	}
	copy(value[offset:], args[1])
	s.Set(db, h, key, table.String, value, at)
	x.dirty++
	return nil
}

func replayRename(x *exec, db int, args [][]byte) error {
	return x.moveEntry(db, string(args[0]), db, string(args[1]))
}

func replayMove(x *exec, db int, args [][]byte) error {
	to, err := integer(args[1])
	if err != nil || to < 0 || to >= int64(x.e.table.Databases()) {
		return ErrDatabase
	}
	return x.moveEntry(db, string(args[0]), int(to), string(args[0]))
}

// moveEntry gives an entry another database or name, its expiry included.
func (x *exec) moveEntry(fromDB int, from string, toDB int, to string) error {
	s, h := x.locate(from)
	it, ok := s.Find(fromDB, h, from)
	if !ok {
		return ErrNotFound
	}
	kind, at, value := it.Kind(), it.ExpireAtMs(), it.AppendValue(nil)
	s.Delete(fromDB, h, from)
	s, h = x.locate(to)
	s.Set(toDB, h, to, kind, value, at)
	x.dirty++
	return nil
}

func replayFlushDB(x *exec, db int, _ [][]byte) error {
	for i := range x.e.table.NumShards() {
		x.dirty += x.e.table.ShardAt(i).Flush(db)
	}
	return nil
}

func replayFlushAll(x *exec, _ int, _ [][]byte) error {
	for db := range x.e.table.Databases() {
		if err := replayFlushDB(x, db, nil); err != nil {
			return err
		}
	}
	x.e.types.clear()
	x.e.extras = nil
	return nil
}
