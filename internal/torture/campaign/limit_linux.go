package campaign

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/vfs"
)

// limitLoad is the work of a child of the limits campaign. The child writes until the store
// refuses.
type limitLoad struct {
	mode    aof.Mode
	policy  aof.FsyncPolicy
	ring    int64
	writers int
	limit   int64 // RLIMIT_FSIZE, which the child sets; 0 means no limit: the file system is full
	auto    int   // 1 if the store recovers automatically
	wait    int   // 1 if the child waits for a message before it writes
}

func (l limitLoad) options() []perdure.Option {
	return []perdure.Option{
		perdure.WithSaveRules(), perdure.WithAutoRecover(l.auto == 1),
		perdure.WithAppendLog(aof.New(aof.LogMode(l.mode), aof.RingSize(l.ring), aof.Fsync(l.policy), aof.AutoRewrite(0, 0))),
	}
}

// String returns the load in the form that limitChild reads.
func (l limitLoad) String() string {
	return fmt.Sprintf("%d %d %d %d %d %d %d", l.mode, l.policy, l.ring, l.writers, l.limit, l.auto, l.wait)
}

// limitLoads returns every mode of the log with every policy.
func limitLoads() (all []limitLoad) {
	for _, mode := range []aof.Mode{aof.Ring, aof.Direct} {
		for _, policy := range []aof.FsyncPolicy{aof.Always, aof.EverySec, aof.No} {
			all = append(all, limitLoad{mode: mode, policy: policy})
		}
	}
	return all
}

// noRoom reports whether an error is caused by a limit.
func noRoom(err error) bool { return errors.Is(err, syscall.EFBIG) || errors.Is(err, syscall.ENOSPC) }

// fileLimit sets the maximum length of a file; 0 is the maximum that the kernel allows.
func fileLimit(limit int64) error {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &now); err != nil {
		return err
	}
	now.Cur = now.Max
	if limit > 0 {
		now.Cur = uint64(limit)
	}
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &now)
}

// limitChild writes until the store refuses, and reports the refusal. When its parent reports that
// there is room, limitChild continues with its store and closes it. At the end of its input, it
// leaves everything unchanged.
func limitChild(argument string) error {
	text, dir, _ := strings.Cut(argument, ":")
	var load limitLoad
	if _, err := fmt.Sscan(text, &load.mode, &load.policy, &load.ring, &load.writers, &load.limit, &load.auto, &load.wait); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ) // a write beyond the limit then returns an error
	if err := fileLimit(load.limit); err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	s, err := perdure.Open(dir, load.options()...)
	if err != nil {
		if !noRoom(err) {
			return err
		}
		fmt.Println("refused: open:", err)
		if !in.Scan() {
			return nil
		}
		if s, err = openAgain(dir, load); err != nil {
			return fmt.Errorf("perdure.Open with space available = %w, want nil", err)
		}
		return continueWrites(s, load, make([]int, load.writers))
	}
	fmt.Println("mode", s.Stats().LogMode, s.Stats().LogModeReason)
	if load.wait == 1 && !in.Scan() {
		return nil
	}
	acked := make([]int, load.writers)
	err = load.write(s, acked, 200_000)
	if !errors.Is(err, perdure.ErrLogFailed) || !noRoom(err) {
		return fmt.Errorf("want an error about space, got %w", err)
	}
	if reason := s.Stats().LogModeReason; strings.Contains(reason, vfs.ErrFault.Error()) {
		return fmt.Errorf("LogModeReason = %q, want no hole in the tail file", reason)
	}
	fmt.Println("refused:", err)
	if !in.Scan() {
		return nil
	}
	if err := heal(s, load); err != nil {
		return fmt.Errorf("heal with space available = %w, want nil", err)
	}
	for w := range acked {
		if acked[w], err = checkWriter(s, w, acked[w]); err != nil {
			return fmt.Errorf("memory with space available: %w", err)
		}
	}
	return continueWrites(s, load, acked)
}

func openAgain(dir string, load limitLoad) (*perdure.Store, error) {
	if err := fileLimit(0); err != nil {
		return nil, err
	}
	return perdure.Open(dir, load.options()...)
}

