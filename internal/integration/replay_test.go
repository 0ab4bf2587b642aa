package integration_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/xxh3"
	"github.com/perduredb/perdure/rdb"
)

// writeIncr makes a data directory whose log is one incremental file with the given text.
func writeIncr(t testing.TB, dir, text string) {
	t.Helper()
	log := filepath.Join(dir, "appendonlydir")
	ok(t, os.MkdirAll(log, 0o700))
	ok(t, os.WriteFile(filepath.Join(log, "appendonly.aof.1.incr.aof"), []byte(text), 0o600))
	ok(t, os.WriteFile(filepath.Join(log, "appendonly.aof.manifest"),
		[]byte("file appendonly.aof.1.incr.aof seq 1 type i\n"), 0o600))
}

// replayed contains logs of all commands that are applied, each in a separate database.
var replayed = map[string][]string{
	"SET and its options": {
		"SET a 1", "set b 2", "SET a 3 NX", "SET c 3 NX", "SET d 4 XX", "SET a 5 XX", "SET e 6 EX 1000", "SET f 7 PX 1000000",
		"SET g 8 EXAT 4102444800", "SET h 9 PXAT 4102444800123", "SET h 10 KEEPTTL", "SET g 11", "SET h 12 GET KEEPTTL",
		"SET i 1 NX PXAT 4102444800000 GET", "SET past 1 PXAT 1000", "SET past2 1 EXAT 1", "SET absent 1 KEEPTTL", "SET l 1 xx nx",
	},
	"SETEX and PSETEX": {"SETEX a 1000 v", "PSETEX b 1000000 v", "sEtEx c 77777 v", "SETNX a w", "SETNX d w"},
	"GETSET GETDEL GETEX": {
		"SET a 1 PXAT 4102444800000", "GETSET a 2", "GETSET b 1", "SET c 1", "GETDEL c", "GETDEL none", "SET d 1", "GETEX d EX 1000",
		"SET e 1", "GETEX e PX 1000000", "SET f 1", "GETEX f EXAT 4102444800", "SET g 1", "GETEX g PXAT 4102444800007",
		"GETEX g PERSIST", "GETEX f", "GETEX none PX 1000", "SET h 1", "GETEX h PXAT 1000",
	},
	"APPEND SETRANGE": {
		"APPEND a x", "APPEND a yz", "SET n 12", "APPEND n 3", "INCR n", "SET t v PXAT 4102444800000", "APPEND t w",
		"SETRANGE a 1 Q", "SETRANGE a 6 QQ", "SETRANGE b 3 v", "SETRANGE t 0 W", "SETRANGE n 1 9",
	},
	"high offsets": {
		"SETRANGE a 40000 x", "SETRANGE a 70000 yz", "SETBIT b 3000000 1", "SETBIT b 3000001 1", "SETBIT b 8000000 1", "BITFIELD c SET u8 #300000 7",
		"BITFIELD c INCRBY u8 #300000 250 GET u8 #1", "SET d 12 PXAT 4102444800000", "SETRANGE d 400000 tail", "SETRANGE d 300000 middle", "APPEND d end",
		"SETRANGE d 900000 far", "BITOP OR e a b c", "BITOP NOT f b", "BITOP XOR g b f", "BITOP AND h b d none", "BITOP OR d d b",
		"COPY b i", "RENAME c j", "MOVE a 3", "SET s 1", "SETRANGE k 500000 x", "GETSET k short", "SETRANGE k 33000 x", "SETBIT i 5000000 1", "SETBIT i 100 1",
		"SETRANGE big 300000 x", "SET big 7", "SETRANGE big 300000 y", "SETBIT e 1 1", "SETBIT b 5 1",
	},
	"SWAPDB between writes": {
		"SET a 0", "SWAPDB 0 1", "SET b 1", "SWAPDB 1 2", "SET c 2", "MOVE b 3", "SWAPDB 0 3", "SET d 3", "RENAME d e", "FLUSHDB", "SET f 1", "SWAPDB 1 0",
		"SWAPDB 2 2", "COPY f g DB 1", "APPEND g x", "SWAPDB 0 2", "SET h 1", "SWAPDB 1 3", "FLUSHDB", "FLUSHDB", "SWAPDB 2 3", "SET i 1",
	},
	"SETRANGE of nothing": {"SET a 1", "SETRANGE a 10 |", "SETRANGE none 10 |"},
	"MSET MSETNX": {
		"SET a 1 PXAT 4102444800000", "MSET a 2 b 3", "MSETNX c 1 a 9", "MSETNX c 1 d 2", "MSET e 1 e 2",
	},
	"counters": {
		"INCR a", "INCR a", "DECR a", "INCRBY a 40", "DECRBY a 7", "DECR b", "INCRBY c -9223372036854775808", "SET d 5 PXAT 4102444800000",
		"INCR d", "INCRBY e 9223372036854775807",
	},
	"INCRBYFLOAT": {
		"INCRBYFLOAT a 0.1", "INCRBYFLOAT a 0.2", "INCRBYFLOAT b 3.0e3", "INCRBYFLOAT b -1", "SET c 10.50", "INCRBYFLOAT c 0.1",
		"INCRBYFLOAT d -0", "SET e 5 PXAT 4102444800000", "INCRBYFLOAT e 1e-10", "INCRBYFLOAT f 1e17", "INCRBYFLOAT f 0.3", "INCRBYFLOAT g 3.3333333333333333333",
	},
	"SETBIT BITOP": {
		"SETBIT a 7 1", "SETBIT a 100 1", "SETBIT a 7 0", "SETBIT z 15 0", "SET x abcdef", "SET y abc", "BITOP AND and x y", "BITOP OR or x y a",
		"BITOP XOR xor x y none", "BITOP NOT not x", "SET gone 1", "BITOP AND gone none none2", "SET t 1 PXAT 4102444800000", "bitop or t x", "BITOP NOT x x",
	},
	"BITFIELD": {
		"BITFIELD a SET u8 0 200 INCRBY u8 0 100", "BITFIELD a OVERFLOW SAT INCRBY u8 #1 300 INCRBY i5 100 -30",
		"BITFIELD b OVERFLOW FAIL INCRBY u2 10 3 INCRBY u2 10 3 SET u2 20 9", "BITFIELD c GET u8 0", "BITFIELD d SET i64 3 -1 INCRBY i64 3 -9223372036854775808",
		"BITFIELD e SET i64 0 9223372036854775807 INCRBY i64 0 1", "BITFIELD f OVERFLOW SAT SET i64 0 -9223372036854775808 INCRBY i64 0 -1",
		"BITFIELD g SET u63 1 9223372036854775807 OVERFLOW SAT INCRBY u63 1 5 OVERFLOW WRAP INCRBY u63 70 -1", "BITFIELD h SET i8 #2 300 OVERFLOW SAT SET i8 #3 300 SET i8 #4 -300",
		"BITFIELD i OVERFLOW FAIL SET u4 0 -1 OVERFLOW SAT SET u4 4 -1 OVERFLOW WRAP SET u4 8 -1", "SET t 1 PXAT 4102444800000", "BITFIELD t SET u1 0 1",
		"BITFIELD j OVERFLOW SAT SET i6 0 -9223372036854775808 SET i6 6 9223372036854775807 SET u6 12 -9223372036854775808",
	},
	"EXPIRE and its flags": {
		"MSET a 1 b 1 c 1 d 1 e 1 f 1 g 1", "EXPIRE a 1000", "PEXPIRE b 1000000", "EXPIREAT c 4102444800", "PEXPIREAT d 4102444800001", "EXPIRE none 5",
		"PEXPIREAT c 4102444900000 NX", "PEXPIREAT e 4102444900000 NX", "PEXPIREAT f 4102444900000 XX", "PEXPIREAT c 4102444700000 GT", "PEXPIREAT d 4102444700000 LT",
		"PEXPIREAT f 4102444900000 GT", "PEXPIREAT g 4102444900000 lt", "PEXPIREAT c 4102444950000 XX GT", "PERSIST a", "PERSIST f", "PERSIST none",
	},
	"expired keys exist during loading": {
		"SET a 1 PXAT 1000", "INCR a", "RENAME a b", "PERSIST b", "SET c 1", "PEXPIREAT c 1000", "PEXPIREAT c 4102444800000 XX", "SET d 1", "EXPIRE d -1", "APPEND d x",
		"PERSIST d", "SET e 1", "PEXPIREAT e 0", "SET f 1", "PEXPIREAT f -1",
	},
	"DEL UNLINK TOUCH": {"MSET a 1 b 1 c 1 d 1 e 1", "DEL a none b", "UNLINK c", "unlink d a", "TOUCH e none", "TOUCH e"},
	"RENAME RENAMENX": {
		"MSET a 1 b 2 c 3 d 4", "RENAME a x", "RENAME b c", "RENAMENX c d", "RENAMENX c y", "RENAME d d", "RENAMENX d d", "SET t 1 PXAT 4102444800000", "RENAME t u",
	},
	"COPY": {
		"SET a 1 PXAT 4102444800000", "SET b 2", "COPY a c", "COPY a b", "COPY b a REPLACE", "COPY none b REPLACE", "COPY c c DB 13", "COPY b c DB 13", "COPY b c db 13 replace",
	},
	"MOVE": {"SET a 1 PXAT 4102444800000", "MOVE a 14", "SET a 2", "MOVE a 14", "MOVE none 14"},
	"RESTORE": { // the payloads of "10" and of a list
		"RESTORE a 0 $10", "RESTORE b 4102444800000 $10 ABSTTL", "RESTORE c 1000000 $10", "RESTORE a 0 $10 REPLACE", "restore a 4102444800000 $10 replace absttl idletime 5",
		"RESTORE d 0 $10 FREQ 3", "RESTORE-ASKING e 0 $10", "RESTORE l 0 $list", "RENAME l m", "EXPIREAT m 4102444800", "COPY m n", "MOVE n 12", "SET m string", "RESTORE past 1000 $10 ABSTTL",
	},
}

