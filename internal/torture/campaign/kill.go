package campaign

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/snapshot"
)

// killWriters is the number of goroutines of a child that write.
const killWriters = 4

// killOptions returns the options of the child. Its store also saves and rewrites automatically.
func killOptions(name string) []perdure.Option {
	for _, m := range logs() {
		if m.name == name {
			log := append([]aof.Option{aof.AutoRewrite(100, 1<<20)}, m.log...)
			return []perdure.Option{
				perdure.WithAppendLog(aof.New(log...)),
				perdure.WithSaveRules(snapshot.Rule{Seconds: 1, Changes: 1}),
				storefs.SmallCollections(512),
			}
		}
	}
	return nil
}

// kill is campaign c. A real process writes, saves, and rewrites in a real directory, and is killed
// at a random time. Half of the kills come soon after the start, during recovery. Every write that
// the process acknowledged over a pipe must survive.
func kill(r *Run) {
	kills := r.by(6, 60)
	for i, m := range logs() {
		dir, err := os.MkdirTemp("", "torture")
		if err != nil {
			r.fail(m.name, err)
			return
		}
		r.Go(m.name, func() error {
			defer os.RemoveAll(dir)
			rng := rand.New(rand.NewPCG(r.Seed, uint64(i)))
			for n := range kills {
				if r.over() {
					return nil
				}
				data := filepath.Join(dir, "data")
				acked, err := runAndKill(data, m.name, rng, n%2 == 1)
				if err != nil {
					return fmt.Errorf("kill %d: %w", n, err)
				}
				rounds, err := checkKilled(data, m.name, acked)
				if err != nil {
					return fmt.Errorf("kill %d: %w", n, err)
				}
				r.Count("kills", 1)
				r.Count("rounds acknowledged and found", int64(rounds))
			}
			return nil
		})
	}
	r.Wait()
}

// killChild writes until it is killed. Each writer changes a plain key, a counter, and, in one
// transaction, a copy in each of three databases and its collections. After each round it prints
// "writer round".
func killChild(argument string) error {
	name, dir, _ := strings.Cut(argument, ":")
	s, err := perdure.Open(dir, killOptions(name)...)
	if err != nil {
		return err
	}
	return killWrites(s)
}

// killWrites does the work of killChild with an open store.
func killWrites(s *perdure.Store) error {
	failed := make(chan error)
	var out sync.Mutex
	for w := range killWriters {
		go func() {
			done, err := numberAt(s, 0, fmt.Sprint("copy:", w))
			for round := done + 1; err == nil; round++ {
				err = killRound(s, w, round, true)
				if err == nil {
					out.Lock()
					_, err = fmt.Fprintf(os.Stdout, "%d %d\n", w, round)
					out.Unlock()
				}
			}
			failed <- err
		}()
	}
	go func() {
		for {
			if _, err := s.Save(context.Background()); err != nil && !errors.Is(err, perdure.ErrSaveInProgress) {
				failed <- err
			}
			if err := s.Rewrite(context.Background()); err != nil && !errors.Is(err, perdure.ErrRewriteInProgress) {
				failed <- err
			}
		}
	}()
	return <-failed
}

// killRound does one round of a writer.
func killRound(s *perdure.Store, w, round int, large bool) error {
	if err := s.Set(fmt.Sprint("plain:", w), plainText(w, round, large)); err != nil {
		return err
	}
	if _, err := s.Incr(fmt.Sprint("counter:", w)); err != nil {
		return err
	}
	return s.Update(func(tx *perdure.Tx) error {
		for db := range 3 {
			if err := tx.DB(db).Set(fmt.Sprint("copy:", w), strconv.AppendInt(nil, int64(round), 10)); err != nil {
				return err
			}
		}
		for _, args := range collectionRound(w, round) {
			if err := execute(tx, args); err != nil {
				return err
			}
		}
		return nil
	})
}

// plainText returns the value of a plain key in a round. If large is set, some values are so large
// that the log does not copy them.
func plainText(w, round int, large bool) []byte {
	n := round % 500
	if large && round%16 == w {
		n += largeText
	}
	return fmt.Appendf(nil, "%d:%s", round, strings.Repeat("x", n))
}

