package campaign

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/perduredb/perdure"
)

// descriptors returns the number of this process's open files, or -1 if the kernel does not report
// it.
func descriptors() int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(names)
}

// resident returns the resident memory of this process in bytes, or 0 if the kernel does not report
// it.
func resident() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(data), &size, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// leak is campaign i. It opens and closes a store with jobs in progress, and nothing may remain
// afterwards. It also kills processes that grow beyond a memory limit. Their acknowledged writes
// must survive.
func leak(r *Run) {
	r.Step("cycles", func() error {
		dir, err := os.MkdirTemp("", "torture")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		n := r.by(100, 500)
		for i := range 20 {
			if err := openAndClose(dir, i); err != nil {
				return err
			}
		}
		goroutines, open := runtime.NumGoroutine(), descriptors()
		runtime.GC()
		memory := resident()
		for i := range n {
			if err := openAndClose(dir, i); err != nil {
				return fmt.Errorf("cycle %d: %w", i, err)
			}
			r.Count("cycles", 1)
		}
		return nothingLeft(dir, goroutines, open, memory)
	})
	memoryKills(r)
}

// nothingLeft compares the process with its state before the cycles.
func nothingLeft(dir string, goroutines, open int, memory int64) error {
	deadline := time.Now().Add(patience / 2)
	for runtime.NumGoroutine() > goroutines {
		if time.Now().After(deadline) {
			return fmt.Errorf("%d goroutines, want %d as before", runtime.NumGoroutine(), goroutines)
		}
		runtime.Gosched() // an ended goroutine is counted until the runtime removes it
	}
	if n := descriptors(); n > open {
		return fmt.Errorf("%d descriptors, want %d as before", n, open)
	}
	runtime.GC()
	if now := resident(); now > memory+memory/2+64<<20 {
		return fmt.Errorf("%d bytes of memory, want %d as before", now, memory)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err == nil && len(names) > 4 {
		err = fmt.Errorf("files = %q, want at most 4", names)
	}
	return err
}

// openAndClose opens and closes a store with a job in progress.
func openAndClose(dir string, i int) error {
	s, err := perdure.Open(dir)
	if err != nil {
		return err
	}
	err = s.Set(fmt.Sprint(i%50), make([]byte, 100))
	switch {
	case err != nil:
	case i%5 == 0:
		_, err = s.BGSave()
	case i%5 == 1:
		_, err = s.BGRewrite()
	case i%5 == 2:
		_, err = s.Snapshot()
	case i%5 == 3:
		err = s.Rewrite(context.Background())
	}
	if i%2 == 0 {
		return firstError(err, s.CloseNoSave())
	}
	return firstError(err, s.Close())
}
