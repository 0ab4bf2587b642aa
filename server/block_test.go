package server_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/server"
)

// blockScripts are scripts of several clients. A line begins with the name of a client and one of:
//
//	:  send a command and read the reply
//	>  send a command and wait until the client is blocked
//	+  send a command to a blocked client
//	<  read a reply
//	!  close the connection and wait until the client is not blocked anymore
//
// $a is replaced by the id of client a.
var blockScripts = map[string]string{
	"list":           "a> BLPOP k 0; w: RPUSH k x y; a<; w: LRANGE k 0 -1; b> BRPOP j 0; w: LPUSH j 1 2; b<; w: LRANGE j 0 -1",
	"first come":     "a> BLPOP k 0; b> BRPOP k 0; c> BLPOP k 0; w: RPUSH k 1; a<; w: RPUSH k 2 3 4; b<; c<; w: LRANGE k 0 -1",
	"several keys":   "a> BLPOP k j i 0; w: RPUSH i 1; a<; a> BLPOP k j i 0; w: RPUSH k 2; a<; w: EXISTS k j i",
	"in order":       "a> BLPOP k j 0; w: MULTI; w: RPUSH j 1; w: RPUSH k 2; w: EXEC; a<; w: EXISTS j; w: EXISTS k",
	"two for one":    "a> BLPOP k j 0; b> BLPOP k 0; w: MULTI; w: RPUSH k 1; w: RPUSH j 2; w: EXEC; a<; w: RPUSH k 3; b<; w: LRANGE j 0 -1",
	"same key":       "a> BLPOP k k 0; w: RPUSH k 1 2; a<; a: BLPOP k k 0; w: EXISTS k",
	"deleted":        "a> BLPOP k 0; w: MULTI; w: RPUSH k x; w: DEL k; w: EXEC; w: RPUSH k y; a<",
	"emptied":        "a> BLPOP k 0; w: MULTI; w: RPUSH k x; w: LPOP k; w: RPUSH k y; w: EXEC; a<",
	"length":         "a> BLPOP k 0; b> BLPOP k 0; w: RPUSH k x y; w: LLEN k; a<; b<; c> BLMPOP 0 1 k LEFT COUNT 2; w: LPUSH k 1 2 3; c<; w: LLEN k",
	"blmpop":         "a> BLMPOP 0 2 k j RIGHT COUNT 10; w: RPUSH j 1 2 3; a<; w: RPUSH k 1; a: BLMPOP 0 2 k j RIGHT COUNT 10",
	"move":           "a> BLMOVE k j LEFT RIGHT 0; w: RPUSH k 1 2; a<; b> BRPOPLPUSH i j 0; w: RPUSH i 3; b<; w: LRANGE j 0 -1; w: LRANGE k 0 -1",
	"chain":          "a> BLMOVE k j LEFT RIGHT 0; b> BLMOVE j i RIGHT LEFT 0; c> BLPOP i 0; w: RPUSH k 1; a<; b<; c<; w: EXISTS k j i",
	"chain reversed": "c> BLPOP i 0; b> BRPOPLPUSH j i 0; a> BRPOPLPUSH k j 0; w: RPUSH k 1 2; a<; b<; c<; w: LRANGE k 0 -1",
	"circle":         "a> BRPOPLPUSH k j 0; b> BRPOPLPUSH j k 0; w: RPUSH k 1; a<; b<; w: LRANGE k 0 -1; w: EXISTS j",
	"rotate":         "a> BRPOPLPUSH k k 0; b> BLMOVE k k LEFT RIGHT 0; w: RPUSH k 1 2 3; a<; b<; w: LRANGE k 0 -1",
	"bad target":     "w: SET j v; a> BLMOVE k j LEFT LEFT 0; b> BRPOPLPUSH k i 0; w: RPUSH k 1; a<; b<; w: LRANGE i 0 -1; w: GET j",
	"bad target 2":   "a> BRPOPLPUSH k j 0; w: SADD j m; w: RPUSH k 1; a<; w: LRANGE k 0 -1",
	"zset":           "a> BZPOPMIN z 0; w: ZADD z 2 b 1 a; a<; b> BZPOPMAX y x 0; w: ZADD x 2 b 1 a; b<; w: ZRANGE z 0 -1; w: ZRANGE x 0 -1",
	"zset order":     "a> BZPOPMIN z 0; b> BZPOPMAX z 0; c> BZMPOP 0 1 z MIN COUNT 2; w: ZADD z 1 a 2 b 3 c 4 d; a<; b<; c<; w: EXISTS z",
	"bzmpop":         "a> BZMPOP 0 2 y z MAX COUNT 10; w: ZADD z 1 a 2.5 b; a<; w: ZADD y 1 a; a: BZMPOP 0 2 y z MIN",
	"zunionstore":    "a> BZPOPMIN z 0; w: ZADD y 1 a 2 b; w: ZUNIONSTORE z 1 y; a<; w: ZRANGE z 0 -1; b> BZPOPMIN x 0; w: ZRANGESTORE x y 0 0; b<",
	"zinterstore":    "a> BZPOPMIN z 0; w: ZADD y 1 a 2 b; w: SADD s a; w: ZINTERSTORE z 2 y s; a<; b> BZPOPMAX x 0; w: ZDIFFSTORE x 2 y s; b<; w: EXISTS x z",
	"zincrby":        "a> BZPOPMIN z 0; w: ZINCRBY z 5 a; a<; w: EXISTS z; b> BZPOPMAX z 0; w: ZADD z INCR 2 a; b<",
	"empty store":    "a> BZPOPMIN z 0; w: ZUNIONSTORE z 1 none; b> BLPOP k 0; w: SORT none STORE k; w: ZADD z 1 a; w: RPUSH k 1; a<; b<",
	"rename":         "a> BLPOP k 0; w: RPUSH j 1 2; w: RENAME j k; a<; b> BLPOP j 0; w: RENAMENX k j; b<; w: EXISTS k j",
	"copy":           "a> BLPOP k 0; w: RPUSH j 1 2; w: COPY j k; a<; w: LRANGE j 0 -1; w: LRANGE k 0 -1",
	"move db":        "w: SELECT 1; w: RPUSH k 1; a> BLPOP k 0; w: MOVE k 0; a<; w: EXISTS k",
	"other db":       "a: SELECT 1; a> BLPOP k 0; w: RPUSH k 0; w: SELECT 1; w: RPUSH k 1; a<; w: SELECT 0; w: LRANGE k 0 -1",
	"swapdb":         "a> BLPOP k 0; w: SELECT 1; w: RPUSH k 1; w: SWAPDB 0 1; a<; w: SELECT 0; w: EXISTS k",
	"restore":        "a> BLPOP k 0; w: RPUSH j 1; w: SORT j STORE k; a<; w: LMOVE j k LEFT LEFT; b: BLPOP k 0",
	"lmove":          "a> BLPOP k 0; w: RPUSH j 1 2; w: LMOVE j k LEFT LEFT; a<; b> BRPOP k 0; w: RPOPLPUSH j k; b<; w: EXISTS j k",
	"linsert":        "a> BLPOP k 0; w: LINSERT k BEFORE x y; w: LPUSHX k 1; w: RPUSHX k 1; w: LPUSH k 2; a<",
	"string":         "a> BLPOP k 0; w: SET k v; w: APPEND k w; w: DEL k; w: RPUSH k 1; a<",
	"other type":     "a> BLPOP k 0; w: ZADD k 1 a; w: DEL k; w: SADD k a; w: DEL k; w: HSET k f v; w: DEL k; w: RPUSH k 1; a<; w: EXISTS k",
	"both types":     "a> BLPOP k 0; b> BZPOPMIN k 0; w: ZADD k 1 m; b<; w: RPUSH k 1; a<; w: EXISTS k",
	"wrong type":     "w: SET k v; a: BLPOP k 0; a: BLMOVE k j LEFT LEFT 0; a: BZPOPMIN k 0; a: BLPOP j k 0; w: ZADD z 1 a; a: BLMPOP 0 2 j z LEFT; a: BZMPOP 0 1 k MIN",
	"overwritten":    "a> BLPOP k 0; w: MULTI; w: RPUSH k 1; w: SET k v; w: EXEC; w: DEL k; w: RPUSH k 2; a<",
	"arguments":      "a: BLPOP k -1; a: BLPOP k x; a: BLPOP k; a: BLMOVE k j LEFT LEFT -1; a: BLMOVE k j UP LEFT 0; a: BRPOPLPUSH k j nan; a: BLMPOP x 1 k LEFT; a: BLMPOP 0 0 k LEFT; a: BZMPOP -1 1 k MIN; a: BZPOPMIN k inf; a: BLPOP k 1e300",
	"timeout":        "a: BLPOP k 0.05; a: BLMOVE k j LEFT LEFT 0.05; a: BRPOPLPUSH k j 0.05; a: BLMPOP 0.05 1 k LEFT; a: BZPOPMAX k 0.05; a: BZMPOP 0.05 1 k MIN; w: RPUSH k 1; w: LLEN k",
	"multi":          "a: MULTI; a: BLPOP k 0; a: BLMOVE k j LEFT LEFT 0; a: BRPOPLPUSH k j 0; a: BLMPOP 0 1 k LEFT; a: BZPOPMIN k 0; a: BZMPOP 0 1 k MAX; a: RPUSH k 1; a: BLPOP k 0; a: EXEC",
	"multi wakes":    "a> BLPOP k 0; b: MULTI; b: RPUSH k 1 2; b: BLPOP k 0; b: EXEC; a<; w: EXISTS k",
	"unblock":        "a> BLPOP k 0; w: CLIENT UNBLOCK $a; a<; w: CLIENT UNBLOCK $a; a> BZPOPMIN k 0; w: CLIENT UNBLOCK $a ERROR; a<; a> BLMOVE k j LEFT LEFT 0; w: CLIENT UNBLOCK $a timeout; a<; w: RPUSH k 1; w: LLEN k",
	"unblock words":  "w: CLIENT UNBLOCK $w; w: CLIENT UNBLOCK x; w: CLIENT UNBLOCK 1 NOW; w: CLIENT UNBLOCK; w: CLIENT UNBLOCK 1 ERROR x; w: CLIENT UNBLOCK 999999",
	"pipeline":       "a> BLPOP k 0; a+ SET n 1; a+ INCR n; a+ RPUSH k 2; w: EXISTS n; w: RPUSH k 1; a<; a<; a<; a<; w: LRANGE k 0 -1",
	"pipeline again": "a> BLPOP k 0; a+ BLPOP k 0; a+ PING; w: RPUSH k 1; a<; w: RPUSH k 2; a<; a<",
	"closed":         "a> BLPOP k 0; b> BLPOP k 0; a!; w: RPUSH k 1 2; b<; w: LRANGE k 0 -1",
	"closed mover":   "a> BLMOVE k j LEFT LEFT 0; a!; w: RPUSH k 1; w: LRANGE k 0 -1; w: EXISTS j",
	"killed":         "a> BLPOP k 0; w: CLIENT KILL ID $a; w: RPUSH k 1; w: LRANGE k 0 -1",
	"reply off":      "a: CLIENT REPLY ON; a> BLPOP k 0; w: RPUSH k 1; a<; a: PING",
	"watch":          "a> BRPOPLPUSH k j 0; b: WATCH j; b: MULTI; b: SET n 1; w: RPUSH k 1; a<; b: EXEC",
	"watch pop":      "a> BLPOP k 0; b: WATCH k; b: MULTI; b: SET n 1; w: RPUSH k 1; a<; b: EXEC",
	"expired":        "a> BLPOP k 0; w: MULTI; w: RPUSH k 1; w: PEXPIRE k -1; w: EXEC; w: RPUSH k 2; a<",
	"update":         "a> BLPOP k 0; w: RPUSH j 1 2 3; w: MULTI; w: LMOVE j k LEFT LEFT; w: LMOVE j k LEFT LEFT; w: EXEC; a<; w: LRANGE k 0 -1",
}