func init() { maps.Copy(replayed, replayedCollections) }

// TestReplayIsRedis loads logs with all commands that perdure applies, in many forms, in a
// redis-server and in perdure. Keys, values, and absolute expiries must agree.
func TestReplayIsRedis(t *testing.T) {
	for name, commands := range replayed {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sameReplay(t, frames(commands...))
		})
	}
	t.Run("databases", func(t *testing.T) {
		t.Parallel()
		sameReplay(t, frames("SET a 0", "SELECT 1", "SET a 1", "SET b 1 PXAT 4102444800000", "select 2", "SET a 2", "SWAPDB 0 1", "SET in2 1", "SWAPDB 5 5",
			"SELECT 3", "SET gone 1", "FLUSHDB", "SET a 3", "flushdb ASYNC", "SET a 4", "SELECT 4", "SET c 1", "FLUSHDB sync", "MULTI", "SELECT 1", "SET m 1", "INCR m", "EXEC"))
	})
	for _, flush := range []string{"FLUSHALL", "flushall async", "FLUSHALL SYNC"} {
		t.Run(flush, func(t *testing.T) {
			t.Parallel()
			sameReplay(t, frames("SET a 0", "SELECT 1", "SET a 1", flush, "SET b 1"))
		})
	}
}

// frames encodes commands. | is an empty word; $10 and $list are payloads of RESTORE.
func frames(commands ...string) string {
	var b strings.Builder
	for _, c := range commands {
		words := strings.Fields(c)
		for i, w := range words {
			switch w {
			case "|":
				words[i] = ""
			case "$10":
				words[i] = "\x00\xc0\x0a\x09\x00\xbe\x6d\x06\x89\x5a\x28\x00\x0a"
			case "$list": // RPUSH a b, from Redis 7.0
				words[i] = string(rdb.AppendDump(nil, 18, []byte("\x01\x02\x0d\x0d\x00\x00\x00\x02\x00\x81a\x02\x81b\x02\xff")))
			}
		}
		b.WriteString(frame(words...))
	}
	return b.String()
}