// heal recovers the log after there is room again.
func heal(s *perdure.Store, load limitLoad) error {
	if err := fileLimit(0); err != nil {
		return err
	}
	if load.auto == 0 {
		return s.Recover(context.Background())
	}
	for s.Err() != nil { // the patience of the step ends a wait without end
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// continueWrites writes a few more rounds and closes the store.
func continueWrites(s *perdure.Store, load limitLoad, acked []int) error {
	err := load.write(s, acked, 20)
	if err := firstError(err, s.Close()); err != nil {
		return fmt.Errorf("writes or Close with space available = %w, want nil", err)
	}
	fmt.Println("closed")
	return nil
}

// write runs a number of rounds in each writer, and prints "writer round" after each round. It
// returns the first error.
func (l limitLoad) write(s *perdure.Store, acked []int, rounds int) error {
	var out sync.Mutex
	errs := make(chan error, l.writers)
	for w := range l.writers {
		go func() {
			var err error
			for n := 0; n < rounds && err == nil; n++ {
				if err = killRound(s, w, acked[w]+1, false); err == nil {
					acked[w]++
					out.Lock()
					_, err = fmt.Println(w, acked[w])
					out.Unlock()
				}
			}
			errs <- err
		}()
	}
	var first error
	for range l.writers {
		first = firstError(first, <-errs)
	}
	return first
}

// limited is the parent's view of a child that writes.
type limited struct {
	load    limitLoad
	dir     string
	cmd     *exec.Cmd
	in      *bufio.Writer
	out     *bufio.Scanner
	said    strings.Builder
	mode    string // ring or direct; empty until the log is open
	refused bool
	acked   [killWriters]int
}

func startLimited(load limitLoad, dir string) (*limited, error) {
	cmd, err := child("limit", load.String()+":"+dir)
	if err != nil {
		return nil, err
	}
	c := &limited{load: load, dir: dir, cmd: cmd}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = &c.said
	c.in, c.out = bufio.NewWriter(in), bufio.NewScanner(out)
	return c, cmd.Start()
}

// until reads the child's output up to a line that begins with one of prefixes, and returns that
// line. At the end of the output, it returns "".
func (c *limited) until(prefixes ...string) string {
	for c.out.Scan() {
		line := c.out.Text()
		acknowledged(&c.acked, line)
		if mode, found := strings.CutPrefix(line, "mode "); found {
			c.mode, _, _ = strings.Cut(mode, " ")
		}
		c.refused = c.refused || strings.HasPrefix(line, "refused:")
		for _, prefix := range prefixes {
			if strings.HasPrefix(line, prefix) {
				return line
			}
		}
	}
	return ""
}

// resume sends the child the message to continue.
func (c *limited) resume() error {
	_, err := c.in.WriteString("continue\n")
	return firstError(err, c.in.Flush())
}

// end waits for the child, which must not have printed an error.
func (c *limited) end() error {
	_ = c.cmd.Wait() // it may have been killed; only its messages count
	if c.said.Len() > 0 {
		return fmt.Errorf("child wrote to stderr, want nothing: %s", c.said.String())
	}
	return nil
}

// limits is the part of campaign l that a file system in memory cannot test. It runs a process with
// a limit on the length of files, and a process on a file system of 1 MiB. Each process writes
// until the store refuses. Acknowledged writes must survive if the process is killed then, and if
// it continues when there is room.
func limits(r *Run) {
	rng := rand.New(rand.NewPCG(r.Seed, 32))
	for i := range r.by(12, 120) {
		load := limitLoads()[i%6]
		load.writers = []int{1, killWriters}[rng.IntN(2)]
		load.ring = []int64{3 << 10, 12 << 10, 192 << 10}[rng.IntN(3)]
		load.limit = []int64{load.ring + 4096 + rng.Int64N(40<<10), rng.Int64N(20 << 10), rng.Int64N(600)}[min(2, rng.IntN(7)/3)] + 1
		if i%60 == 30 {
			load.ring, load.limit = 3<<20, 3<<20+4096+rng.Int64N(100<<10)
		}
		load.auto = pick(i%30 == 5, 1, 0)
		kill := rng.IntN(3) == 0 && load.auto == 0
		r.Go(fmt.Sprintf("limit/%d, %v", i, load), func() error {
			home, err := os.MkdirTemp("", "torture")
			if err != nil {
				return err
			}
			defer os.RemoveAll(home)
			r.Count("file size limits", 1)
			return limitStep(r, load, filepath.Join(home, "data"), kill, func() error { return nil })
		})
	}
	r.Wait()
	if r.first() {
		smallDisks(r)
	}
}

// limitStep lets a child write until the store refuses, and checks the log. It then kills the child
// or lets it continue with room, and checks the files that remain. room makes the room, if the
// child does not.
func limitStep(r *Run, load limitLoad, dir string, kill bool, room func() error) error {
	c, err := startLimited(load, dir)
	if err != nil {
		return err
	}
	return c.finish(r, kill, room)
}

// finish does the rest of limitStep with a child that writes.
func (c *limited) finish(r *Run, kill bool, room func() error) error {
	if !c.refused {
		c.until("refused:")
	}
	err := c.look(r)
	if kill || !c.refused || err != nil {
		_ = c.cmd.Process.Kill() // the process still exists: nothing has waited for it
		if err := firstError(c.end(), err); err != nil {
			return err
		}
		if !c.refused {
			return errors.New("child exited before a write was refused")
		}
		return firstError(c.full(), room(), c.check(r))
	}
	if err := firstError(room(), c.resume()); err != nil {
		return err
	}
	closed := c.until("closed")
	if err := c.end(); err != nil {
		return err
	}
	if closed == "" {
		return errors.New("child exited before Close returned")
	}
	return c.check(r)
}

// look checks the log of a child that was refused and still has the log open. Any server must be
// able to read the log, and the tail file must not have a hole.
func (c *limited) look(r *Run) error {
	dir := filepath.Join(c.dir, "appendonlydir")
	if c.mode == "" {
		return nil // it was not opened
	}
	if c.mode == aof.Ring.String() {
		r.Count("in Ring mode", 1)
		if err := hasBlocks(filepath.Join(dir, "appendonly.aof.tail")); err != nil {
			return err
		}
	}
	path := filepath.Join(dir, "appendonly.aof.manifest")
	report, err := aof.Check(path)
	if err == nil {
		report.Tail = nil // it contains data that the log lacks
		err = report.Err()
	}
	if err != nil {
		return fmt.Errorf("aof.Check after a refused write = %w, want nil", err)
	}
	tool, err := exec.LookPath("redis-check-aof")
	if err != nil {
		return nil // the summary shows that no log was checked
	}
	if out, err := exec.Command(tool, path).CombinedOutput(); err != nil {
		return fmt.Errorf("redis-check-aof = %w, want nil: %s", err, out)
	}
	r.Count("accepted by redis-check", 1)
	return nil
}

// hasBlocks returns an error if a file has a hole, which a full disk could not fill.
func hasBlocks(path string) error {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return err
	}
	if st.Blocks*512 < st.Size {
		return fmt.Errorf("blocks of %s have %d bytes, want %d", path, st.Blocks*512, st.Size)
	}
	return nil
}

// full opens the files of a killed child on a file system that may still be full. Open must succeed
// or return an error about the lack of room, and nothing may be lost.
func (c *limited) full() error {
	s, err := perdure.Open(c.dir, c.load.options()...)
	if err != nil {
		return pick(noRoom(err), nil, err)
	}
	for w := range c.load.writers {
		if done, err := numberAt(s, 0, fmt.Sprint("copy:", w)); err != nil || done < c.acked[w] {
			return fmt.Errorf("after a kill, writer %d: round %d, %w, want at least %d", w, done, err, c.acked[w])
		}
	}
	_ = s.CloseNoSave() // the file system may be full
	return nil
}

// check opens the remaining files with space available.
func (c *limited) check(r *Run) error {
	s, err := perdure.Open(c.dir, c.load.options()...)
	if err != nil {
		return fmt.Errorf("perdure.Open with space available = %w, want nil", err)
	}
	for w := range c.load.writers {
		n, err := checkWriter(s, w, c.acked[w])
		if err == nil && c.acked[w] == 0 && n > 1 {
			err = fmt.Errorf("writer %d: round %d, want at most 1 if none is acknowledged", w, n)
		}
		if err != nil {
			return errors.Join(err, s.CloseNoSave())
		}
		r.Count("rounds found", int64(n))
	}
	return s.Close()
}
