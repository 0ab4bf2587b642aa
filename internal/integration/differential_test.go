package integration_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/redistest"
)

// TestPrograms runs random programs on redis-server and on perdure, and compares every key, value,
// and expiry. Each of the two reads the dump and the log of the other, perdure reads its own log,
// and both read logs with torn tails. One program of 51 is long, because several goroutines load a
// long log.
//
// PERDURE_PROGRAMS sets the number of programs of 200 commands, and PERDURE_FIRST_PROGRAM the
// number of the first. PERDURE_EVERY runs 200 programs, and `make differential` 5000.
func TestPrograms(t *testing.T) {
	n, length := 50, 200
	switch {
	case testing.Short():
		n = 10
	case os.Getenv("PERDURE_EVERY") != "":
		n = 200
	}
	if v, err := strconv.Atoi(os.Getenv("PERDURE_PROGRAMS")); err == nil {
		n = v
	}
	redistest.Tool(t, "redis-server")
	var next, commands atomic.Int64
	first, _ := strconv.Atoi(os.Getenv("PERDURE_FIRST_PROGRAM"))
	next.Store(int64(first))
	t.Cleanup(func() { t.Logf("%d programs, %d commands", n, commands.Load()) })
	for range 2 {
		t.Run("worker", func(t *testing.T) {
			t.Parallel()
			d := newDiffer(t)
			for seed := next.Add(1) - 1; seed < int64(first+n) && !d.Failed(); seed = next.Add(1) - 1 {
				if seed%51 == 1 {
					d.run(uint64(seed), 100*length)
				} else {
					d.run(uint64(seed), length)
				}
				commands.Add(int64(d.commands))
			}
		})
	}
}

// A differ has a server that runs programs and one that reads the files of perdure.
type differ struct {
	*testing.T
	runs, reads *redistest.Server
	dir         string
	payloads    []string
	commands    int
}

func newDiffer(t *testing.T) *differ {
	d := &differ{T: t, dir: t.TempDir()}
	starting.Lock()
	defer starting.Unlock()
	args := []string{"--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"}
	d.runs = redistest.Start(t, "", args...)
	d.reads = redistest.Start(t, "", args...)
	d.collections()
	for _, key := range []string{"list", "set", "ints", "hash", "zset", "stream", "string"} {
		d.payloads = append(d.payloads, d.runs.Must("DUMP", key).Text)
	}
	return d
}

// collections creates a value of each type on the server.
func (d *differ) collections() {
	for _, c := range []string{"RPUSH list a 1 -70000", "SADD ints 1 2 300", "SADD set a", "HSET hash f v g 5", "ZADD zset 1.5 a -inf b",
		"XADD stream 1-1 f v", "XGROUP CREATE stream g 0", "SET string 10"} {
		d.runs.Must(strings.Fields(c)...)
	}
}

// starting is locked for writing while a process starts.
var starting sync.RWMutex

// run compares one program in all ways.
func (d *differ) run(seed uint64, length int) {
	starting.RLock()
	defer starting.RUnlock()
	defer func() {
		if d.Failed() {
			d.Logf("again with: PERDURE_FIRST_PROGRAM=%d PERDURE_PROGRAMS=1", seed)
		}
	}()
	rng := rand.New(rand.NewPCG(seed, 77))
	p := makeProgram(rng, length, seed%2 == 0, seed%4 < 2, d.payloads)
	d.commands = len(p.commands)
	for _, db := range []string{"1", "0"} { // the log of the server ends in database 0
		d.runs.Must("SELECT", db)
		d.runs.Must("SET", "z", "1")
	}
	from := len(d.serverLog())
	d.runs.Must("FLUSHALL")
	began := time.Now()
	var store *perdure.Store
	if p.api {
		store = d.startOurs(aof.Checksums(seed%4 == 0))
	}
	replies := d.send(p)
	if p.api {
		d.calls(store, p, replies)
		slack := time.Since(began) + 10*time.Millisecond
		sameData(d, "the API", dataOf(d, store), dataOfServer(d.runs), slack)
		// Without checksums, both truncate after the last whole command.
		if seed%4 == 2 {
			d.tornOurs(store, rng, seed%20 == 2)
		}
		d.writes(store)
	}
	log := d.serverLog()[from:]
	if !p.api {
		d.theirLog(log)
		if !p.past {
			d.asSent(p, replies, began)
		}
		d.torn(rng, log, seed%5 == 1)
	}
	d.theirDump()
}

// serverLog returns the text of the running server's incremental file.
func (d *differ) serverLog() string { return logText(d, d.runs.Dir) }

