package server_test

import (
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
)

// fixed are commands about the connection and the server, separated by line. Words are separated by
// a space; EMPTY is an empty word.
const fixed = `
PING
PING a b
PING hello
ECHO a
ECHO
SELECT 99
SELECT x
SELECT 99999999999
SELECT 3
SELECT 0
AUTH a
AUTH default x
AUTH a b c
HELLO 1
HELLO x
HELLO 2 AUTH x
HELLO 2 SETNAME
HELLO 2 NOSUCH
RESET
TIME x
QUIT x
CLIENT
CLIENT NOSUCH
CLIENT GETNAME
CLIENT SETNAME me
CLIENT GETNAME
CLIENT SETNAME EMPTY
CLIENT GETNAME
CLIENT SETNAME
CLIENT ID x
CLIENT KILL 1.2.3.4:5
CLIENT KILL ID x
CLIENT KILL ID 0
CLIENT KILL NOSUCH x
CLIENT KILL ID 12345 SKIPME yes
CLIENT KILL TYPE nosuch
CLIENT KILL USER nosuch
CLIENT KILL ADDR 1.2.3.4:5
CLIENT LIST TYPE x
CLIENT LIST TYPE master
CLIENT LIST NOSUCH
CLIENT LIST ID x
CLIENT REPLY x
CLIENT NO-EVICT x
CLIENT NO-EVICT on
CLIENT GETREDIR
CLIENT UNPAUSE
COMMAND NOSUCH
COMMAND COUNT x
COMMAND INFO nosuch
COMMAND LIST FILTERBY x y
COMMAND LIST FILTERBY MODULE nosuch
COMMAND GETKEYS ping
COMMAND GETKEYS get
COMMAND GETKEYS get k
COMMAND GETKEYS nosuch k
COMMAND GETKEYS ping k
COMMAND GETKEYS mset a 1 b 2
COMMAND GETKEYS bitop and d a b
COMMAND GETKEYS object encoding k
COMMAND GETKEYS rename a b c
COMMAND DOCS nosuch
CONFIG
CONFIG NOSUCH
CONFIG GET
CONFIG HELP
CONFIG HELP x
SLOWLOG HELP
CONFIG GET nosuch
CONFIG GET appendfsync
CONFIG GET maxmemory
CONFIG SET appendfsync x
CONFIG SET appendonly maybe
CONFIG SET auto-aof-rewrite-percentage x
CONFIG SET auto-aof-rewrite-min-size x
CONFIG SET auto-aof-rewrite-min-size 32mb
CONFIG GET auto-aof-rewrite-min-size
CONFIG SET save x
CONFIG SET save 100
CONFIG SET databases 3
CONFIG SET dir /nowhere
CONFIG SET dbfilename x
CONFIG SET nosuch x
CONFIG SET NoSuch x
CONFIG SET maxmemory-policy noeviction hz 10
CONFIG SET hz 10 hz 20
CONFIG SET maxmemory x
CONFIG SET maxmemory 0
CONFIG SET slowlog-max-len x
CONFIG SET activerehashing maybe
CONFIG SET activerehashing YES
CONFIG GET activerehashing
CONFIG SET hz
CONFIG SET hash-max-ziplist-entries 100
CONFIG GET hash-max-listpack-entries
CONFIG RESETSTAT
CONFIG RESETSTAT x
CONFIG REWRITE
MEMORY USAGE nosuch
MEMORY NOSUCH
MODULE LIST
SLOWLOG LEN
SLOWLOG GET
SLOWLOG RESET
LATENCY LATEST
LATENCY RESET
ACL WHOAMI
ACL USERS
FUNCTION FLUSH
FUNCTION LIST
LASTSAVE x
BGSAVE x
SAVE x
BGREWRITEAOF x
WAIT x y
WAIT 0 x
WAIT 0 -1
WAIT 0 10
ROLE
DEBUG
DBSIZE x
FLUSHALL x
FLUSHDB ASYNC
FLUSHALL SYNC
SWAPDB 0 x
SWAPDB x 0
SWAPDB 0 99
SHUTDOWN x
INFO nosuch
INFO nosuch nosuch2
OBJECT
OBJECT HELP
OBJECT HELP x
OBJECT NOSUCH
OBJECT ENCODING
OBJECT ENCODING nosuch
SET n 12
OBJECT ENCODING n
SET s text
OBJECT ENCODING s
SET l 012345678901234567890123456789012345678901234
OBJECT ENCODING l
OBJECT IDLETIME s
EXEC
DISCARD
MULTI
MULTI
WATCH k
DISCARD
WATCH
UNWATCH
MULTI
PING
SELECT 1
CLIENT GETNAME
CONFIG GET hz
SAVE
EXEC
MULTI
CONFIG GET hz
SET in transaction
GET in
INFO nosuch
LASTSAVE x
EXEC
MULTI
CONFIG GET hz
SET in transaction
GET in
INFO nosuch
CLIENT NOSUCH
EXEC
MULTI
SELECT 2
GET in
SELECT 0
CONFIG GET hz
GET n
INFO nosuch
ECHO end
EXEC
ECHO
DEL scores
ZADD scores 1 a 2 b 3 c
ZRANGE scores 0 -1 LIMIT -6 -1
ZRANGE scores 0 -1 LIMIT 2 -1
ZRANGE scores 0 -1 REV LIMIT 1 -1
ZRANGE scores 0 -1 LIMIT 0 2
DEL zeros signs infinite
ZADD zeros 0 a 1 b -1 c -0 d inf e
ZADD signs -0 a 0 d -inf e
ZINTERSTORE infinite 2 zeros zeros WEIGHTS 6 -inf AGGREGATE MIN
ZRANGE infinite 0 -1 WITHSCORES
ZADD infinite 1 new
ZINTERSTORE infinite 2 zeros signs AGGREGATE MIN
ZRANGE infinite 0 -1 WITHSCORES
ZINTERSTORE infinite 2 zeros zeros WEIGHTS 6 -inf AGGREGATE MAX
ZRANGE infinite 0 -1 WITHSCORES
ZADD infinite 1 new
ZINTERSTORE infinite 2 zeros signs AGGREGATE MAX
ZRANGE infinite 0 -1 WITHSCORES
ZINTERSTORE infinite 2 zeros zeros WEIGHTS 6 -inf AGGREGATE SUM
ZRANGE infinite 0 -1 WITHSCORES
ZADD infinite 1 new
ZINTERSTORE infinite 2 zeros signs AGGREGATE SUM
ZRANGE infinite 0 -1 WITHSCORES
ZUNIONSTORE infinite 2 zeros zeros WEIGHTS 6 -inf AGGREGATE MIN
ZRANGE infinite 0 -1 WITHSCORES
ZADD infinite 1 new
ZUNIONSTORE infinite 2 zeros signs AGGREGATE MIN
ZRANGE infinite 0 -1 WITHSCORES
ZUNIONSTORE infinite 2 zeros zeros WEIGHTS 6 -inf AGGREGATE MAX
ZRANGE infinite 0 -1 WITHSCORES
ZADD infinite 1 new
ZUNIONSTORE infinite 2 zeros signs AGGREGATE MAX
ZRANGE infinite 0 -1 WITHSCORES
ZUNIONSTORE infinite 2 zeros zeros WEIGHTS 6 -inf AGGREGATE SUM
ZRANGE infinite 0 -1 WITHSCORES
ZADD infinite 1 new
ZUNIONSTORE infinite 2 zeros signs AGGREGATE SUM
ZRANGE infinite 0 -1 WITHSCORES
`

// TestFixedRepliesAreRedis compares the replies to fixed commands byte for byte.
func TestFixedRepliesAreRedis(t *testing.T) {
	redis := redistest.Start(t, "", "--appendfsync", "everysec")
	for _, version := range []string{"2", "3"} {
		theirs, ours := dial(t, redis.Socket), dial(t, serve(t, onDisk(t)))
		theirs.do("FLUSHALL")
		theirs.do("CONFIG", "SET", "hz", "10", "hash-max-listpack-entries", "512", "auto-aof-rewrite-min-size", "64mb")
		for _, line := range strings.Split(strings.TrimSpace(fixed), "\n") {
			words := strings.Fields(line)
			for i := range words {
				if words[i] == "EMPTY" {
					words[i] = ""
				}
			}
			if words[0] == "QUIT" || words[0] == "RESET" { // RESET selects version 2
				continue
			}
			if words[0] == "PING" && version == "3" {
				theirs.do("HELLO", version)
				ours.do("HELLO", version)
			}
			if got, want := ours.do(words...), theirs.do(words...); got != want {
				t.Errorf("RESP%s: %s\n got %.300q\nwant %.300q", version, line, got, want)
			}
		}
	}
}