// numberAt returns the number at the start of a value; 0 if the key does not exist.
func numberAt(s *perdure.Store, db int, key string) (int, error) {
	v, err := s.DB(db).Get(key)
	if errors.Is(err, perdure.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	text, _, _ := strings.Cut(string(v), ":")
	return strconv.Atoi(text)
}

// acknowledged records a line of the output of a killed child.
func acknowledged(acked *[killWriters]int, line string) {
	var w, round int
	if c, err := fmt.Sscanf(line, "%d %d", &w, &round); c == 2 && err == nil {
		acked[w] = round
	}
}

// runAndKill lets a child write for a short time, and returns the last acknowledged round of each
// writer.
func runAndKill(dir, name string, rng *rand.Rand, early bool) (acked [killWriters]int, err error) {
	cmd, err := child("kill", name+":"+dir)
	if err != nil {
		return acked, err
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return acked, err
	}
	if err := cmd.Start(); err != nil {
		return acked, err
	}
	kill := func(within int) {
		time.AfterFunc(time.Duration(rng.IntN(within))*time.Millisecond, func() {
			_ = cmd.Process.Kill() // the process still exists: nothing has waited for it
		})
	}
	if early {
		kill(30)
	}
	lines := bufio.NewScanner(pipe)
	for n := 0; lines.Scan(); n++ {
		if n == 0 && !early { // it is writing, so the time to the kill starts
			kill(50)
		}
		acknowledged(&acked, lines.Text())
	}
	_ = cmd.Wait() // killed
	if stderr.Len() > 0 {
		return acked, fmt.Errorf("child wrote to stderr, want nothing: %s", stderr.String())
	}
	return acked, nil
}

// checkKilled opens the files of a killed child. No acknowledged write may be lost. At most the
// round in progress may have taken effect in part, and its transaction must be atomic.
func checkKilled(dir, name string, acked [killWriters]int) (rounds int, err error) {
	s, err := perdure.Open(dir, killOptions(name)...)
	if err != nil {
		return 0, fmt.Errorf("perdure.Open = %w, want nil", err)
	}
	for w, last := range acked {
		n, err := checkWriter(s, w, last)
		if err != nil {
			return 0, errors.Join(err, s.CloseNoSave())
		}
		rounds += n
	}
	return rounds, s.CloseNoSave()
}

func checkWriter(s *perdure.Store, w, last int) (int, error) {
	var found [5]int
	for i, key := range []string{"copy:", "copy:", "copy:", "plain:", "counter:"} {
		n, err := numberAt(s, i%3, fmt.Sprint(key, w))
		if i > 2 {
			n, err = numberAt(s, 0, fmt.Sprint(key, w))
		}
		if err != nil {
			return 0, err
		}
		found[i] = n
	}
	if v, err := s.Get(fmt.Sprint("plain:", w)); err == nil && !bytes.Equal(v, plainText(w, found[3], len(v) > largeText)) {
		return 0, fmt.Errorf("writer %d: round %d has %d other bytes, want those written",
			w, found[3], len(v))
	}
	done := found[0]
	switch {
	case last > 0 && (done < last || done > last+1):
		return 0, fmt.Errorf("writer %d: round %d, want acknowledged %d or the next", w, done, last)
	case found[1] != done || found[2] != done:
		return 0, fmt.Errorf("writer %d: copies = %v, want those of one transaction", w, found[:3])
	case found[3] < done || found[3] > done+1 || found[4] < done || found[4] > done+1:
		return 0, fmt.Errorf("writer %d: plain, counter %v, want %d or next", w, found[3:], done)
	}
	if err := checkCollections(s, w, done, 0); err != nil {
		return 0, err
	}
	// The next child continues from the number in the transaction, and the counter must agree with
	// it.
	return done, s.Set(fmt.Sprint("counter:", w), strconv.AppendInt(nil, int64(done), 10))
}
