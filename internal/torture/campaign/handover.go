package campaign

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/resp"
)

// handoverWriters is the number of clients, or goroutines, that write.
const handoverWriters = 4

// loadOf returns a transaction or one command of a load with every type, as a server executes them.
func loadOf(rng *rand.Rand) (unit [][]string) {
	v := vocabulary{12, 2000}
	for range pick(rng.IntN(8) == 0, 5, 1) {
		k := fmt.Sprintf("%c%d", "hslzk"[rng.IntN(5)], rng.IntN(v.keys))
		switch rng.IntN(100) {
		case 0:
			unit = append(unit, []string{"DEL", k})
		case 1:
			unit = append(unit, []string{"PEXPIREAT", k, fmt.Sprint(far + rng.Int64N(1000))})
		case 2:
			unit = append(unit, []string{"PERSIST", k})
		case 3, 4, 5:
			unit = append(unit, []string{"SET", "k" + k[1:], randomRedisText(rng)})
		case 6, 7, 8:
			unit = append(unit, []string{"SPOP", "s" + k[1:], fmt.Sprint(1 + rng.IntN(3))})
		default:
			unit = append(unit, pick(rng.IntN(4) == 0, v.compared, v.command)(rng))
		}
	}
	return unit
}

// handover is campaign n. A redis-server executes a random load and is killed. A store opens its
// files, and must have the values of a server that is restarted on a copy. After a Save and a
// Rewrite of the store, a server must load equal data. Then a store in a process is killed instead.
func handover(r *Run) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		r.Skip("redis-server is not installed (Debian: redis-server, redis-tools)")
		return
	}
	for i := range r.by(1, 3) {
		for _, side := range []struct {
			name string
			load func(r *Run, dir string, seed uint64, length time.Duration) error
		}{{"server", loadServer}, {"store", loadStore}} {
			length := time.Duration(r.by(300, 1000)) * time.Millisecond
			if !r.deadline.IsZero() {
				length = max(time.Until(r.deadline)*2/5, length)
			}
			r.long(fmt.Sprint(side.name, "/", i), length, func() error {
				home, err := os.MkdirTemp("", "torture")
				if err != nil {
					return err
				}
				defer os.RemoveAll(home)
				dir := filepath.Join(home, side.name)
				if err := side.load(r, dir, r.Seed<<8+uint64(i), length); err != nil {
					return err
				}
				return handedOver(r, home, dir)
			})
		}
	}
}

// loadServer runs a load on a server in dir, and kills the server. The server rewrites its log.
func loadServer(r *Run, dir string, seed uint64, length time.Duration) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	server := redistest.Start(r.T, dir, "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-min-size", "1mb")
	defer server.Kill()
	ctx, stop := context.WithTimeout(context.Background(), length)
	defer stop()
	errs := make(chan error, handoverWriters)
	var commands atomic.Int64
	for w := range handoverWriters {
		go func() { errs <- client(ctx, server.Socket, rand.New(rand.NewPCG(seed, uint64(w))), w%2, &commands) }()
	}
	<-ctx.Done()
	server.Kill()
	for range handoverWriters {
		if err := <-errs; err != nil {
			return err
		}
	}
	r.Count("commands of killed servers", commands.Load())
	return nil
}

// client sends a load to a server, without waiting for replies, until the server is killed.
func client(ctx context.Context, socket string, rng *rand.Rand, db int, commands *atomic.Int64) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	go func() { _, _ = io.Copy(io.Discard, conn) }() // it ends with the connection
	batch := resp.AppendCommand(nil, "SELECT", fmt.Sprint(db))
	for err == nil {
		for range 20 {
			unit := loadOf(rng)
			if len(unit) > 1 {
				batch = resp.AppendCommand(batch, "MULTI")
			}
			for _, args := range unit {
				batch = resp.AppendCommand(batch, args...)
			}
			if len(unit) > 1 {
				batch = resp.AppendCommand(batch, "EXEC")
			}
			commands.Add(int64(len(unit)))
		}
		_, err = conn.Write(batch)
		batch = batch[:0]
	}
	if ctx.Err() == nil {
		return fmt.Errorf("write to redis-server = %w, want nil until the kill", err)
	}
	return nil
}

