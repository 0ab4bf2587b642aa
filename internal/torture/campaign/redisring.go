package campaign

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/redistest"
)

// serverWays lists what a redis-server does with the directory of a killed store in Ring mode.
var serverWays = []struct {
	name    string
	changes bool // the log: the tail file then no longer belongs to it
	do      func(s *redistest.Server)
}{
	{"reads", false, func(*redistest.Server) {}},
	{"writes", true, func(s *redistest.Server) {
		s.Must("SELECT", "3")
		s.Must("SET", "server", "was here")
	}},
	{"rewrites", true, func(s *redistest.Server) {
		s.Must("BGREWRITEAOF")
		s.Wait("aof_rewrite_scheduled", "0")
		s.Wait("aof_rewrite_in_progress", "0")
	}},
}

// killedRing is the directory that a killed store in Ring mode left.
type killedRing struct {
	dir     string
	tail    []byte // the content of the tail file
	missing bool   // the tail file has data that the incremental files lack
	torn    bool   // the kill tore a write: the last incremental file ends with a partial group
	without string // the data of the incremental files, as any server must see it
	with    string // the data with the tail file
}

func (k *killedRing) tailPath() string {
	return filepath.Join(k.dir, "appendonlydir", "appendonly.aof.tail")
}

// serverOnKilledRing starts a redis-server where a store in Ring mode was killed, before perdure
// opens the directory. The server must have the data of the incremental files, and must not change
// the tail file. Then perdure opens the server's files.
func serverOnKilledRing(r *Run, i int) error {
	home, err := os.MkdirTemp("", "torture")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	k := &killedRing{dir: filepath.Join(home, "data")}
	acked, err := runAndKill(k.dir, "ring", rand.New(rand.NewPCG(r.Seed, uint64(600+i))), false)
	if err != nil {
		return err
	}
	if err := k.look(home, acked); err != nil {
		return err
	}
	r.Count("killed stores loaded by redis-server", 1)
	r.Count("with writes only in the tail file", pick[int64](k.missing, 1, 0))
	r.Count("with a torn group", pick[int64](k.torn, 1, 0))
	way := serverWays[i%len(serverWays)]
	server := redistest.Start(r.T, k.dir, redisArgs...)
	defer server.Kill()
	if got := dumpOfServer(server); got != k.without {
		return fmt.Errorf("data of redis-server differs, want that of the incremental files: %s",
			difference(got, k.without))
	}
	way.do(server)
	server.Kill()
	if now, err := os.ReadFile(k.tailPath()); err != nil || !bytes.Equal(now, k.tail) {
		return fmt.Errorf("tail file after redis-server = %d bytes, %w, want the %d from before",
			len(now), err, len(k.tail))
	}
	again := filepath.Join(home, "again")
	if err := os.CopyFS(again, os.DirFS(k.dir)); err != nil {
		return err
	}
	// The comparison uses the server's data after a restart. If the kill tore a transaction inside
	// a command, redis-server leaves the MULTI in the log and loses its writes after that MULTI.
	server = redistest.Start(r.T, again, redisArgs...)
	want := dumpOfServer(server)
	server.Kill()
	changed := way.changes && !(k.torn && way.name == "writes" && want == k.without)
	if !changed {
		want = k.with
	}
	kept, err := k.open(changed, want)
	if err == nil && changed && !kept { // then the server had everything
		_, err = checkKilled(k.dir, "ring", acked)
	}
	if err != nil {
		return fmt.Errorf("redis-server %s, then the store: %w", way.name, err)
	}
	return nil
}

// look records the state of the files that were left, using copies of them.
func (k *killedRing) look(home string, acked [killWriters]int) error {
	report, err := aof.Check(k.dir)
	if err != nil {
		return err
	}
	if report.Tail == nil || report.Tail.Problem != nil || report.Tail.Reason != "" || report.Tail.Elapsed {
		return fmt.Errorf("report on the tail file of a killed store = %+v, want no problem", report.Tail)
	}
	k.missing = report.Tail.Missing > 0
	if k.tail, err = os.ReadFile(k.tailPath()); err != nil {
		return err
	}
	with, without := filepath.Join(home, "with"), filepath.Join(home, "without")
	for _, copied := range []string{with, without} {
		if err := os.CopyFS(filepath.Join(copied, "appendonlydir"), os.DirFS(filepath.Join(k.dir, "appendonlydir"))); err != nil {
			return err
		}
	}
	k.torn = report.Files[len(report.Files)-1].Torn > 0
	if err := removeMarkers(filepath.Join(without, "appendonlydir")); err != nil {
		return err
	}
	if k.without, err = contentsOf(without); err != nil {
		return err
	}
	if k.with, err = contentsOf(with); err != nil {
		return err
	}
	if _, err = checkKilled(with, "ring", acked); err != nil {
		return err
	}
	// The tail file may have less of a torn group than the incremental file: the part after a large
	// value may be missing. That part is not acknowledged. perdure truncates it, and a server
	// accepts its whole commands.
	if !k.missing && !k.torn && k.with != k.without {
		return fmt.Errorf("aof.Check = 0 missing bytes, want those of the tail file: %s",
			difference(k.with, k.without))
	}
	return nil
}

// removeMarkers changes a log to the server's view: no tail file, and none of perdure's lines. Both
// perdure and the server then accept whole commands of a group that the kill tore.
func removeMarkers(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return err
	}
	all := map[string]string{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".tail") {
			err = os.Remove(path)
		} else {
			all[filepath.Base(path)] = string(data)
		}
		if err != nil {
			return err
		}
	}
	foreign(all)
	return write(dir, all)
}

// contentsOf returns the contents of a directory after Open.
func contentsOf(dir string) (string, error) {
	s, err := perdure.Open(dir, modeOf("everysec").options()...)
	if err != nil {
		return "", err
	}
	return dumpOf(s), s.CloseNoSave()
}

// open opens the files that the server left, and reports whether Open keeps the tail file. changed
// reports whether the server continued the log.
func (k *killedRing) open(changed bool, want string) (isKept bool, err error) {
	s, err := perdure.Open(k.dir, killOptions("ring")...)
	if err != nil {
		return false, err
	}
	got, info := dumpOf(s), s.Recovery()
	if err := s.CloseNoSave(); err != nil {
		return false, err
	}
	if got != want {
		return false, fmt.Errorf("loaded other data, recovery report %+v: %s", info, difference(got, want))
	}
	// After a rewrite, nothing shows whether the base file has the data of the tail file. Open may
	// then keep the tail file without need.
	kept, err := os.ReadFile(k.tailPath() + ".kept-1")
	isKept = err == nil
	switch {
	case isKept != (info.TailReason != "") || isKept && (info.Merged > 0 || !bytes.Equal(kept, k.tail)):
		return isKept, fmt.Errorf("Store.Recovery = %+v, %w, want reason and kept file, or neither",
			info, err)
	case !changed && isKept:
		return isKept, fmt.Errorf("tail file was kept, want it replayed: recovery report %+v", info)
	case !changed && (info.Merged > 0) != k.missing:
		return isKept, fmt.Errorf("Recovery.Merged = %d, want > 0: %v", info.Merged, k.missing)
	}
	return isKept, nil
}
