package server_test

import (
	"bufio"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/server"
)

// TestRepliesAreRedis sends the same random commands to a redis-server and to a Server, and
// compares the replies byte for byte. PERDURE_REPLIES sets the number of commands, PERDURE_SEED the
// seed.
func TestRepliesAreRedis(t *testing.T) {
	redis := redistest.Start(t, "")
	total := number("PERDURE_REPLIES", 20000)
	seed := number("PERDURE_SEED", int(rand.Uint32()))
	t.Logf("%d commands, PERDURE_SEED=%d", total, seed)
	for _, version := range []string{"2", "3"} {
		t.Run("RESP"+version, func(t *testing.T) {
			g := &generator{Rand: rand.New(rand.NewPCG(uint64(seed), 1))}
			g.list = dumpList(redis)
			store := onDisk(t)
			if version == "3" { // large collections
				store = onDisk(t, storefs.SmallCollections(1))
			}
			theirs, ours := dial(t, redis.Socket), dial(t, serve(t, store, server.WithDebug()))
			for _, c := range []*conn{theirs, ours} {
				c.do("FLUSHALL")
				c.do("HELLO", version)
			}
			compare(t, g, total/2, theirs, ours)
			if err := engine.Of(store).CheckTable(); err != nil {
				t.Error(err)
			}
		})
	}
}