// A player runs scripts against a server.
type player struct {
	t        *testing.T
	socket   string
	version  string
	observer *conn
	clients  map[string]*conn
	ids      map[string]string
}

var blockedClients = regexp.MustCompile(`blocked_clients:(\d+)`)

// blocked returns the number of blocked clients.
func (p *player) blocked() int {
	match := blockedClients.FindStringSubmatch(p.observer.do("INFO", "clients"))
	if match == nil {
		p.t.Fatal("INFO clients has no field blocked_clients")
	}
	n, _ := strconv.Atoi(match[1])
	return n
}

// await waits until n clients are blocked.
func (p *player) await(n int) {
	for p.blocked() != n {
	}
}

func (p *player) client(name string) *conn {
	if p.clients[name] == nil {
		c := dial(p.t, p.socket)
		c.do("HELLO", p.version)
		p.clients[name], p.ids[name] = c, strings.Trim(c.do("CLIENT", "ID"), ":\r\n")
	}
	return p.clients[name]
}

// play returns the replies of a script.
func (p *player) play(script string) (replies []string) {
	p.clients, p.ids = map[string]*conn{}, map[string]string{}
	p.observer = dial(p.t, p.socket)
	p.observer.do("FLUSHALL")
	for _, line := range strings.Split(script, "; ") {
		name, kind, words := line[:1], line[1], strings.Fields(line[2:])
		c := p.client(name)
		for i, word := range words {
			if id, ok := strings.CutPrefix(word, "$"); ok {
				words[i] = p.ids[id]
			}
		}
		before := p.blocked()
		switch kind {
		case ':':
			replies = append(replies, line+" = "+c.do(words...))
		case '<':
			replies = append(replies, line+" = "+c.reply())
		case '!':
			c.Close()
			p.await(before - 1)
		default:
			c.send(strings.Join(words, " ") + "\r\n")
			if kind == '>' {
				p.await(before + 1)
			}
		}
	}
	for _, c := range p.clients {
		c.Close()
	}
	p.await(0)
	return replies
}

