package campaign

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/resp"
)

// modesUnderMasks checks the modes of everything that a store makes. It uses the umask that removes
// no bits and the umask that removes the most.
func modesUnderMasks(r *Run) {
	if runtime.GOOS == "windows" {
		r.Note("hostile: SKIPPED: Windows has no file modes")
		return
	}
	for _, mask := range []int{0o000, 0o077} {
		r.Step(fmt.Sprintf("modes/%03o", mask), func() error { return fileModes(r, mask) })
	}
}

// modeStages lists the stages for one directory, in order. A process with the umask runs each
// stage. make lists the ends of the names of files that must exist afterwards.
var modeStages = []struct {
	name string
	set  func(dir string) error // a change by another program before the stage
	make []string
}{
	{"write", nil, []string{"perdure.lock", "dump.rdb", ".manifest", ".base.rdb", ".incr.aof", ".tail"}},
	{"keep", othersWrite, []string{".tail.kept-1"}},
	{"repair", nonsense, []string{".cut-"}},
	{"restore", stamps, []string{"before-restore-", ".manifest"}},
}

// fileModes runs every stage.
func fileModes(r *Run, mask int) error {
	home, err := os.MkdirTemp("", "torture")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	dir := filepath.Join(home, "data")
	for _, stage := range modeStages {
		if stage.set != nil {
			if err := stage.set(dir); err != nil {
				return fmt.Errorf("before %s: %w", stage.name, err)
			}
		}
		if err := modesStage(r, stage.name, mask, dir, stage.make); err != nil {
			return fmt.Errorf("%s: %w", stage.name, err)
		}
	}
	return nil
}

// modesStage starts a child, checks the directory while the child has it open, and kills the child.
func modesStage(r *Run, name string, mask int, dir string, want []string) error {
	cmd, err := child("modes", fmt.Sprintf("%d %s:%s", mask, name, dir))
	if err != nil {
		return err
	}
	var said strings.Builder
	cmd.Stderr = &said
	if _, err = cmd.StdinPipe(); err != nil { // if this process ends first, the pipe ends the child
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	ready := lines.Scan()
	if ready {
		if reason, none := strings.CutPrefix(lines.Text(), "no ring: "); none {
			r.Note("hostile: SKIPPED: modes of a tail file: %s", reason)
			want = slices.DeleteFunc(slices.Clone(want), func(s string) bool { return strings.HasPrefix(s, ".tail") })
		}
		err = modesIn(r, dir, want)
	}
	_ = cmd.Process.Kill() // the process still exists: nothing has waited for it
	_ = cmd.Wait()
	if !ready || said.Len() > 0 {
		return fmt.Errorf("child ready = %v, want true and no error: %s", ready, said.String())
	}
	return err
}

// modesIn checks the modes of everything below a directory, which must contain the files in want.
func modesIn(r *Run, dir string, want []string) error {
	missing := map[string]bool{}
	for _, name := range want {
		missing[name] = true
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, name := range want {
			if strings.Contains(d.Name(), name) {
				delete(missing, name)
			}
		}
		info, err := d.Info()
		r.Count("cases", 1)
		if want := pick(d.IsDir(), fs.FileMode(0o700), 0o600); err == nil && info.Mode().Perm() != want {
			err = fmt.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		return err
	})
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("files lack %q, want all of %q", sortedKeys(missing), want)
	}
	return err
}

// modesChild runs a stage under a umask, reports it, and waits to be killed.
func modesChild(argument string) error {
	text, dir, _ := strings.Cut(argument, ":")
	var mask int
	var stage string
	if _, err := fmt.Sscan(text, &mask, &stage); err != nil {
		return err
	}
	if !umask(mask) {
		return errors.ErrUnsupported
	}
	options := []aof.Option{aof.RingDelay(time.Hour)}
	more := []perdure.Option{perdure.WithSaveRules()}
	if stage == "repair" {
		if report, err := aof.Repair(dir); err != nil || !report.Done {
			return fmt.Errorf("aof.Repair = %+v, %w, want Done", report, err)
		}
	}
	if stage == "restore" {
		options = append(options, aof.Timestamps(true))
		more = append(more, perdure.WithRecoverUntil(time.Unix(1500, 0)))
	}
	s, err := perdure.Open(dir, append(more, perdure.WithAppendLog(aof.New(options...)))...)
	if err != nil {
		return err
	}
	if stage == "write" {
		if err := modesWrite(s); err != nil {
			return err
		}
	}
	if stats := s.Stats(); stats.LogMode == "ring" {
		fmt.Println("ready")
	} else {
		fmt.Println("no ring:", stats.LogModeReason)
	}
	bufio.NewScanner(os.Stdin).Scan()
	return s.CloseNoSave()
}

// modesWrite makes every file of an open store. The last write is only in the tail file.
func modesWrite(s *perdure.Store) error {
	if err := firstError(s.Set("a", []byte("1")), s.Rewrite(context.Background())); err != nil {
		return err
	}
	if _, err := s.Save(context.Background()); err != nil {
		return err
	}
	return firstError(s.Sync(context.Background()), s.Set("b", []byte("2")))
}

// othersWrite appends to the newest incremental file of a log as redis-server does.
func othersWrite(dir string) error {
	return appendTo(dir, resp.AppendCommand(resp.AppendCommand(nil, "SELECT", "0"), "SET", "c", "3"))
}

// nonsense appends bytes that no crash explains.
func nonsense(dir string) error {
	data := resp.AppendCommand(resp.AppendCommand(nil, "SELECT", "0"), "SET", "c", "3")
	return appendTo(dir, append(data, "!!! nonsense"...))
}

func appendTo(dir string, data []byte) error {
	names, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(names) != 1 {
		return fmt.Errorf("incremental files = %q, %w, want one", names, err)
	}
	f, err := os.OpenFile(names[0], os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// stamps replaces a log by a log with two timestamp annotations.
func stamps(dir string) error {
	log := filepath.Join(dir, "appendonlydir")
	if err := os.RemoveAll(log); err != nil {
		return err
	}
	data := resp.AppendCommand([]byte("#TS:1000\r\n"), "SELECT", "0")
	data = resp.AppendCommand(data, "SET", "a", "1")
	data = resp.AppendCommand(append(data, "#TS:2000\r\n"...), "SET", "a", "2")
	return write(log, map[string]string{
		"appendonly.aof.1.incr.aof": string(data), "appendonly.aof.manifest": "file appendonly.aof.1.incr.aof seq 1 type i\n",
	})
}
