package campaign

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/redistest"
)

// redisArgs makes a server write its log before it answers.
var redisArgs = []string{"--appendonly", "yes", "--appendfsync", "always", "--databases", strconv.Itoa(databases),
	"--auto-aof-rewrite-percentage", "0"}

// redis is campaign h. A store and a redis-server run one program of commands. Both must return
// equal answers and have equal data. Then each opens the files of the other.
func redis(r *Run) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		r.Skip("redis-server is not installed (Debian: redis-server, redis-tools)")
		return
	}
	for i := range r.by(2, 20) {
		r.Step(fmt.Sprint(i), func() error { return redisPrograms(r, rand.New(rand.NewPCG(r.Seed, uint64(i)))) })
	}
	for i := range r.by(3, 30) {
		r.Step(fmt.Sprint("killed/", i), func() error { return serverOnKilledRing(r, i) })
	}
}

// redisPrograms runs ten programs on one pair, and exchanges the files after the last program.
func redisPrograms(r *Run, rng *rand.Rand) error {
	home, err := os.MkdirTemp("", "torture")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	storeDir, serverDir := filepath.Join(home, "store"), filepath.Join(home, "server")
	if err := os.Mkdir(serverDir, 0o700); err != nil {
		return err
	}
	s, err := perdure.Open(storeDir, modeOf("everysec").options()...)
	if err != nil {
		return err
	}
	server := redistest.Start(r.T, serverDir, redisArgs...)
	defer server.Kill()
	for range 10 {
		r.Count("programs", 1)
		for range 200 {
			r.Count("commands", 1)
			o := redisOp(rng)
			a, b := answer(s, o), o.serverReply(server)
			if a != b {
				return fmt.Errorf("%q = %q, want %q as from redis-server", o.args, a, b)
			}
		}
		if a, b := dumpOf(s), dumpOfServer(server); a != b {
			return fmt.Errorf("data of the store differs, want the server's: %s", difference(a, b))
		}
	}
	want := dumpOf(s)
	if _, err := s.Save(r.T.Context()); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	server.Must("SAVE")
	server.Kill()
	return exchange(r, storeDir, serverDir, want)
}

// exchange opens perdure's files with a server and the server's files with a store. It exchanges
// the log, also with a torn tail, and the dump.
func exchange(r *Run, storeDir, serverDir, want string) error {
	tear := func(dir string) error {
		names, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
		if err != nil || len(names) == 0 {
			return errors.Join(err, errors.New("no incremental file"))
		}
		f, err := os.OpenFile(names[len(names)-1], os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString("*3\r\n$3\r\nSET\r\n$1\r\nz\r\n$100\r\ntorn")
		return errors.Join(err, f.Close())
	}
	for _, torn := range []bool{false, true} {
		if torn {
			if err := firstError(tear(storeDir), tear(serverDir)); err != nil {
				return err
			}
		}
		server := redistest.Start(r.T, storeDir, redisArgs...)
		got := dumpOfServer(server)
		server.Kill()
		if got != want {
			return fmt.Errorf("data in redis-server differs, want the store's (torn: %v): %s", torn, difference(got, want))
		}
		if err := readBy(serverDir, modeOf("everysec"), want); err != nil {
			return fmt.Errorf("log of redis-server (torn: %v): %w", torn, err)
		}
		r.Count("logs exchanged", 2)
	}
	server := redistest.Start(r.T, storeDir, "--appendonly", "no", "--databases", strconv.Itoa(databases))
	got := dumpOfServer(server)
	server.Kill()
	if got != want {
		return fmt.Errorf("redis-server loads other data from the store's dump: %s", difference(got, want))
	}
	r.Count("dumps exchanged", 2)
	// perdure's log is not read again. A server that truncates a torn tail also truncates perdure's
	// last commit markers. The group that those markers close then counts as torn, unless the
	// server has written more after it.
	return firstError(readBy(serverDir, modeOf("snapshots"), want), readBy(storeDir, modeOf("snapshots"), want))
}

// difference shows the first difference between two data sets.
func difference(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	return fmt.Sprintf("...%.100s, want ...%.100s", a[max(0, i-30):], b[max(0, i-30):])
}

// readBy opens a directory with a store and compares its contents with want.
func readBy(dir string, m mode, want string) error {
	opts := m.options()
	if m.log == nil { // there is a log, and the dump need not contain its data
		opts = m.options(perdure.WithReadOnly())
	}
	s, err := perdure.Open(dir, opts...)
	if err != nil {
		return err
	}
	got := dumpOf(s)
	if err := s.CloseNoSave(); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("loaded other data: %s", difference(got, want))
	}
	return nil
}

// redisCommand is a command for a server, and a function with its effect on a store. Without a
// function, the store executes the command.
type redisCommand struct {
	args []string
	do   func(s *perdure.DB) (any, error)
}

