package perdure_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/snapshot"
)

// The kill campaign: a child process writes, saves and rewrites, and is killed (SIGKILL) at a
// random moment; then its directory is opened here and compared with what it acknowledged.
//
// PERDURE_KILLS sets how often per policy; CI has 100.

const childEnv = "PERDURE_KILL_CHILD"

const killWriters = 4

var policies = []aof.FsyncPolicy{aof.EverySec, aof.Always, aof.No}

func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		killChild(spec)
		return
	}
	os.Exit(m.Run())
}

func killOptions(policy aof.FsyncPolicy) []perdure.Option {
	return []perdure.Option{
		perdure.WithAppendLog(aof.New(aof.Fsync(policy), aof.AutoRewrite(100, 1<<20))),
		perdure.WithSaveRules(snapshot.Rule{Seconds: 1, Changes: 1}),
	}
}

// killChild writes until it is killed. Each writer counts up a plain key, a counter, and two
// copies in different databases by one transaction; after each round it prints "writer round".
func killChild(spec string) {
	number, dir, _ := strings.Cut(spec, ":")
	policy, _ := strconv.Atoi(number)
	s, err := perdure.Open(dir, killOptions(aof.FsyncPolicy(policy))...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	die := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	var out sync.Mutex
	for w := range killWriters {
		go func() {
			round := killRound(s, w)
			for {
				round++
				die(s.Set(fmt.Sprint("plain:", w), fmt.Appendf(nil, "%d:%s", round, strings.Repeat("x", round%500))))
				_, err := s.Incr(fmt.Sprint("counter:", w))
				die(err)
				die(s.Update(func(tx *perdure.Tx) error {
					for db := range 3 {
						if err := tx.DB(db).Set(fmt.Sprint("copy:", w), strconv.AppendInt(nil, int64(round), 10)); err != nil {
							return err
						}
					}
					return nil
				}))
				out.Lock()
				_, err = fmt.Fprintf(os.Stdout, "%d %d\n", w, round)
				out.Unlock()
				die(err)
			}
		}()
	}
	for {
		if _, err := s.Save(context.Background()); !errors.Is(err, perdure.ErrSaveInProgress) {
			die(err)
		}
		if err := s.Rewrite(context.Background()); !errors.Is(err, perdure.ErrRewriteInProgress) {
			die(err)
		}
	}
}

// killRound is the last round of a writer that took full effect.
func killRound(s *perdure.Store, w int) int {
	v, err := s.Get(fmt.Sprint("copy:", w))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(string(v))
	return n
}

func kills() int {
	if n, err := strconv.Atoi(os.Getenv("PERDURE_KILLS")); err == nil {
		return n
	}
	return 8
}

func TestKill(t *testing.T) {
	for _, policy := range policies {
		t.Run(policy.String(), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			rng := rand.New(rand.NewPCG(uint64(policy), uint64(time.Now().UnixNano())))
			rounds := 0
			for range kills() {
				acked := runAndKill(t, dir, policy, rng)
				rounds = checkKilled(t, dir, policy, acked)
			}
			t.Logf("%d kills, %d rounds acknowledged and found", kills(), rounds)
		})
	}
}

// runAndKill lets a child write for a moment and returns the last round that each writer acknowledged.
func runAndKill(t *testing.T, dir string, policy aof.FsyncPolicy, rng *rand.Rand) (acked [killWriters]int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d:%s", childEnv, policy, dir))
	var complaint strings.Builder
	cmd.Stderr = &complaint
	pipe, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	lines := bufio.NewScanner(pipe)
	for n := 0; lines.Scan(); n++ {
		if n == 0 { // it writes: the clock starts
			delay := time.Duration(rng.IntN(80)) * time.Millisecond
			time.AfterFunc(delay, func() { cmd.Process.Kill() })
		}
		var w, round int
		if c, err := fmt.Sscanf(lines.Text(), "%d %d", &w, &round); c == 2 && err == nil {
			acked[w] = round
		}
	}
	_ = cmd.Wait() // killed
	if complaint.Len() > 0 {
		t.Fatalf("the child said: %s", complaint.String())
	}
	return acked
}

// checkKilled opens what a killed child left. Nothing acknowledged may be lost, and at most the round
// under way may have taken effect in part, its transaction wholly or not at all.
func checkKilled(t *testing.T, dir string, policy aof.FsyncPolicy, acked [killWriters]int) (rounds int) {
	t.Helper()
	s, err := perdure.Open(dir, killOptions(policy)...)
	if err != nil {
		t.Fatalf("Open after a kill: %v", err)
	}
	for w, last := range acked {
		number := func(db int, key string) int {
			v, err := s.DB(db).Get(fmt.Sprint(key, w))
			if errors.Is(err, perdure.ErrNotFound) {
				return 0
			}
			ok(t, err)
			text, _, _ := strings.Cut(string(v), ":")
			n, err := strconv.Atoi(text)
			ok(t, err)
			return n
		}
		done := number(0, "copy:")
		if last == 0 {
			last = done // this child acknowledged nothing by this writer
		}
		if done < last || done > last+1 {
			t.Fatalf("writer %d: round %d acknowledged, %d found", w, last, done)
		}
		if number(1, "copy:") != done || number(2, "copy:") != done {
			t.Fatalf("writer %d: a transaction in part", w)
		}
		for _, key := range []string{"plain:", "counter:"} {
			if n := number(0, key); n < done || n > done+1 {
				t.Fatalf("writer %d: %s %d, transaction %d", w, key, n, done)
			}
		}
		// The next child goes on from the transaction; the counter must agree with it.
		ok(t, s.Set(fmt.Sprint("counter:", w), strconv.AppendInt(nil, int64(done), 10)))
		rounds += last
	}
	ok(t, s.CloseNoSave())
	return rounds
}