// fresh returns an empty directory.
func (d *differ) fresh() string {
	dir := filepath.Join(d.dir, "data")
	ok(d, os.RemoveAll(dir))
	ok(d, os.Mkdir(dir, 0o700))
	return dir
}

// startOurs adds collections to the server and opens a store on its dump, with a log.
func (d *differ) startOurs(o aof.Option) *perdure.Store {
	d.collections()
	d.runs.Must("SAVE")
	dir := d.fresh()
	copyFile(d, filepath.Join(d.runs.Dir, "dump.rdb"), filepath.Join(dir, "dump.rdb"))
	return open(d, dir, logOnly(aof.Fsync(aof.No), o)...)
}

// copyFile replaces a file, which a server may have open and may write to, with a copy.
func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	ok(t, err)
	ok(t, os.WriteFile(to+".new", data, 0o600))
	ok(t, os.Rename(to+".new", to))
}

// send sends the program to the server.
func (d *differ) send(p *program) []redistest.Reply {
	for _, c := range p.commands {
		d.runs.Send(c...)
	}
	return d.runs.Flush()
}

// writes compares the data set that the server reads from the store's log, the rewritten log, and
// the dump. It also opens the log again.
func (d *differ) writes(s *perdure.Store) {
	dir := filepath.Join(d.dir, "data")
	want := dataOf(d, s)
	ok(d, s.Sync(d.Context()))
	sameData(d, "perdure's log, read by the server", d.loadLog(dir), want, 0)
	ok(d, s.Rewrite(d.Context()))
	_, err := s.Save(d.Context())
	ok(d, err)
	ok(d, s.Close())
	sameData(d, "perdure's rewritten log, read by the server", d.loadLog(dir), want, 0)
	copyFile(d, filepath.Join(dir, "dump.rdb"), filepath.Join(d.reads.Dir, "dump.rdb"))
	d.reads.Must("DEBUG", "RELOAD", "NOSAVE")
	sameData(d, "perdure's dump, read by the server", dataOfServer(d.reads), want, 0)
	d.here("perdure's log, read by perdure", dir, want, logOnly()...)
	d.here("perdure's dump, read by perdure", dir, want, append(snapshotsOnly(), perdure.WithReadOnly())...)
}

// here opens a directory and compares its data with want.
func (d *differ) here(who, dir string, want map[string]datum, opts ...perdure.Option) {
	d.Helper()
	s, err := perdure.Open(dir, opts...)
	if err != nil {
		d.Fatalf("%s: Open = %v, want nil", who, err)
	}
	sameData(d, who, dataOf(d, s), want, 0)
	ok(d, s.Close())
}

// loadLog makes the reading server load the log in dir instead of the server's log.
func (d *differ) loadLog(dir string) map[string]datum {
	for _, kind := range []string{"base.rdb", "incr.aof"} {
		from, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*."+kind))
		ok(d, err)
		to := filepath.Join(d.reads.Dir, "appendonlydir", "appendonly.aof.1."+kind)
		if len(from) > 0 {
			copyFile(d, from[len(from)-1], to)
		} else {
			ok(d, os.WriteFile(to, []byte("REDIS0009\xff\x9a\xac\x7a\xbc\xfb\x0f\xad\x74"), 0o600))
		}
	}
	d.reads.Must("DEBUG", "LOADAOF")
	return dataOfServer(d.reads)
}

// theirLog compares the data that perdure reads from the server's log, and that the server reads
// from perdure's rewrite of it.
func (d *differ) theirLog(log string) {
	dir := d.fresh()
	writeIncr(d, dir, log)
	s := open(d, dir, logOnly(aof.Fsync(aof.No))...)
	sameData(d, "the server's log, read by perdure", dataOf(d, s), dataOfServer(d.runs), 0)
	d.writes(s)
}

// asSent makes a log of the commands sent to the server, including relative times and commands
// without effect. Both load it.
func (d *differ) asSent(p *program, replies []redistest.Reply, began time.Time) {
	var log strings.Builder
	transaction := -1
	for i, c := range p.commands {
		switch strings.ToUpper(c[0]) {
		case "MULTI":
			transaction = i
			continue
		case "EXEC": // a failed command in it is left out, like one outside
			log.WriteString(frame("multi"))
			for j, r := range replies[i].Elements {
				if !r.Err {
					log.WriteString(frame(p.commands[transaction+1+j]...))
				}
			}
			log.WriteString(frame("exec"))
			transaction = -1
			continue
		}
		if transaction < 0 && !replies[i].Err {
			log.WriteString(frame(c...))
		}
	}
	dir := d.fresh()
	writeIncr(d, dir, log.String())
	theirs := d.loadLog(dir)
	s := open(d, dir, logOnly()...)
	sameData(d, "the commands sent, as a log", dataOf(d, s), theirs, time.Since(began)+10*time.Millisecond)
	ok(d, s.Close())
}