func sameReplay(t *testing.T, log string) {
	dir, theirs := t.TempDir(), t.TempDir()
	writeIncr(t, dir, log)
	writeIncr(t, theirs, log)
	began := time.Now()
	server := redistest.Start(t, theirs, "--appendonly", "yes")
	s := open(t, dir, logOnly()...)
	took := time.Since(began)
	sameData(t, "after loading", dataOf(t, s), dataOfServer(server), took)
	// The server also loads the log that perdure writes from it, including a base.
	ok(t, s.Rewrite(t.Context()))
	want := dataOf(t, s)
	ok(t, s.Close())
	server.Kill()
	server = redistest.Start(t, dir, "--appendonly", "yes")
	sameData(t, "perdure's rewritten log, read by the server", want, dataOfServer(server), 0)
	server.Kill()
}

// TestReplayOfValkey replays commands of Valkey that Redis 7.0 lacks.
func TestReplayOfValkey(t *testing.T) {
	dir := t.TempDir()
	writeIncr(t, dir, frames("SET a 1", "SET a 2 IFEQ 1", "SET a 3 IFEQ 9", "SET b 1 IFEQ 1", "SET c 1", "SET d 1 PXAT 4102444800000", "DELIFEQ c 2", "delifeq d 1",
		"DELIFEQ none 1", "SET c 2 ifeq 1 PXAT 4102444800000"))
	want := map[string]datum{"0/a": {"2", 0}, "0/c": {"2", 4102444800000}}
	sameData(t, "Valkey's", dataOf(t, open(t, dir, logOnly()...)), want, 0)
}

