package campaign

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/vfs"
)

// openers is the number of concurrent attempts to open one directory.
const openers = 8

// lock is campaign k. Several handles and processes open one directory. One of them succeeds, and
// the others fail at once. If the holder is killed, the directory is free again.
func lock(r *Run) {
	dir, err := os.MkdirTemp("", "torture")
	if err != nil {
		r.fail("", err)
		return
	}
	defer os.RemoveAll(dir)
	for i := range r.by(30, 200) {
		r.Step(fmt.Sprint("here/", i), func() error { return openTogether(filepath.Join(dir, "here")) })
		r.Count("rounds of 8 openers", 1)
	}
	for i := range r.by(3, 40) {
		r.Step(fmt.Sprint("process/", i), func() error { return openBeside(filepath.Join(dir, "there")) })
		r.Count("holders killed", 1)
	}
}

// openTogether opens one directory from several goroutines.
func openTogether(dir string) error {
	var wg sync.WaitGroup
	stores, errs := [openers]*perdure.Store{}, [openers]error{}
	start, tried := make(chan struct{}), sync.WaitGroup{}
	tried.Add(openers)
	for i := range openers {
		wg.Go(func() {
			<-start
			stores[i], errs[i] = perdure.Open(dir, perdure.WithoutAppendLog(), perdure.WithSaveRules())
			tried.Done()
		})
	}
	close(start)
	tried.Wait()
	wg.Wait()
	owners := 0
	for i, s := range stores {
		if s != nil {
			owners++
			defer s.Close()
		} else if !errors.Is(errs[i], perdure.ErrLocked) {
			return fmt.Errorf("opener %d = %w, want nil or ErrLocked", i, errs[i])
		}
	}
	if owners != 1 {
		return fmt.Errorf("%d of %d openers succeeded, want 1", owners, openers)
	}
	return nil
}

// openBeside opens a directory that another process has open, and opens it again after that process
// was killed.
func openBeside(dir string) error {
	cmd, err := child("lock", dir)
	if err != nil {
		return err
	}
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Wait() }() // killed
	defer func() { _ = cmd.Process.Kill() }()
	if !bufio.NewScanner(pipe).Scan() {
		return errors.New("child did not open the directory")
	}
	for range openers {
		s, err := perdure.Open(dir)
		if err == nil {
			return errors.Join(errors.New("two processes opened one directory"), s.Close())
		}
		var locked *vfs.LockedError
		if !errors.As(err, &locked) || locked.PID != 0 && locked.PID != cmd.Process.Pid {
			return fmt.Errorf("want the holder %d in the error, got %w", cmd.Process.Pid, err)
		}
	}
	if err := errors.Join(cmd.Process.Kill()); err != nil {
		return err
	}
	_ = cmd.Wait() // killed
	s, err := perdure.Open(dir)
	if err != nil {
		return fmt.Errorf("perdure.Open after a kill of the holder = %w, want nil", err)
	}
	return s.Close()
}

// lockChild holds a directory until it is killed.
func lockChild(dir string) error {
	s, err := perdure.Open(dir)
	if err != nil {
		return err
	}
	fmt.Println("open")
	err = s.Set("k", nil)
	for err == nil {
		time.Sleep(time.Minute)
	}
	return err
}
