package campaign

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/perduredb/perdure"
)

// memoryLimit and goLimit limit the memory of a child: GOMEMLIMIT applies to the Go program around
// the store, and the kernel's limit to the rest.
const (
	memoryLimit = 512 << 20
	goLimit     = "GOMEMLIMIT=400MiB"
)

// memoryKills runs children that write, save, and rewrite as in campaign kill, and that also grow
// until memory runs out. Then the kernel kills them (cgroup), or the runtime ends them (RLIMIT_AS).
// If no cgroup can be made, a kill at a random moment replaces the kernel's kill.
func memoryKills(r *Run) {
	group, why := makeGroup()
	if why != "" {
		r.Count("kills without a cgroup", 0)
		r.Note("leak: SKIPPED: no cgroup of %d MiB: %s; random kills replace those of the kernel", memoryLimit>>20, why)
	} else {
		defer os.Remove(group)
	}
	for i := range r.by(3, 21) {
		rng := rand.New(rand.NewPCG(r.Seed, uint64(400+i)))
		name := logs()[rng.IntN(len(logs()))].name
		how := []string{"heap", "store", "kill"}[i%3]
		if how == "kill" && group != "" {
			how = "group"
		}
		r.Go(fmt.Sprintf("memory/%d, %s, %s", i, how, name), func() error {
			dir, err := os.MkdirTemp("", "torture")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			acked, err := outOfMemory(rng, how, group, name, filepath.Join(dir, "data"))
			if err != nil {
				return err
			}
			rounds, err := checkKilled(filepath.Join(dir, "data"), name, acked)
			r.Count(map[string]string{
				"heap": "ends of memory", "store": "ends of memory", "group": "kills by the kernel", "kill": "kills without a cgroup",
			}[how], 1)
			r.Count("rounds found", int64(rounds))
			return err
		})
	}
	r.Wait()
}

// outOfMemory lets a child grow until it ends, and returns the rounds that the child acknowledged.
func outOfMemory(rng *rand.Rand, how, group, name, dir string) (acked [killWriters]int, err error) {
	over := 32 + rng.IntN(64) // MiB
	cmd, err := child("memory", fmt.Sprintf("%s %d:%s:%s", how, over, name, dir))
	if err != nil {
		return acked, err
	}
	cmd.Env = append(cmd.Env, goLimit)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return acked, err
	}
	before := int64(0)
	if how == "group" {
		f, err := os.Open(group)
		if err != nil {
			return acked, err
		}
		defer f.Close()
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
		before = groupKills(group)
	}
	if err := cmd.Start(); err != nil {
		return acked, err
	}
	after := time.Duration(rng.IntN(300)) * time.Millisecond
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if n == 0 && how == "kill" {
			time.AfterFunc(after, func() {
				_ = cmd.Process.Kill() // the process still exists: nothing has waited for it
			})
		}
		acknowledged(&acked, lines.Text())
	}
	return acked, rightEnd(how, cmd.Wait(), said.String(), groupKills(group)-before)
}

// endsOfMemory lists messages of the runtime, its race detector, the C library, and the table.
var endsOfMemory = []string{
	"out of memory", "cannot allocate memory", "pthread_create failed", "failed to create new OS thread",
	"too many address space collisions", "ThreadSanitizer",
	"a write has panicked", // in another goroutine, without memory; this one ended first
}

// rightEnd returns an error if a child did not end in the expected way.
func rightEnd(how string, err error, said string, kills int64) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("child = %w, want an exit status: %s", err, said)
	}
	killed := exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	switch how {
	case "kill":
		if killed && said == "" {
			return nil
		}
	case "group":
		if killed && kills > 0 {
			return nil
		}
	default:
		for _, want := range endsOfMemory {
			if strings.Contains(said, want) {
				return nil
			}
		}
	}
	return fmt.Errorf("want the child to end by %s, got %w, %d kills: %s", how, err, kills, said)
}

// memoryChild writes and grows until it ends.
func memoryChild(argument string) error {
	text, rest, _ := strings.Cut(argument, ":")
	name, dir, _ := strings.Cut(rest, ":")
	var how string
	var over int64
	if _, err := fmt.Sscan(text, &how, &over); err != nil {
		return err
	}
	s, err := perdure.Open(dir, killOptions(name)...)
	if err != nil {
		return err
	}
	if how == "heap" || how == "store" {
		if _, err := limitAddresses(over << 20); err != nil {
			return err
		}
	}
	go grow(how, s)
	return killWrites(s)
}

// limitAddresses lets this process map that much more address space. The returned function removes
// the limit.
func limitAddresses(more int64) (lift func() error, err error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return nil, err
	}
	var pages int64
	if _, err := fmt.Sscan(string(text), &pages); err != nil {
		return nil, err
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &before); err != nil {
		return nil, err
	}
	limit := uint64(pages*int64(os.Getpagesize()) + more)
	lift = func() error { return syscall.Setrlimit(syscall.RLIMIT_AS, &before) }
	return lift, syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: limit, Max: before.Max})
}

// grow allocates memory, for the program or for the store.
func grow(how string, s *perdure.Store) {
	var kept [][]byte
	defer func() { runtime.KeepAlive(kept) }()
	for n := 0; ; n++ {
		time.Sleep(time.Millisecond)
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 512 {
			block[i] = byte(n)
		}
		if how != "store" {
			kept = append(kept, block)
			continue
		}
		if err := s.DB(3).Set(fmt.Sprint("grow:", n), block); err != nil {
			fmt.Fprintln(os.Stderr, "growing:", err)
			return
		}
	}
}

// makeGroup makes a cgroup (version 2) with little memory below the cgroup of this process, or
// returns the reason why it cannot. It needs only delegated rights and changes nothing above the
// new cgroup.
func makeGroup() (path, why string) {
	own, err := ownGroup()
	if err != nil {
		return "", err.Error()
	}
	path = filepath.Join(own, fmt.Sprint("perdure-torture-", os.Getpid()))
	if err := os.Mkdir(path, 0o755); err != nil {
		return "", err.Error()
	}
	err = os.WriteFile(filepath.Join(path, "memory.max"), fmt.Append(nil, memoryLimit), 0)
	if swap := filepath.Join(path, "memory.swap.max"); err == nil {
		if _, none := os.Stat(swap); none == nil {
			err = os.WriteFile(swap, []byte("0"), 0)
		}
	}
	if err != nil {
		return "", firstError(err, os.Remove(path)).Error()
	}
	return path, ""
}

// ownGroup returns the directory of this process's cgroup.
func ownGroup() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[2] != "cgroup2" {
			continue
		}
		for line := range strings.Lines(string(groups)) {
			if path, found := strings.CutPrefix(strings.TrimSpace(line), "0::"); found {
				own := filepath.Join(fields[1], path)
				have, err := os.ReadFile(filepath.Join(own, "cgroup.controllers"))
				if err == nil && !strings.Contains(string(have), "memory") {
					err = errors.New("cgroup version 2 lacks a memory controller")
				}
				return own, err
			}
		}
	}
	return "", errors.New("cgroup2 is not mounted")
}

// groupKills returns the number of out-of-memory kills in a cgroup.
func groupKills(group string) (n int64) {
	text, err := os.ReadFile(filepath.Join(group, "memory.events"))
	if err != nil {
		return 0 // the group does not exist
	}
	for line := range strings.Lines(string(text)) {
		if count, found := strings.CutPrefix(line, "oom_kill "); found {
			_, _ = fmt.Sscan(count, &n) // the kernel writes numbers
		}
	}
	return n
}