// TestReplayOfOldServers replays integers that Redis 3 accepted and logged as the client sent them.
func TestReplayOfOldServers(t *testing.T) {
	dir := t.TempDir()
	writeIncr(t, dir, frames("INCRBY a +5", "DECRBY a 007", "INCRBY a -0", "SET b 1", "PEXPIREAT b +4102444800000"))
	want := map[string]datum{"0/a": {"-2", 0}, "0/b": {"1", 4102444800000}}
	sameData(t, "Redis 3's", dataOf(t, open(t, dir, logOnly()...)), want, 0)
}

// TestReplayOfNewServers replays commands of Redis 8.4 to 8.8 and Valkey 9.1 and 9.2 that Redis 7.0
// lacks.
func TestReplayOfNewServers(t *testing.T) {
	const never = 4102444800000
	digest := fmt.Sprintf("%016x", xxh3.Sum([]byte("old")))
	other := fmt.Sprintf("%016X", xxh3.Sum([]byte("other")))
	for name, c := range map[string]struct {
		commands []string
		want     map[string]datum
	}{
		"SET on conditions": {
			[]string{"SET a old", "SET a new IFEQ old", "SET b old", "SET b no IFEQ x", "SET c old", "SET c new IFNE x", "SET d old", "SET d no IFNE old",
				"SET e new IFNE x", "SET f no IFEQ |", "SET g old", "SET g new IFDEQ " + digest, "SET h old", "SET h no IFDEQ " + other,
				"SET i old", "SET i new ifdne " + other, "SET j old", "SET j no IFDNE " + digest, "SET k new IFDNE " + digest, "SET l no IFDEQ " + digest},
			map[string]datum{"0/a": {"new", 0}, "0/b": {"old", 0}, "0/c": {"new", 0}, "0/d": {"old", 0}, "0/e": {"new", 0}, "0/g": {"new", 0},
				"0/h": {"old", 0}, "0/i": {"new", 0}, "0/j": {"old", 0}, "0/k": {"new", 0}},
		},
		"SET with expiry": {
			[]string{"SET a old PXAT 4102444800000", "SET a new IFEQ old KEEPTTL", "SET b old", "SET b new PXAT 4102444800000 IFNE x GET",
				"SET c old EXAT 4102444800", "SET c new IFDEQ " + digest, "SET d 1 NX GET EXAT 4102444800", "SET d 2 XX KEEPTTL"},
			map[string]datum{"0/a": {"new", never}, "0/b": {"new", never}, "0/c": {"new", 0}, "0/d": {"2", never}},
		},
		"MSETEX": {
			[]string{"MSETEX 2 a 1 b 2 PXAT 4102444800000", "MSETEX 1 c 1", "MSETEX 2 a 5 x 5 NX", "MSETEX 2 b 3 y 3 XX", "MSETEX 2 b 3 a 3 XX KEEPTTL",
				"msetex 1 d 1 nx exat 4102444800", "MSETEX 2 e 1 e 2", "SELECT 1", "MSETEX 1 a | EXAT 4102444800"},
			map[string]datum{"0/a": {"3", never}, "0/b": {"3", never}, "0/c": {"1", 0}, "0/d": {"1", never}, "0/e": {"2", 0}, "1/a": {"", never}},
		},
		"DELEX": {
			[]string{"SET a old", "DELEX a", "SET b old", "DELEX b IFEQ old", "SET c old", "DELEX c IFEQ x", "SET d old", "delex d ifne x", "SET e old", "DELEX e IFNE old",
				"SET f old", "DELEX f IFDEQ " + digest, "SET g old", "DELEX g IFDNE " + digest, "DELEX none", "DELEX none IFNE x"},
			map[string]datum{"0/c": {"old", 0}, "0/e": {"old", 0}, "0/g": {"old", 0}},
		},
		"INCREX": {
			[]string{"INCREX a", "INCREX a BYINT 5 PXAT 4102444800000", "INCREX a BYINT -10", "SET b 8", "INCREX b BYINT 5 UBOUND 10", "SET c 8", "INCREX c BYINT 5 UBOUND 10 SATURATE EXAT 4102444800",
				"INCREX d BYINT -5 LBOUND -3 SATURATE", "INCREX e BYINT -5 LBOUND -3", "SET f 9223372036854775807", "INCREX f", "SET g 9223372036854775807", "INCREX g SATURATE PXAT 4102444800000",
				"SET h 1 PXAT 4102444800000", "INCREX h PERSIST", "SET i 1 PXAT 4102444800000", "INCREX i ENX PXAT 5", "INCREX j ENX PXAT 4102444800000",
				"INCREX k BYFLOAT 1.25", "increx k byfloat 1.5 ubound 2.5", "INCREX k BYFLOAT 5 UBOUND 2.875 SATURATE", "INCREX l NX", "INCREX l NX", "INCREX m XX"},
			map[string]datum{"0/a": {"-4", never}, "0/b": {"8", 0}, "0/c": {"10", never}, "0/d": {"-3", 0}, "0/f": {"9223372036854775807", 0},
				"0/g": {"9223372036854775807", never}, "0/h": {"2", 0}, "0/i": {"2", never}, "0/j": {"1", never}, "0/k": {"2.875", 0}, "0/l": {"1", 0}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeIncr(t, dir, frames(c.commands...))
			sameData(t, name, dataOf(t, open(t, dir, logOnly()...)), c.want, 0)
		})
	}
}

