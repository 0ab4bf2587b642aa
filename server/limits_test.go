package server_test

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure/server"
)

// TestLimits checks what the server does with a client that exceeds a limit.
func TestLimits(t *testing.T) {
	socket := serve(t, memory(t), server.WithLimits(server.Limits{
		Query: 1 << 16, Argument: 1 << 15, Arguments: 100, Queued: 1 << 12, Watched: 2, Reply: 1 << 16,
	}))
	for name, c := range map[string]struct{ send, want string }{
		"arguments":      {"*101\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
		"argument":       {"*2\r\n$3\r\nGET\r\n$32769\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
		"line":           {strings.Repeat("x", 70000), "-ERR Protocol error: too big inline request\r\n"},
		"query":          {"*5\r\n" + strings.Repeat("$20000\r\n"+strings.Repeat("x", 20000)+"\r\n", 4), ""},
		"no number":      {"*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
		"no bulk":        {"*1\r\n+PING\r\n", "-ERR Protocol error: expected '$', got '+'\r\n"},
		"negative bulk":  {"*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
		"quotes":         {"GET \"x\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
		"overflow":       {"*99999999999999999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
		"empty commands": {"*0\r\n*-1\r\n\r\nPING\r\nQUIT\r\n", "+PONG\r\n+OK\r\n"},
		"quoted line":    {"SET 'a b' \"\\x41\\n\"\r\nGET 'a b'\r\nQUIT\r\n", "+OK\r\n$2\r\nA\n\r\n+OK\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, socket)
			go func() { _, _ = conn.Write([]byte(c.send)) }()
			if got := conn.rest(); got != c.want {
				t.Errorf("replies = %q, want %q and the end", got, c.want)
			}
		})
	}
	c := dial(t, socket)
	c.want("-ERR too many watched keys\r\n", "WATCH", "a", "b", "c")
	c.do("MULTI")
	c.want("-ERR the transaction is too large\r\n", "SET", "k", strings.Repeat("x", 5000))
	c.want("-EXECABORT Transaction discarded because of previous errors.\r\n", "EXEC")
	c.do("SET", "k", strings.Repeat("x", 30000))
	c.want("-ERR the reply is too large\r\n", "MGET", "k", "k", "k")
	for i := range 20 {
		c.do("SET", strings.Repeat("k", 4000+i), "v")
	}
	c.want("-ERR the reply is too large\r\n", "KEYS", "*")
	c.want("*1\r\n$1\r\nk\r\n", "KEYS", "?")
	dial(t, socket).want("+PONG\r\n", "PING")
}

func TestClientsAreLimited(t *testing.T) {
	socket := serve(t, memory(t), server.WithLimits(server.Limits{Clients: 2}))
	a, b := dial(t, socket), dial(t, socket)
	a.want("+PONG\r\n", "PING")
	b.want("+PONG\r\n", "PING")
	if got := dial(t, socket).rest(); got != "-ERR max number of clients reached\r\n" {
		t.Errorf("third client: %q, want an error", got)
	}
	a.want("+PONG\r\n", "PING")
}

// TestMemoryOfClientsIsLimited sends halves of large commands.
func TestMemoryOfClientsIsLimited(t *testing.T) {
	socket := serve(t, memory(t), server.WithLimits(server.Limits{Memory: 1 << 20}))
	for range 3 {
		c := dial(t, socket)
		go func() { _, _ = c.Write([]byte("*2\r\n$4\r\nECHO\r\n$4000000\r\n" + strings.Repeat("x", 3000000))) }()
		if got := c.rest(); got != "-ERR the buffers of all clients need too much memory\r\n" && got != "" {
			t.Errorf("replies = %q, want an error", got)
		}
	}
	dial(t, socket).want("+PONG\r\n", "PING")
}

// TestRepliesNeedMemory asks for replies that the memory of all clients does not permit. They fail
// before they are built.
func TestRepliesNeedMemory(t *testing.T) {
	socket := serve(t, memory(t), server.WithLimits(server.Limits{Memory: 4 << 20}))
	c := dial(t, socket)
	c.want("+OK\r\n", "SET", "k", strings.Repeat("x", 1<<20))
	for _, words := range [][]string{{"MGET", "k", "k", "k", "k", "k"}, {"GETRANGE", "k", "0", "-1"}, {"DUMP", "k"}, {"GET", "k"}} {
		got := c.do(words...)
		if fails := got == "-ERR the reply is too large\r\n"; fails != (words[0] == "MGET") {
			t.Errorf("%q = %.40q, want an error only for MGET", words, got)
		}
	}
	c.do("MULTI")
	for range 5 {
		c.do("GET", "k")
	}
	if got := elements(c.do("EXEC")); got[2][0] != '$' || got[4] != "-ERR the reply is too large\r\n" {
		t.Errorf("EXEC of 5 GETs: third %.40q, fifth %.40q, want an error for the fifth", got[2], got[4])
	}
	c.want("+PONG\r\n", "PING")
}

// TestSlowReaderHurtsNobody has a client that asks for much and reads nothing.
func TestSlowReaderHurtsNobody(t *testing.T) {
	socket := serve(t, memory(t), server.WithLimits(server.Limits{Write: 50 * time.Millisecond}))
	slow, c := dial(t, socket), dial(t, socket)
	c.do("SET", "k", strings.Repeat("x", 1<<20))
	go func() {
		for range 100 {
			if _, err := slow.Write([]byte("GET k\r\n")); err != nil {
				return
			}
		}
	}()
	for range 1000 {
		c.want("+PONG\r\n", "PING")
		c.want(":"+"1048576\r\n", "STRLEN", "k")
	}
	for strings.Count(c.do("CLIENT", "LIST"), "\n") > 3 { // a header, a line a client, the end
		c.do("PING")
	}
}

func TestIdleClientIsClosed(t *testing.T) {
	socket := serve(t, memory(t), server.WithLimits(server.Limits{Idle: 20 * time.Millisecond, Command: 20 * time.Millisecond}))
	for _, half := range []string{"", "*1\r\n$4\r\nPI"} {
		c := dial(t, socket)
		c.send(half)
		if !c.ended() {
			t.Errorf("%q: the connection is open, want it closed", half)
		}
	}
}

func TestPassword(t *testing.T) {
	socket := serve(t, memory(t), server.WithPassword("secret"), server.WithLimits(server.Limits{Login: time.Minute}))
	c := dial(t, socket)
	c.want("-NOAUTH Authentication required.\r\n", "GET", "k")
	c.want("-WRONGPASS invalid username-password pair or user is disabled.\r\n", "AUTH", "wrong")
	if got := c.do("HELLO", "3"); !strings.HasPrefix(got, "-NOAUTH ") {
		t.Errorf("HELLO 3 = %q, want NOAUTH", got)
	}
	if got := c.do("HELLO", "3", "AUTH", "default", "secret"); !strings.HasPrefix(got, "%7\r\n") {
		t.Errorf("HELLO 3 AUTH = %q, want a map", got)
	}
	c.want("_\r\n", "GET", "k")
	c.want("+RESET\r\n", "RESET")
	c.want("-NOAUTH Authentication required.\r\n", "GET", "k")
	c.want("+OK\r\n", "AUTH", "default", "secret")
	guess := dial(t, socket)
	for range 16 {
		guess.do("AUTH", "guess")
	}
	if !guess.ended() {
		t.Error("the connection is open after 16 wrong passwords, want it closed")
	}
	big := dial(t, socket)
	big.send("*11\r\n")
	if got := big.rest(); got != "-ERR Protocol error: unauthenticated multibulk length\r\n" {
		t.Errorf("11 arguments before the password: %q, want an error", got)
	}
}

func TestReadOnly(t *testing.T) {
	store := memory(t)
	if err := store.Set("k", []byte("v")); err != nil {
		t.Fatalf("Set = %v, want nil", err)
	}
	c := dial(t, serve(t, store, server.WithReadOnly()))
	c.want("$1\r\nv\r\n", "GET", "k")
	for _, words := range [][]string{
		{"SET", "k", "w"}, {"DEL", "k"}, {"FLUSHALL"}, {"RESTORE", "k", "0", "x"}, {"CONFIG", "SET", "save", ""}, {"SAVE"}, {"BGSAVE"},
		{"BGREWRITEAOF"}, {"SHUTDOWN"}, {"SWAPDB", "0", "1"}, {"CONFIG", "RESETSTAT"}, {"EXPIRE", "k", "0"}, {"GETDEL", "k"},
	} {
		c.want("-READONLY You can't write against a read only replica.\r\n", words...)
	}
	c.want("$1\r\nv\r\n", "GET", "k")
}

func TestAddress(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Skip("listening on every address is not possible here")
	}
	err = server.New(memory(t)).Serve(t.Context(), l)
	if !errors.Is(err, server.ErrAddress) {
		t.Errorf("Serve on every address = %v, want ErrAddress", err)
	}
}

func TestTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, roots := certificate(t)
	serveOn(t, l, memory(t), server.WithTLS(config), server.WithLimits(server.Limits{Login: 20 * time.Millisecond}))
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("a connection without a handshake is open, want it closed")
	}
	secure, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	wrap(t, secure).want("+PONG\r\n", "PING")
}
