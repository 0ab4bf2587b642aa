package campaign

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/vfs"
)

// openers is the number of concurrent attempts to open one directory.
const openers = 8

// lock is campaign k. Several handles and processes open one directory. One of them succeeds, and
// the others fail at once and change nothing. If the holder is killed, the directory is free again.
func lock(r *Run) {
	dir, err := os.MkdirTemp("", "torture")
	if err != nil {
		r.fail("", err)
		return
	}
	defer os.RemoveAll(dir)
	saved := 0
	for i := range r.by(30, 200) {
		r.Step(fmt.Sprint("here/", i), func() (err error) {
			saved, err = openTogether(filepath.Join(dir, "here"), saved)
			return err
		})
		r.Count("rounds of 8 openers", 1)
	}
	for i := range r.by(3, 40) {
		r.Step(fmt.Sprint("process/", i), func() error {
			return openBeside(filepath.Join(dir, "there"), holderModes[i%len(holderModes)])
		})
		r.Count("holders killed", 1)
	}
}

// openTogether opens one directory from several goroutines. The owner must find the rounds of the
// owners before it. It writes and saves another one, whose number openTogether returns.
func openTogether(dir string, last int) (saved int, err error) {
	stores, errs := [openers]*perdure.Store{}, [openers]error{}
	start, tried := make(chan struct{}), sync.WaitGroup{}
	for i := range openers {
		tried.Go(func() {
			<-start
			stores[i], errs[i] = perdure.Open(dir, modeOf("snapshots").options()...)
		})
	}
	close(start)
	tried.Wait()
	var owners []*perdure.Store
	for i, s := range stores {
		if s != nil {
			owners = append(owners, s)
			defer s.Close()
		} else if !errors.Is(errs[i], perdure.ErrLocked) {
			return last, fmt.Errorf("opener %d = %w, want nil or ErrLocked", i, errs[i])
		}
	}
	if len(owners) != 1 {
		return last, fmt.Errorf("%d of %d openers succeeded, want 1", len(owners), openers)
	}
	s := owners[0]
	if n, err := checkWriter(s, 0, last); err != nil || n != last {
		return last, fmt.Errorf("owner has round %d, %w, want %d", n, err, last)
	}
	if err := killRound(s, 0, last+1, false); err != nil {
		return last, err
	}
	_, err = s.Save(context.Background())
	return last + 1, err
}

// holderModes lists the modes of a holder, in turn. They write no file between two calls, and the
// collections of one of them have trees.
var holderModes = []string{"everysec", "no"}

// holderRounds is the number of rounds that a holder writes before another process tries to open
// the directory, and again afterwards.
const holderRounds = 10

// openBeside opens a directory that another process has open. This must change nothing. The holder
// then writes again and is killed, and everything that it wrote must be found.
func openBeside(dir, mode string) error {
	cmd, err := child("lock", mode+":"+dir)
	if err != nil {
		return err
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Wait() }() // killed
	defer func() { _ = cmd.Process.Kill() }()
	replies, round := bufio.NewReader(out), 0
	write := func() error {
		_, err := fmt.Fprintln(in)
		_, scanErr := fmt.Fscanln(replies, &round)
		return errors.Join(err, scanErr)
	}
	if err := write(); err != nil {
		return fmt.Errorf("first rounds of the holder: %w", err)
	}
	if err := openHeld(dir, cmd.Process.Pid); err != nil {
		return err
	}
	if err := write(); err != nil {
		return fmt.Errorf("rounds of the holder after refused opens: %w", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	_ = cmd.Wait() // killed
	s, err := perdure.Open(dir, modeOf(mode).options()...)
	if err != nil {
		return fmt.Errorf("perdure.Open after a kill of the holder = %w, want nil", err)
	}
	_, err = checkWriter(s, 0, round)
	return firstError(err, s.Close())
}

// openHeld tries to open a directory that process pid holds. Each attempt must fail and change no
// file.
func openHeld(dir string, pid int) error {
	before, err := listing(dir)
	if err != nil {
		return err
	}
	for range openers {
		s, err := perdure.Open(dir)
		if err == nil {
			return errors.Join(errors.New("two processes opened one directory"), s.Close())
		}
		var locked *vfs.LockedError
		if !errors.As(err, &locked) || locked.PID != 0 && locked.PID != pid {
			return fmt.Errorf("want the holder %d in the error, got %w", pid, err)
		}
	}
	after, err := listing(dir)
	if err == nil && after != before {
		err = fmt.Errorf("refused opens changed the directory, want no change: %s", difference(after, before))
	}
	return err
}

// lockChild holds a directory until it is killed. For each line of its input it writes some rounds,
// and prints the number of the last one.
func lockChild(argument string) error {
	mode, dir, _ := strings.Cut(argument, ":")
	s, err := perdure.Open(dir, modeOf(mode).options()...)
	if err != nil {
		return err
	}
	round, err := numberAt(s, 0, "copy:0")
	for lines := bufio.NewScanner(os.Stdin); err == nil && lines.Scan(); {
		for range holderRounds {
			round++
			err = firstError(err, killRound(s, 0, round, false))
		}
		if err == nil {
			fmt.Println(round)
		}
	}
	return firstError(err, s.CloseNoSave())
}
