package op_test

import (
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/redistest"
)

// TestDeclarationsAreRedis compares the declarations of the table with those of a server. All
// commands that a server writes to a log must be in the table.
func TestDeclarationsAreRedis(t *testing.T) {
	server := redistest.Start(t, "")
	declared := op.Declared()
	for name, d := range declared {
		switch name {
		case "DELIFEQ", "DELEX", "MSETEX", "INCREX": // commands of Valkey, or of a newer Redis
			continue
		}
		info := server.Must("COMMAND", "INFO", name).Elements[0].Elements
		if len(info) == 0 {
			t.Errorf("COMMAND INFO %s is empty, want a command of the server", name)
			continue
		}
		got := [4]int64{info[1].Int(), info[3].Int(), info[4].Int(), info[5].Int()}
		if want := [4]int64{int64(d.Arity), int64(d.First), int64(d.Last), int64(d.Step)}; got != want {
			t.Errorf("%s: arity and keys %v, the server's are %v", name, want, got)
		}
	}
	for _, c := range server.Must("COMMAND").Elements {
		name := strings.ToUpper(c.Elements[0].Text)
		writes := false
		for _, flag := range c.Elements[2].Elements {
			writes = writes || flag.Text == "+write"
		}
		if name == "MIGRATE" { // logged as DEL
			continue
		}
		if _, ok := declared[name]; writes && !ok && !op.Refused(name) {
			t.Errorf("%s is not in the table, want all write commands", name)
		}
	}
}

// TestKeysOf checks the keys that determine the workers of a command.
func TestKeysOf(t *testing.T) {
	checker := op.NewChecker()
	defer checker.Close()
	for text, want := range map[string][2]int{
		"SET k v": {1, 2}, "DEL a b c": {1, 4}, "DEL a": {1, 2}, "MSET a 1 b 2": {1, 5}, "BITOP AND d a b": {2, 5}, "RENAME a b": {1, 3},
		"COPY a b DB 3": {1, 3}, "FLUSHALL": {0, 0}, "SWAPDB 1 2": {0, 0}, "MOVE a 3": {1, 2},
	} {
		var words [][]byte
		for _, w := range strings.Fields(text) {
			words = append(words, []byte(w))
		}
		if err := checker.Command(words); err != nil {
			t.Errorf("Command(%s) = %v, want nil", text, err)
		}
		if first, end := op.Declared()[string(words[0])].Keys(words); [2]int{first, end} != want {
			t.Errorf("%s: %d %d, want %v", text, first, end, want)
		}
	}
}

// TestLookupAllocatesNothing looks up names in any letter case, because logs have names as clients
// spell them.
func TestLookupAllocatesNothing(t *testing.T) {
	checker := op.NewChecker()
	defer checker.Close()
	words := [][]byte{[]byte("pErSist"), []byte("k")}
	if n := testing.AllocsPerRun(100, func() {
		if err := checker.Command(words); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// TestCheckerReadsArguments is a regression test. The checker accepted commands that Open refuses
// because of their arguments.
func TestCheckerReadsArguments(t *testing.T) {
	checker := op.NewChecker()
	defer checker.Close()
	for text, good := range map[string]bool{
		"SET k v": true, "SET k v PXAT 5": true, "SET k v PXAT -5": false, "SET k v PXAT": false, "SET k v PXAT x": false, "SET k v XX": true,
		"SET k v NONE": false, "SETEX k 10 v": true, "SETEX k 0 v": false, "PSETEX k 9223372036854775807 v": false, "GETEX k PERSIST": true, "GETEX k EX": false,
		"EXPIRE k 10": true, "EXPIRE k 10 GT": true, "EXPIRE k 10 NO": false, "EXPIREAT k 9223372036854775807": false, "PEXPIREAT k -1": true,
		"INCRBY k 10": true, "INCRBY k 1x": false, "DECRBY k -3": true, "INCRBYFLOAT k 1.5": true, "INCRBYFLOAT k one": false, "DEL a b": true,
		"SET k v IFNE w": true, "SET k v IFEQ w NX": false, "SET k v IFDEQ 0123456789abcdef": true, "SET k v IFDEQ 12": false, "SET k v EX 1 KEEPTTL": false,
		"SET k v GET IFDNE 0123456789ABCDEF PX 5": true, "SET k v EX 1 PX 1": false, "SET k v IFEQ": false,
		"MSETEX 1 a 1": true, "MSETEX 2 a 1 b 2 NX EX 5": true, "MSETEX 2 a 1 b": false, "MSETEX 0 a 1": false, "MSETEX x a 1": false, "MSETEX 1 a 1 EX 0": false,
		"MSETEX 1 a 1 IFEQ 2": false, "MSETEX 1 a 1 b 2": false, "MSETEX 9223372036854775807 a 1": false,
		"DELEX k": true, "DELEX k IFEQ v": true, "DELEX k IFDNE 0123456789abcdef": true, "DELEX k IFEQ": false, "DELEX k NX": false, "DELEX k IFDEQ x": false,
		"INCREX k": true, "INCREX k BYINT 5 UBOUND 9 SATURATE EX 10 ENX": true, "INCREX k BYINT 1.5": false, "INCREX k BYFLOAT 1.5 LBOUND -2.5": true,
		"HSET h f v": true, "HSET h f v g": false, "HINCRBY h f 1x": false, "HINCRBYFLOAT h f one": false, "LPOP l 2": true, "LPOP l -1": false, "LINSERT l AT a b": false,
		"LREM l x a": false, "LTRIM l 0 x": false, "LMOVE a b LEFT RIGHT": true, "LMOVE a b LEFT UP": false, "ZADD z 1 m": true, "ZADD z nan m": false, "ZADD z NX 1": false,
		"ZREMRANGEBYSCORE z (1 +inf": true, "ZREMRANGEBYSCORE z a b": false, "ZREMRANGEBYLEX z - +": true, "ZREMRANGEBYLEX z a b": false, "ZPOPMIN z x": false,
		"ZUNIONSTORE d 2 a b WEIGHTS 1 2": true, "ZUNIONSTORE d 3 a b": false, "ZRANGESTORE d s 0 x": false, "SORT l LIMIT 0 x": false, "SORT l BY nosort STORE d": true,
		"INCREX k BYINT 1 BYFLOAT 1": false, "INCREX k ENX": false, "INCREX k EX 5 PERSIST": false, "INCREX k EX": false, "INCREX k UBOUND 1x": false, "INCREX k XX": true,
	} {
		var words [][]byte
		for _, w := range strings.Fields(text) {
			words = append(words, []byte(w))
		}
		if err := checker.Command(words); (err == nil) != good {
			t.Errorf("Command(%s) = %v, want nil: %v", text, err, good)
		}
	}
}