// loadStore runs a load on a store in a process, and kills the process.
func loadStore(r *Run, dir string, seed uint64, length time.Duration) error {
	cmd, err := child("handover", fmt.Sprintf("%d:%s", seed, dir))
	if err != nil {
		return err
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(pipe)
	lines.Scan() // it writes
	time.AfterFunc(length, func() {
		_ = cmd.Process.Kill() // the process still exists: nothing has waited for it
	})
	var commands int64
	for lines.Scan() {
		var n int64
		if _, err := fmt.Sscan(lines.Text(), &n); err == nil {
			commands += n
		}
	}
	_ = cmd.Wait() // killed
	if stderr.Len() > 0 {
		return fmt.Errorf("child wrote to stderr, want nothing: %s", stderr.String())
	}
	r.Count("commands of killed stores", commands)
	return nil
}

// handoverChild runs a load until it is killed. It prints the number of commands now and then.
func handoverChild(argument string) error {
	var seed uint64
	text, dir, _ := strings.Cut(argument, ":")
	if _, err := fmt.Sscan(text, &seed); err != nil {
		return err
	}
	s, err := perdure.Open(dir, killOptions("everysec")...)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	var wg sync.WaitGroup
	errs := make(chan error, handoverWriters)
	for w := range handoverWriters {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			for {
				n := 0
				for range 100 {
					unit := loadOf(rng)
					if err := apply(s, w%2, unit); err != nil {
						errs <- err
						return
					}
					n += len(unit)
				}
				fmt.Println(n)
			}
		})
	}
	wg.Wait()
	return <-errs
}

// apply executes a command, or several in a transaction.
func apply(s *perdure.Store, db int, unit [][]string) error {
	if len(unit) == 1 {
		return execute(s.DB(db), unit[0])
	}
	return s.Update(func(tx *perdure.Tx) error {
		for _, args := range unit {
			if err := execute(tx.DB(db), args); err != nil {
				return err
			}
		}
		return nil
	})
}

// handedOver compares the values of a server that is restarted on a copy of dir with those of a
// store that opens dir, and with those of servers that load a dump and a log of the store.
func handedOver(r *Run, home, dir string) error {
	want, digest, err := served(r, home, dir, "yes")
	if err != nil {
		return err
	}
	// Without commit markers, a store accepts the whole commands of a torn group, as servers do.
	if err := removeMarkers(filepath.Join(dir, "appendonlydir")); err != nil {
		return err
	}
	s, err := perdure.Open(dir, killOptions("everysec")...)
	if err != nil {
		return err
	}
	got := dumpOf(s)
	_, saved := s.Save(context.Background())
	err = errors.Join(saved, s.Rewrite(context.Background()), engine.Of(s).CheckTable(), s.Close())
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("the store has other values than the server: %s", difference(got, want))
	}
	for _, log := range []string{"no", "yes"} {
		now, again, err := served(r, home, dir, log)
		if err != nil {
			return err
		}
		if again != digest {
			return fmt.Errorf("DEBUG DIGEST with appendonly %s = %s, want %s: %s", log, again, digest, difference(now, want))
		}
	}
	r.Count("bytes of values compared", int64(len(want)))
	r.Count("kills", 1)
	return nil
}

// served starts a server on a copy of dir, and returns its values and their DEBUG DIGEST.
func served(r *Run, home, dir, log string) (values, digest string, err error) {
	copied := filepath.Join(home, "copy")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		return "", "", err
	}
	server := redistest.Start(r.T, copied, "--appendonly", log, "--auto-aof-rewrite-percentage", "0")
	values, digest = dumpOfServer(server), server.Must("DEBUG", "DIGEST").Text
	server.Kill()
	return values, digest, os.RemoveAll(copied)
}