// onDisk returns an empty store with a directory, without a log and automatic saves.
func onDisk(t *testing.T, opts ...perdure.Option) *perdure.Store {
	t.Helper()
	s, err := perdure.Open(t.TempDir(), append(opts, perdure.WithoutAppendLog(), perdure.WithSaveRules())...)
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func number(variable string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return otherwise
}

// dumpList returns the DUMP of a list.
func dumpList(redis *redistest.Server) string {
	redis.Must("DEL", "list")
	redis.Must("RPUSH", "list", "a", "b")
	return redis.Must("DUMP", "list").Text
}

// clearError is a command that sets errno to 0. A redis-server refuses a SORT of numbers if an
// earlier command met a number out of range.
var clearError = []string{"ZADD", "none", "XX", "0", "m"}

// compare sends commands to both servers, and fails the test after some that differ.
func compare(t *testing.T, g *generator, total int, theirs, ours *conn) {
	t.Helper()
	differences := 0
	var queued [][]string
	for sent := 0; sent < total && differences < 20; {
		var batch [][]string
		var bytes []byte
		for range 1 + g.IntN(50) {
			words := g.command()
			if strings.HasPrefix(strings.ToUpper(words[0]), "SORT") {
				batch = append(batch, clearError)
			}
			batch = append(batch, words)
		}
		for _, words := range batch {
			bytes = resp.AppendCommand(bytes, words...)
		}
		theirs.limit()
		ours.limit()
		theirs.send(string(bytes))
		ours.send(string(bytes))
		for _, words := range batch {
			want, got := theirs.reply(), ours.reply()
			equal := equalReplies(words, got, want)
			switch {
			case want == "+QUEUED\r\n":
				queued = append(queued, words)
			case strings.EqualFold(words[0], "EXEC"), strings.EqualFold(words[0], "DISCARD"):
				equal = equal || equalResults(queued, got, want)
				queued = nil
			}
			if !equal {
				differences++
				t.Errorf("%.200q\n got %.200q\nwant %.200q", words, got, want)
			}
		}
		sent += len(batch)
	}
}

// equalResults compares the replies to EXEC element by element.
func equalResults(queued [][]string, got, want string) bool {
	ours, theirs := elements(got), elements(want)
	if len(ours) != len(queued) || len(theirs) != len(queued) {
		return false
	}
	for i, words := range queued {
		if !equalReplies(words, ours[i], theirs[i]) {
			return false
		}
	}
	return true
}

// elements returns the elements of an array.
func elements(raw string) (all []string) {
	c := &conn{in: bufio.NewReader(strings.NewReader(raw))}
	header, _ := c.in.ReadString('\n')
	n, _ := strconv.Atoi(strings.Trim(header, "*\r\n"))
	for range n {
		element, _ := c.next()
		all = append(all, element)
	}
	return all
}

// equalReplies compares replies to a command. Replies in an order that a server chooses are
// compared as sets. Times that each server reads from its clock may differ by two seconds.
func equalReplies(words []string, got, want string) bool {
	if got == want {
		return true
	}
	switch strings.ToUpper(words[0]) {
	case "KEYS":
		return slices.Equal(sorted(got), sorted(want))
	case "SCAN": // the order and the cursors are those of the table
		const whole = "*2\r\n$1\r\n0\r\n"
		if words[1] == "0" && strings.HasPrefix(got, whole) && strings.HasPrefix(want, whole) {
			return slices.Equal(sorted(got), sorted(want))
		}
		return got[:2] == want[:2]
	case "HELLO":
		return id.ReplaceAllString(got, "") == id.ReplaceAllString(want, "")
	case "DUMP": // an older version, without compression: see TestDumpIsReadable
		return got[0] == want[0] && (got[1] == '-') == (want[1] == '-')
	case "COMMAND": // of a number of keys, a server uses the digits at the start
		return got[0] == want[0] || strings.HasPrefix(got, "-ERR Invalid arguments")
	case "RANDOMKEY", "TIME", "LASTSAVE", "INFO":
		return got[0] == want[0]
	case "DBSIZE": // it counts a key that has expired until it is deleted
		return near(got, want, 3)
	case "TTL", "EXPIRETIME":
		return near(got, want, 2)
	case "PTTL", "PEXPIRETIME":
		return near(got, want, 2000)
	}
	return equalCollections(words, got, want)
}

// id is the id of a client in the reply to HELLO.
var id = regexp.MustCompile(`id\r\n:\d+`)

func sorted(reply string) []string {
	parts := strings.Split(reply, "\r\n")
	slices.Sort(parts)
	return parts
}

func near(got, want string, most int64) bool {
	a, err := strconv.ParseInt(strings.Trim(got, ":\r\n"), 10, 64)
	b, err2 := strconv.ParseInt(strings.Trim(want, ":\r\n"), 10, 64)
	return err == nil && err2 == nil && max(a-b, b-a) <= most && (a < 0) == (b < 0)
}

// generator makes random commands.
type generator struct {
	*rand.Rand
	list string // the DUMP of a list
}

// command returns the words of a command. One in ten has an argument too many, too few, or wrong.
func (g *generator) command() []string {
	template := templates[g.IntN(len(templates))]
	if g.IntN(2) == 0 {
		template = collectionTemplates[g.IntN(len(collectionTemplates))]
	}
	var words []string
	for _, field := range strings.Fields(template) {
		words = append(words, g.words(field)...)
	}
	switch g.IntN(30) {
	case 0:
		words = words[:1+g.IntN(len(words))]
	case 1:
		words = append(words, g.value())
	case 2:
		if len(words) > 1 {
			words[1+g.IntN(len(words)-1)] = g.value()
		}
	case 3:
		words[0] = strings.ToLower(words[0])
	}
	if strings.EqualFold(words[0], "RESTORE") && len(words) > 3 && strings.Trim(words[3], "\x00") == "" {
		words[3] = "x" // redis-server accepts zeros, because their checksum is 0
	}
	words = tamed(words)
	for i := range words {
		if n, err := strconv.Atoi(words[i]); err == nil && 0 < n && n < 10000 && isExpiry(words, i) {
			words[i] = "100000" // no key expires during the test
		}
	}
	return words
}

// isExpiry reports whether word i can be a time to live.
func isExpiry(words []string, i int) bool {
	switch strings.ToUpper(words[0]) {
	case "EXPIRE", "PEXPIRE", "SETEX", "PSETEX", "RESTORE":
		return i == 2
	case "SET", "GETEX":
		return i > 1 && slices.Contains([]string{"EX", "PX"}, strings.ToUpper(words[i-1]))
	}
	return false
}

// templates are commands with kinds of arguments: k a key, v a value, i a number, f a float, b a
// bit, o an offset, t an expiry, d a database. A suffix ? makes it optional, and + repeats it.
var templates = []string{
	"SET k v", "SET k i", "SET k f", "SET k v set?", "SET k v set? set?", "SET k v set? set? set?", "GET k", "GETSET k v", "GETDEL k",
	"GETEX k", "GETEX k getex", "SETNX k v", "SETEX k t v", "PSETEX k t v", "MGET k+", "MSET kv+", "MSETNX kv+",
	"INCR k", "DECR k", "INCRBY k i", "DECRBY k i", "INCRBYFLOAT k f", "APPEND k v", "STRLEN k",
	"GETRANGE k i i", "SUBSTR k i i", "SETRANGE k o v", "SETBIT k o b", "GETBIT k o",
	"BITCOUNT k", "BITCOUNT k i i", "BITCOUNT k i i unit", "BITPOS k b", "BITPOS k b i", "BITPOS k b i i", "BITPOS k b i i unit",
	"BITOP bitop k k+", "BITFIELD k field+", "BITFIELD_RO k field+", "LCS k k", "LCS k k lcs?", "LCS k k lcs? lcs? lcs?",
	"DEL k+", "UNLINK k+", "EXISTS k+", "TOUCH k+", "TYPE k", "TTL k", "PTTL k", "EXPIRETIME k", "PEXPIRETIME k", "PERSIST k",
	"EXPIRE k t", "EXPIRE k t rel? rel?", "PEXPIRE k t rel?", "EXPIREAT k at exp?", "PEXPIREAT k pat exp?",
	"RENAME k k", "RENAMENX k k", "COPY k k", "COPY k k copy? copy?", "MOVE k d", "DUMP k", "RESTORE l t list REPLACE",
	"RESTORE k t list restore?", "RESTORE k i v restore? restore?", "OBJECT FREQ k", "OBJECT v k",
	"KEYS pattern", "DBSIZE", "RANDOMKEY v", "SCAN v", "SCAN i MATCH", "SCAN 0 COUNT v", "SCAN 0 v v",
	"SELECT d", "SELECT 0", "SWAPDB d d", "FLUSHDB v", "FLUSHALL v v", "PING", "PING v", "ECHO v", "ECHO", "NOSUCH v+", "NOSUCH v v v v v v v",
	"MULTI", "EXEC", "DISCARD", "UNWATCH", "WATCH k+", "CLIENT GETNAME", "CLIENT v", "CLIENT SETNAME v", "CLIENT REPLY v", "AUTH v", "AUTH v v", "HELLO v",
	"HELLO 5", "HELLO 3 v", "CONFIG v", "CONFIG SET v v", "CONFIG GET nosuch", "COMMAND GETKEYS SET k v", "COMMAND GETKEYS MSET kv+", "COMMAND GETKEYS v v",
	"DEBUG", "TIME v", "WAIT", "SAVE v", "LASTSAVE v", "INFO nosuch",
}

// words returns the words for a field of a template.
func (g *generator) words(field string) []string {
	if kind, optional := strings.CutSuffix(field, "?"); optional {
		if g.IntN(2) == 0 {
			return nil
		}
		return g.words(kind)
	}
	if kind, repeated := strings.CutSuffix(field, "+"); repeated {
		var all []string
		for range 1 + g.IntN(4) {
			all = append(all, g.words(kind)...)
		}
		return all
	}
	switch field {
	case "k":
		return []string{g.key()}
	case "v":
		return []string{g.value()}
	case "kv":
		return []string{g.key(), g.value()}
	case "i", "f", "b", "o", "t", "at", "pat", "d":
		return []string{g.number(field)}
	case "list":
		return []string{g.list}
	}
	if words := g.collectionWords(field); words != nil {
		return words
	}
	if choices, ok := options[field]; ok {
		var all []string
		for _, word := range strings.Fields(g.pick(choices...)) {
			if len(word) <= 3 && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") == "" {
				all = append(all, g.words(word)...)
			} else {
				all = append(all, word)
			}
		}
		return all
	}
	return []string{field}
}