// refusedLogs contains commands that cannot be applied, and words of the errors.
var refusedLogs = []struct{ command, want string }{
	{"HPEXPIREAT h 5 FIELDS 1 f", "HPEXPIREAT: command not supported: perdure executes no commands on fields that expire"},
	{"geoadd g 1 2 m", "GEOADD: command not supported: perdure executes no commands on geographic positions"},
	{"HSET k f secret", "HSET: key holds a value of another type"},
	{"LPUSH k secret", "LPUSH: key holds a value of another type"},
	{"HINCRBY h f secret", "HINCRBY: value is not an integer"},
	{"XADD x 1-1 f v", "executes no commands on a stream"},
	{"PFADD p a", "executes no commands on a HyperLogLog"},
	{"EVAL return 0", "executes no commands on scripts and functions"},
	{"FUNCTION LOAD x", "executes no commands on scripts and functions; rewrite the log with the server first: BGREWRITEAOF, with aof-use-rdb-preamble yes"},
	{"NOSUCH a b", "NOSUCH: command not supported: unknown command"},
	{"\x01\xff\"much-longer-than-any-name-of-a-command-is", `\X01\XFF\"MUCH-`},
	{"SET a", "SET: syntax error: 1 arguments"},
	{"SET a secret NOSUCH", "SET: syntax error"},
	{"MSET a 1 secret", "MSET: syntax error"},
	{"INCR k", "INCR: value is not an integer"},
	{"RENAME none secret", "RENAME: key not found"},
	{"MOVE k 99", "MOVE: database number out of range"},
	{"RESTORE s 0 secretsecretsecret", "RESTORE: payload of a"},
	{"BITFIELD k SET x9 0 1", "BITFIELD: syntax error"},
	{"SET k v IFDEQ secret", "SET: syntax error"},
	{"MSETEX 2 k secret", "MSETEX: syntax error"},
	{"MSETEX 1 k secret EX 0", "MSETEX: invalid expiry"},
	{"INCREX k", "INCREX: value is not an integer"},
	{"BITFIELD k SET iu8 0 1", "BITFIELD: syntax error"},
	{"BITFIELD k SET I8 0 1", "BITFIELD: syntax error"},
	{"BITFIELD k SET u 0 1", "BITFIELD: syntax error"},
	{"RESTORE s 0 $10 IDLETIME", "RESTORE: syntax error"},
	{"RESTORE s 0 $10 REPLACE FREQ", "RESTORE: syntax error"},
	{"RESTORE s 0 $10 FREQ secret", "RESTORE: syntax error"},
}