// TestBlockingIsRedis runs scripts against a redis-server and a Server, and compares the replies.
func TestBlockingIsRedis(t *testing.T) {
	redis := redistest.Start(t, "").Socket
	small, trees := serve(t, onDisk(t)), serve(t, onDisk(t, storefs.SmallCollections(1)))
	for _, version := range []string{"2", "3"} {
		for name, script := range blockScripts {
			t.Run(fmt.Sprintf("RESP%s/%s", version, name), func(t *testing.T) {
				want := (&player{t: t, socket: redis, version: version}).play(script)
				for _, socket := range []string{small, trees} {
					got := (&player{t: t, socket: socket, version: version}).play(script)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("replies (-redis +got):\n%s", diff)
					}
				}
			})
		}
	}
}

// TestBlockingLogIsRedis runs the scripts and compares the logs, command by command.
func TestBlockingLogIsRedis(t *testing.T) {
	ourDir, redisDir := t.TempDir(), t.TempDir()
	redis := redistest.Start(t, redisDir, "--appendonly", "yes").Socket
	ours := serve(t, withLog(t, ourDir))
	for _, name := range slices.Sorted(maps.Keys(blockScripts)) {
		for _, socket := range []string{redis, ours} {
			(&player{t: t, socket: socket, version: "2"}).play("w: SELECT 0; w: SET script " + name[:1] + "; " + blockScripts[name])
		}
	}
	want, got := logged(t, redisDir), logged(t, ourDir)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("commands of the log (-redis +got):\n%s", diff)
	}
}