// redisOp returns a command on database 0. Its expiries are far in the future.
func redisOp(rng *rand.Rand) redisCommand {
	if rng.IntN(2) == 0 {
		return redisCommand{args: few.compared(rng)}
	}
	key := fmt.Sprint("k", rng.IntN(12))
	value := randomRedisText(rng)
	n := rng.Int64N(1<<40) - 1<<39
	at := far + rng.Int64N(1000)
	switch rng.IntN(12) {
	case 0, 1, 2:
		return redisCommand{[]string{"SET", key, value}, func(s *perdure.DB) (any, error) { return "+OK", s.Set(key, []byte(value)) }}
	case 3:
		return redisCommand{[]string{"GET", key}, func(s *perdure.DB) (any, error) { return s.Get(key) }}
	case 4:
		return redisCommand{[]string{"INCRBY", key, fmt.Sprint(n)}, func(s *perdure.DB) (any, error) { return s.IncrBy(key, n) }}
	case 5:
		return redisCommand{[]string{"APPEND", key, value}, func(s *perdure.DB) (any, error) { return s.Append(key, []byte(value)) }}
	case 6:
		return redisCommand{[]string{"DEL", key, "k1"}, func(s *perdure.DB) (any, error) { return s.Delete(key, "k1") }}
	case 7:
		return redisCommand{[]string{"SETNX", key, value}, func(s *perdure.DB) (any, error) { return s.SetIfAbsent(key, []byte(value)) }}
	case 8:
		return redisCommand{[]string{"PEXPIREAT", key, fmt.Sprint(at)}, func(s *perdure.DB) (any, error) { return s.ExpireAt(key, time.UnixMilli(at)) }}
	case 9:
		return redisCommand{[]string{"PERSIST", key}, func(s *perdure.DB) (any, error) { return s.Persist(key) }}
	case 10:
		return redisCommand{[]string{"EXISTS", key, key, "k2"}, func(s *perdure.DB) (any, error) { return s.Exists(key, key, "k2") }}
	default:
		return redisCommand{[]string{"MSET", key, value, "m", value}, func(s *perdure.DB) (any, error) {
			return "+OK", s.MSet(perdure.Pair{Key: key, Value: []byte(value)}, perdure.Pair{Key: "m", Value: []byte(value)})
		}}
	}
}

// randomRedisText returns a number, compressible text, or bytes.
func randomRedisText(rng *rand.Rand) string {
	switch rng.IntN(4) {
	case 0:
		return fmt.Sprint(rng.Int64() >> rng.IntN(64))
	case 1:
		return strings.Repeat("ab", rng.IntN(400))
	case 2:
		p := make([]byte, rng.IntN(80))
		for i := range p {
			p[i] = byte(rng.Uint32())
		}
		return string(p)
	}
	return []string{"", "0", "-0", "+1", " 1", "9223372036854775807", "-9223372036854775808", "01"}[rng.IntN(8)]
}

// answer returns the answer of a store in the form of a server.
func answer(s *perdure.Store, o redisCommand) string {
	if o.do == nil {
		return o.execute(s)
	}
	got, err := o.do(s.DB(0))
	switch {
	case errors.Is(err, perdure.ErrNotFound):
		return ""
	case errors.Is(err, perdure.ErrNotInteger):
		return "-ERR value is not an integer or out of range"
	case errors.Is(err, perdure.ErrOverflow):
		return "-ERR increment or decrement would overflow"
	case err != nil:
		return err.Error()
	}
	switch v := got.(type) {
	case []byte:
		return string(v)
	case bool:
		return pick(v, ":1", ":0")
	case string:
		return v
	default:
		return fmt.Sprintf(":%v", v)
	}
}

// dumpOf returns the keys of all databases of a store with values and expiries, sorted.
func dumpOf(s *perdure.Store) string {
	st := state{}
	snap, err := s.Snapshot()
	if err != nil {
		return err.Error()
	}
	defer snap.Close()
	for en, err := range snap.All(context.Background()) {
		if err != nil {
			return err.Error()
		}
		st[fmt.Sprintf("%d/%s", en.DB, en.Key)] = cell{textOf(en), en.ExpireAtMs}
	}
	return st.whole()
}

// dumpOfServer is like dumpOf for a server.
func dumpOfServer(server *redistest.Server) string {
	st := state{}
	for db := range databases {
		server.Must("SELECT", strconv.Itoa(db))
		for _, key := range server.Must("KEYS", "*").Elements {
			at := server.Must("PEXPIRETIME", key.Text).Int()
			st[fmt.Sprintf("%d/%s", db, key.Text)] = cell{serverValue(server, key.Text), max(at, 0)}
		}
	}
	server.Must("SELECT", "0")
	return st.whole()
}