// TestRefusedCommand checks that a log with a command that cannot be applied is refused, also
// within a transaction. The error has the command, file, and offset, and no file changes.
func TestRefusedCommand(t *testing.T) {
	before := frames("SET k secret")
	for _, c := range refusedLogs {
		for _, multi := range []string{"", frames("MULTI")} {
			dir := t.TempDir()
			log := before + multi + frames(c.command)
			if multi != "" {
				log += frames("EXEC")
			}
			writeIncr(t, dir, log)
			s, err := perdure.Open(dir, logOnly()...)
			if err == nil {
				s.Close()
				t.Fatalf("%q: Open = nil, want an error", c.command)
			}
			text := err.Error()
			place := "appendonly.aof.1.incr.aof: offset " + strconv.Itoa(len(before+multi)) + ": "
			if !strings.Contains(text, c.want) || !strings.Contains(text, place) || strings.Contains(text, "secret") {
				t.Errorf("%q: %s, want %s%s", c.command, text, place, c.want)
			}
			var at *perdure.CommandError
			if !errors.As(err, &at) || at.Offset != int64(len(before+multi)) {
				t.Errorf("%q: Open = %#v, want offset %d", c.command, at, len(before+multi))
			}
			if strings.Contains(c.want, "not supported") {
				is(t, err, perdure.ErrCommand)
			}
			data, err := os.ReadFile(filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof"))
			ok(t, err)
			if string(data) != log {
				t.Errorf("%q: the log has changed, want it unchanged", c.command)
			}
		}
	}
}

// TestFlushAllKeepsFunctions checks that FLUSHALL removes keys but not the function libraries of a
// dump.
func TestFlushAllKeepsFunctions(t *testing.T) {
	dir := t.TempDir()
	server := redistest.Start(t, dir, "--appendonly", "yes")
	server.Must("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 7 end)")
	server.Must("BGREWRITEAOF")
	server.Wait("aof_rewrite_in_progress", "0")
	server.Must("SET", "a", "1")
	server.Must("FLUSHALL")
	server.Must("SET", "b", "1")
	server.Kill()
	s := open(t, dir, logOnly()...)
	ok(t, s.FlushAll())
	ok(t, s.Rewrite(t.Context()))
	ok(t, s.Close())
	server = redistest.Start(t, dir, "--appendonly", "yes")
	if n := server.Must("FCALL", "f", "0").Int(); n != 7 {
		t.Errorf("FCALL = %d, want 7", n)
	}
}