// torn truncates a log at a random offset. The data that perdure recovers is compared with a replay
// of the whole commands before that offset and, if fresh is set, with the data of a server.
func (d *differ) torn(rng *rand.Rand, log string, fresh bool) {
	cut := rng.IntN(len(log) + 1)
	dir := d.fresh()
	writeIncr(d, dir, log[:cut])
	s := open(d, dir, logOnly(aof.Checksums(false))...)
	ours, kept := dataOf(d, s), s.Recovery()
	ok(d, s.Close())
	if kept.Cut > 0 {
		whole := filepath.Join(d.dir, "whole")
		ok(d, os.RemoveAll(whole))
		ok(d, os.Mkdir(whole, 0o700))
		writeIncr(d, whole, log[:kept.CutOffset])
		d.here("the whole commands of a torn log", whole, ours, logOnly(aof.Checksums(false))...)
	}
	if !fresh {
		return
	}
	theirs := d.TempDir()
	writeIncr(d, theirs, log[:cut])
	sameData(d, fmt.Sprintf("the server's log truncated at %d", cut), ours, d.startOn(theirs), 0)
}

// tornOurs truncates a log of perdure at a random offset, and compares both readers.
func (d *differ) tornOurs(s *perdure.Store, rng *rand.Rand, fresh bool) {
	ok(d, s.Sync(d.Context()))
	dir := copyFiles(d.T, filepath.Join(d.dir, "data"), "appendonlydir")
	incr := filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof")
	info, err := os.Stat(incr)
	ok(d, err)
	cut := rng.Int64N(info.Size() + 1)
	ok(d, os.Truncate(incr, cut))
	theirs := ""
	if fresh {
		theirs = copyFiles(d.T, dir, "appendonlydir")
	}
	torn := open(d, dir, logOnly(aof.Checksums(false))...)
	ours := dataOf(d, torn)
	ok(d, torn.Close())
	if fresh {
		sameData(d, fmt.Sprintf("perdure's log truncated at %d", cut), ours, d.startOn(theirs), 0)
	}
}

// startOn starts a server on a directory and returns all its data.
func (d *differ) startOn(dir string) map[string]datum {
	// A process holds the locks of its parent between fork and exec, so no test may open a store.
	starting.RUnlock()
	starting.Lock()
	server := redistest.Start(d, dir, "--appendonly", "yes")
	starting.Unlock()
	starting.RLock()
	defer server.Kill()
	return dataOfServer(server)
}

// theirDump adds collections to the server and reads its dump.
func (d *differ) theirDump() {
	d.runs.Must("SELECT", "2")
	d.collections()
	d.runs.Must("SAVE")
	dir := d.fresh()
	copyFile(d, filepath.Join(d.runs.Dir, "dump.rdb"), filepath.Join(dir, "dump.rdb"))
	want := dataOfServer(d.runs)
	d.here("the server's dump, read by perdure", dir, want, append(snapshotsOnly(), perdure.WithReadOnly())...)
	s := open(d, dir, logOnly(aof.Fsync(aof.No))...)
	d.writes(s)
}

// operations are the methods that a Store, a DB, and a Tx share.
type operations interface {
	Set(key string, value []byte, opts ...perdure.SetOption) error
	SetIfAbsent(key string, value []byte, opts ...perdure.SetOption) (bool, error)
	Swap(key string, value []byte, opts ...perdure.SetOption) ([]byte, bool, error)
	Append(key string, suffix []byte) (int, error)
	Incr(key string) (int64, error)
	Decr(key string) (int64, error)
	IncrBy(key string, n int64) (int64, error)
	DecrBy(key string, n int64) (int64, error)
	Expire(key string, d time.Duration) (bool, error)
	ExpireAt(key string, t time.Time) (bool, error)
	Persist(key string) (bool, error)
	Delete(keys ...string) (int, error)
}