var options = map[string][]string{
	"set":     {"NX", "XX", "GET", "KEEPTTL", "EX t", "PX t", "EXAT at", "PXAT pat", "get", "PERSIST", "EX", "IFEQ v", "v"},
	"getex":   {"PERSIST", "EX t", "PX t", "EXAT at", "PXAT pat", "EX", "KEEPTTL", "PERSIST v", "v"},
	"exp":     {"NX", "XX", "GT", "LT", "gt", "v"},
	"rel":     {"NX", "XX", "nx", "v"}, // GT and LT depend on the millisecond
	"copy":    {"REPLACE", "DB d", "DB", "v"},
	"restore": {"REPLACE", "ABSTTL", "IDLETIME i", "FREQ i", "IDLETIME", "v"},
	"unit":    {"BIT", "BYTE", "bit", "v"},
	"bitop":   {"AND", "OR", "XOR", "NOT", "and", "v"},
	"field": {"GET type off", "SET type off i", "INCRBY type off i", "OVERFLOW WRAP", "OVERFLOW SAT", "OVERFLOW FAIL", "overflow v",
		"GET type", "v"},
	"type":    {"u8", "i8", "u1", "i64", "u63", "i5", "u16", "i32", "u64", "i65", "x8", "u0", "u"},
	"off":     {"0", "1", "7", "8", "#0", "#1", "#3", "100", "-1", "#-1", "o"},
	"lcs":     {"IDX", "LEN", "WITHMATCHLEN", "MINMATCHLEN i", "MINMATCHLEN", "v"},
	"pattern": {"*", "k*", "k?", "[a-k]1", "\\k1", "k[^1]", "none", "v"},
}

