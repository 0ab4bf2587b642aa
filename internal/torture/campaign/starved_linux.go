//lint:file-ignore ST1005 The messages begin with the name of a method.

package campaign

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/perduredb/perdure"
)

// starvedChildren runs processes that run out of address space. The kernel refuses the memory, not
// a limit of perdure.
func starvedChildren(r *Run) {
	for i, how := range []string{"large", "keys"} {
		for _, name := range []string{"everysec", "ring", "snapshots"} {
			r.Go(fmt.Sprintf("child/%d/%s/%s", i, how, name), func() error {
				dir, err := os.MkdirTemp("", "torture")
				if err != nil {
					return err
				}
				defer os.RemoveAll(dir)
				cmd, err := child("starved", how+":"+name+":"+filepath.Join(dir, "data"))
				if err != nil {
					return err
				}
				out, err := cmd.CombinedOutput()
				switch {
				case err == nil:
					r.Count("processes that continued without memory", 1)
				case runtimeEnded(string(out)):
					r.Count("processes in which the Go runtime failed first", 1)
				default:
					return fmt.Errorf("child = %w, want nil or a runtime error: %.600s", err, out)
				}
				return nil
			})
		}
	}
	r.Wait()
}

// runtimeEnded reports whether Go's runtime, not the store, ended a process because of a lack of
// memory.
func runtimeEnded(said string) bool {
	for _, what := range []string{"fatal error: ", "runtime: ", "ThreadSanitizer"} {
		if strings.Contains(said, what) && !strings.Contains(said, "panic: ") {
			return true
		}
	}
	return false
}

// starvedChild writes until memory runs out, and then does the operations that must still work.
func starvedChild(argument string) error {
	how, rest, _ := strings.Cut(argument, ":")
	name, dir, _ := strings.Cut(rest, ":")
	options := func() []perdure.Option { return modeOf(name).options() }
	s, err := perdure.Open(dir, options()...)
	if err != nil {
		return err
	}
	ballast := make([]byte, 48<<20) // the runtime's need for memory must not end the process
	for i := range ballast {
		ballast[i] = 1
	}
	ballast = nil
	debug.SetGCPercent(400)
	lift, err := limitAddresses(160 << 20)
	if err != nil {
		return err
	}
	value := make([]byte, 100)
	if how == "large" {
		value = make([]byte, 4<<20)
	}
	for i := range value {
		value[i] = byte(i)
	}
	n := 0
	for ; err == nil; n++ {
		err = s.Set(fmt.Sprint("key:", n), value)
	}
	n--
	if !errors.Is(err, perdure.ErrNoMemory) {
		return fmt.Errorf("Set %d = %w, want ErrNoMemory", n, err)
	}
	if err := starvedGoesOn(s, n, name); err != nil {
		return err
	}
	// Go's heap keeps the addresses that it used, so Open may find too few addresses under the
	// limit.
	if err := lift(); err != nil {
		return err
	}
	if s, err = perdure.Open(dir, options()...); err != nil {
		return fmt.Errorf("Open = %w, want nil", err)
	}
	if got, err := s.Get("last"); err != nil || string(got) != "v" || s.Len() != int64(n/10+1) {
		return fmt.Errorf("%d keys after Open, want %d: %w", s.Len(), n/10+1, err)
	}
	return s.Close()
}

// starvedGoesOn deletes, writes, saves, rewrites and closes.
func starvedGoesOn(s *perdure.Store, n int, name string) error {
	for i := range n - n/10 {
		if existed, err := s.Delete(fmt.Sprint("key:", i)); err != nil || existed != 1 {
			return fmt.Errorf("Delete(%d) = %d, %w, want 1", i, existed, err)
		}
	}
	if err := s.Set("last", []byte("v")); err != nil {
		return fmt.Errorf("Set after Delete = %w, want nil", err)
	}
	if _, err := s.Save(context.Background()); err != nil {
		return fmt.Errorf("Save = %w, want nil", err)
	}
	if name != "snapshots" {
		if err := s.Rewrite(context.Background()); err != nil {
			return fmt.Errorf("Rewrite = %w, want nil", err)
		}
	}
	return s.Close()
}
