package campaign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// diskSize is the size of the small file system.
const diskSize = 1 << 20

// diskReport is the report of a process on a small file system.
type diskReport struct {
	Skipped string
	Failure string
	Counts  Counts
}

// smallDisks tests the limits on a file system of 1 MiB in memory. A separate process mounts the
// file system, where no other process sees it, and runs the steps.
func smallDisks(r *Run) {
	if r.over() || r.only != "" && !strings.HasPrefix(r.only, "disk") {
		return
	}
	home, err := os.MkdirTemp("", "torture")
	if err != nil {
		r.fail("disk", err)
		return
	}
	defer os.RemoveAll(home)
	cmd, err := child("disk", fmt.Sprintf("%d %d:%s", r.Seed, r.size, home))
	if err != nil {
		r.fail("disk", err)
		return
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.Output()
	var report diskReport
	if errors.Is(err, syscall.EPERM) {
		report.Skipped = err.Error()
	} else if jsonErr := json.Unmarshal(out, &report); err != nil || jsonErr != nil || said.Len() > 0 {
		r.fail("disk", fmt.Errorf("child = %w, report = %w, want nil: %s",
			err, jsonErr, said.String()))
		return
	}
	if report.Skipped != "" {
		r.Count("small disks skipped", 1)
		r.Note("full: SKIPPED: cannot mount a file system of 1 MiB: %s", report.Skipped)
	}
	for _, one := range report.Counts {
		r.Count(one.What, one.N)
	}
	if report.Failure != "" {
		r.fail("disk", errors.New(report.Failure))
	}
}

// diskChild mounts a small file system in a separate mount namespace, and runs the steps.
func diskChild(argument string) error {
	text, dir, _ := strings.Cut(argument, ":")
	r := &Run{campaign: "full", workers: make(chan struct{}, 1)}
	if _, err := fmt.Sscan(text, &r.Seed, &r.size); err != nil {
		return err
	}
	report := diskReport{}
	if err := syscall.Mount("torture", dir, "tmpfs", 0, fmt.Sprint("size=", diskSize)); err != nil {
		report.Skipped = err.Error()
	} else {
		d := disk{dir}
		r.Step("disk/hole", d.hole)
		rng := rand.New(rand.NewPCG(r.Seed, 33))
		for i := range r.by(6, 60) {
			r.Step(fmt.Sprint("disk/", i), func() error { return d.step(r, rng, i) })
		}
		report.Failure, report.Counts = r.failure, r.counts
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}

// disk is the directory of a small file system.
type disk struct{ dir string }

func (d disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill fills the disk until at most free bytes remain.
func (d disk) fill(free int64) error {
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	var st syscall.Statfs_t
	for block := make([]byte, 4096); err == nil; _, err = f.Write(block) {
		if err = syscall.Statfs(d.dir, &st); err == nil && int64(st.Bavail)*int64(st.Bsize) <= free {
			break
		}
	}
	return firstError(err, f.Close())
}

// step lets a child write until the disk is full. In half of the steps, the disk is full before the
// first write.
func (d disk) step(r *Run, rng *rand.Rand, i int) error {
	load := limitLoads()[i%6]
	load.writers = []int{1, killWriters}[rng.IntN(2)]
	load.ring = []int64{3 << 10, 12 << 10, 192 << 10, 3 << 20}[rng.IntN(4)]
	load.auto = pick(i%30 == 5, 1, 0)
	load.wait = rng.IntN(2)
	kill := rng.IntN(3) == 0 && load.auto == 0
	data := filepath.Join(d.dir, "data")
	defer os.RemoveAll(data)
	room := func() error {
		err := os.Remove(d.ballast())
		return pick(errors.Is(err, os.ErrNotExist), nil, err)
	}
	defer func() { _ = room() }() // it may have been removed
	free := rng.Int64N(300 << 10)
	if load.wait == 1 {
		free = 300 << 10 // for the files of an empty store
	}
	if err := d.fill(free); err != nil {
		return err
	}
	r.Count("small disks filled", 1)
	c, err := startLimited(load, data)
	if err != nil {
		return err
	}
	if load.wait == 1 && c.until("mode ", "refused:") != "" && c.mode != "" {
		if err := firstError(d.fill(0), c.resume()); err != nil {
			return err
		}
	}
	return c.finish(r, kill, room)
}

// hole shows why the tail file is written out. On a full disk, a store to a hole of a mapped file
// ends the process.
func (d disk) hole() error {
	defer os.Remove(d.ballast())
	cmd, err := child("hole", d.dir)
	if err != nil {
		return err
	}
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("SIGBUS")) {
		return fmt.Errorf("want a SIGBUS, got %v after %v: %s", err, time.Since(began), out)
	}
	return nil
}

// holeChild stores to a hole of a mapped file on a full disk.
func holeChild(dir string) error {
	f, err := os.Create(filepath.Join(dir, "hole"))
	if err != nil {
		return err
	}
	if err := firstError(os.Remove(f.Name()), f.Truncate(64<<10)); err != nil {
		return err
	}
	memory, err := syscall.Mmap(int(f.Fd()), 0, 64<<10, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err == nil {
		err = disk{dir}.fill(0)
	}
	if err != nil {
		return err
	}
	for i := range memory {
		memory[i] = 1
	}
	return errors.New("store to a hole succeeded, want SIGBUS")
}