func (g *generator) pick(choices ...string) string { return choices[g.IntN(len(choices))] }

func (g *generator) key() string {
	switch g.IntN(40) {
	case 0:
		return g.pick("", "l", "k\r\n", "missing")
	case 1, 2, 3:
		return g.pick("h0", "h1", "s0", "s1", "q0", "q1", "z0", "z1")
	}
	return "k" + strconv.Itoa(g.IntN(8))
}

func (g *generator) value() string {
	switch g.IntN(8) {
	case 0:
		return g.number("i")
	case 1:
		return g.number("f")
	case 2:
		return g.pick("", " ", "a", "abc", "foobar", "OK", "nil", "\r\n", "*1\r\n$4\r\nPING\r\n", "\x00", "\xff\xfe", "x y", "'", "\"")
	case 3:
		return strings.Repeat(g.pick("ab", "a", "xyz", "\x00", "\xff"), 1+g.IntN(60))
	}
	b := make([]byte, g.IntN(12))
	for i := range b {
		b[i] = byte('a' + g.IntN(4))
	}
	return string(b)
}

func (g *generator) number(kind string) string {
	if g.IntN(25) == 0 {
		return g.pick("", "x", "1.5", "-", "+1", "01", "-0", " 1", "1 ", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
			"18446744073709551616", "1e3", "nan", "inf", "0x10")
	}
	switch kind {
	case "f":
		return g.pick("0.1", "1.5", "-2.25", "3", "1e3", "1e-5", "-0.3", "5.0", "3.14159", "1e17", "0", "-1", "100000.00001")
	case "b":
		return g.pick("0", "1", "0", "1", "0", "1", "2")
	case "o":
		return strconv.Itoa(g.IntN(300))
	case "t":
		return g.pick("1000", "5000", "100000", "100000000", "0", "-1")
	case "at":
		return g.pick("4102444800", "4102444801", "5000000000", "1", "0", "-5")
	case "pat":
		return g.pick("4102444800000", "4102444800001", "5000000000000", "1", "0", "-5")
	case "d":
		return g.pick("0", "1", "2", "15", "16", "-1")
	}
	return strconv.Itoa(g.IntN(40) - 15)
}