// logged returns the commands of a log in upper case.
func logged(t *testing.T, dir string) (commands []string) {
	t.Helper()
	c := &conn{t: t, in: bufio.NewReader(strings.NewReader(readLog(t, dir)))}
	for {
		first, err := c.in.Peek(1)
		switch {
		case err != nil:
			return commands
		case first[0] == '#':
			_, _ = c.in.ReadString('\n')
			continue
		}
		var words []string
		for _, word := range elements(c.reply()) {
			words = append(words, text(word))
		}
		commands = append(commands, strings.ToUpper(strings.Join(words, " ")))
	}
}

// TestBlockedClientEnds checks that a client that waits is noticed to be gone over TLS, too, and
// that the end of the server ends the wait.
func TestBlockedClientEnds(t *testing.T) {
	config, roots := certificate(t)
	store := memory(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("Listen = %v, want nil", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.New(store, server.WithTLS(config)).Serve(ctx, l) }()
	connect := func() *conn {
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "localhost"})
		if err != nil {
			t.Fatalf("Dial = %v, want nil", err)
		}
		return wrap(t, c)
	}
	p := &player{t: t, observer: connect()}
	gone, served1, left := connect(), connect(), connect()
	for i, c := range []*conn{gone, served1, left} {
		c.send("BLPOP k 0\r\n")
		p.await(i + 1)
	}
	gone.Close()
	p.await(2)
	p.observer.want(":1\r\n", "RPUSH", "k", "1")
	if got, want := served1.reply(), "*2\r\n$1\r\nk\r\n$1\r\n1\r\n"; got != want {
		t.Errorf("BLPOP = %q, want %q", got, want)
	}
	served1.want("+PONG\r\n", "PING")
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	if !left.ended() {
		t.Error("the connection of a client that waits is open, want it closed")
	}
	if _, err := store.ListAt("k").PushBack([]byte("2")); err != nil {
		t.Fatal(err)
	}
	if n, _ := store.ListAt("k").Len(); n != 1 {
		t.Errorf("Len = %d, want 1", n)
	}
}

// TestBlockedClientBuffersCommands checks the limit of the commands that a client sends while it
// waits.
func TestBlockedClientBuffersCommands(t *testing.T) {
	store := memory(t)
	socket := serve(t, store, server.WithLimits(server.Limits{Query: 1 << 16}))
	c := dial(t, socket)
	c.send("BLPOP k 0\r\n")
	go func() { _, _ = c.Write([]byte(strings.Repeat("PING\r\n", 20000))) }()
	if got := c.rest(); got != "" {
		t.Errorf("replies = %.50q, want none, and the end", got)
	}
}