// calls runs the program through the API, and compares what each call returns with the reply.
func (d *differ) calls(s *perdure.Store, p *program, replies []redistest.Reply) {
	db := 0
	for i := 0; i < len(p.commands); i++ {
		c := p.commands[i]
		switch strings.ToUpper(c[0]) {
		case "SELECT":
			db, _ = strconv.Atoi(c[1])
		case "FLUSHDB":
			ok(d, s.DB(db).FlushDB())
		case "FLUSHALL":
			ok(d, s.FlushAll())
		case "MULTI":
			end := i
			for strings.ToUpper(p.commands[end][0]) != "EXEC" {
				end++
			}
			ok(d, s.Update(func(tx *perdure.Tx) error {
				for j, c := range p.commands[i+1 : end] {
					if strings.ToUpper(c[0]) == "SELECT" {
						db, _ = strconv.Atoi(c[1])
						continue
					}
					d.call(tx.DB(db), c, replies[end].Elements[j])
				}
				return nil
			}))
			i = end
		default:
			d.call(s.DB(db), c, replies[i])
		}
	}
}

// call executes one command and compares the result with the server's.
func (d *differ) call(o operations, c []string, reply redistest.Reply) {
	d.Helper()
	got, err := apply(o, c)
	misuse := errors.Is(err, perdure.ErrWrongType) || errors.Is(err, perdure.ErrNotInteger) || errors.Is(err, perdure.ErrOverflow)
	switch {
	case err != nil && !misuse:
		d.Fatalf("%.60q = %v, want nil", c, err)
	case misuse != reply.Err:
		d.Fatalf("%.60q = %v, want the server's reply %s", c, err, reply.Text)
	case got != "" && !misuse && got != reply.Text && ":"+got != reply.Text:
		d.Fatalf("%.60q = %q, want the server's reply %q", c, got, reply.Text)
	}
}

// apply executes one command and returns its result in a server's form; "" means no result.
func apply(o operations, c []string) (string, error) {
	number := func(n int64, err error) (string, error) { return strconv.FormatInt(n, 10), err }
	truth := func(b bool, err error) (string, error) {
		if b {
			return "1", err
		}
		return "0", err
	}
	k, n := c[1], int64(0)
	if len(c) > 2 {
		n, _ = strconv.ParseInt(c[2], 10, 64)
	}
	switch strings.ToUpper(c[0]) {
	case "SET":
		return "", o.Set(k, []byte(c[2]), setOptions(c[3:])...)
	case "SETNX":
		return truth(o.SetIfAbsent(k, []byte(c[2])))
	case "GETSET":
		old, _, err := o.Swap(k, []byte(c[2]))
		return string(old), err
	case "APPEND":
		n, err := o.Append(k, []byte(c[2]))
		return number(int64(n), err)
	case "INCR":
		return number(o.Incr(k))
	case "DECR":
		return number(o.Decr(k))
	case "INCRBY":
		return number(o.IncrBy(k, n))
	case "DECRBY":
		return number(o.DecrBy(k, n))
	case "EXPIRE":
		return truth(o.Expire(k, time.Duration(n)*time.Second))
	case "PEXPIRE":
		return truth(o.Expire(k, time.Duration(n)*time.Millisecond))
	case "EXPIREAT":
		return truth(o.ExpireAt(k, time.Unix(n, 0)))
	case "PEXPIREAT":
		return truth(o.ExpireAt(k, time.UnixMilli(n)))
	case "PERSIST":
		return truth(o.Persist(k))
	case "DEL":
		n, err := o.Delete(c[1:]...)
		return number(int64(n), err)
	case "MSET":
		if m, ok := o.(interface{ MSet(...perdure.Pair) error }); ok {
			return "", m.MSet(perdure.Pair{Key: c[1], Value: []byte(c[2])}, perdure.Pair{Key: c[3], Value: []byte(c[4])})
		}
		return "", errors.Join(o.Set(c[1], []byte(c[2])), o.Set(c[3], []byte(c[4])))
	}
	return "", fmt.Errorf("no operation for %s", c[0])
}

func setOptions(words []string) []perdure.SetOption {
	if len(words) == 0 {
		return nil
	}
	if words[0] == "KEEPTTL" {
		return []perdure.SetOption{perdure.KeepTTL()}
	}
	n, _ := strconv.ParseInt(words[1], 10, 64)
	switch words[0] {
	case "EX":
		return []perdure.SetOption{perdure.TTL(time.Duration(n) * time.Second)}
	case "PX":
		return []perdure.SetOption{perdure.TTL(time.Duration(n) * time.Millisecond)}
	case "EXAT":
		return []perdure.SetOption{perdure.ExpireAt(time.Unix(n, 0))}
	}
	return []perdure.SetOption{perdure.ExpireAt(time.UnixMilli(n))}
}
