package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/rdb"
)

var repairCommand = &command{
	name: "repair",
	args: "PATH",
	what: "truncate the damaged tail of a log",
	help: `Repair truncates the last file of a log after the last complete command or transaction,
and saves the removed bytes in a file next to it. It asks first. Stop the store or server before you
run it. Repair also

  - rebuilds a missing manifest from files that belong together
  - appends the contents of a tail file (aof.Ring) of a killed process to the log, or renames and
    keeps the tail file if it does not belong to the log

It refuses damage in an earlier file, in a dump, in a manifest, or in bytes that are declared
synced, because truncation would lose the data after it.

Exit status: 0 if the result is ok, 1 if damage is left or the answer was no, 2 usage error, 3 not
supported, 4 unreadable.`,
	run: (*app).repair,
}

func (a *app) repair(c *command, args []string) error {
	f := c.flags()
	yes := f.Bool("yes", false, "do not ask for confirmation")
	paths, err := a.parse(c, f, args, 1, 1)
	if err != nil {
		return err
	}
	p, err := locate(a.fs, paths[0])
	if err != nil {
		return err
	}
	if p.lines != "" {
		return fmt.Errorf("%s: JSON lines cannot be repaired; perdure check prints the line number", p.path)
	}
	if p.log == "" {
		return a.repairDump(&p)
	}
	lock, err := a.lockOf(p.log)
	if err != nil {
		return err
	}
	defer lock.Close()
	if done, err := a.repairLog(&p, *yes); !done {
		return err
	}
	return a.verdict(&p)
}

// repairDump reports that there is nothing to repair, or returns an error because a dump cannot be
// repaired.
func (a *app) repairDump(p *place) error {
	if _, err := a.checkDump(p); err != nil {
		return fmt.Errorf("a dump cannot be repaired: %w", err)
	}
	fmt.Fprintf(a.stdout, "%s: nothing to repair\n", p.path)
	return nil
}

// repairLog truncates the log if necessary and if the user agrees. If done is true, the caller
// checks the result.
func (a *app) repairLog(p *place, yes bool) (done bool, err error) {
	opts := []aof.CheckOption{aof.CheckContext(a.ctx), aof.BaseCheck(checkBase)}
	plan, err := aof.Repair(p.log, append(opts, aof.OnFS(dirfs.New(&readFS{FS: a.fs})), aof.PlanOnly())...)
	if err != nil {
		return false, err
	}
	if plan.File == "" && plan.Tail == "" && plan.Manifest == "" {
		return true, nil
	}
	if !yes && !a.agreed(&plan) {
		fmt.Fprintln(a.stderr, "perdure: canceled, nothing changed")
		return false, exit(exitDamaged)
	}
	plan, err = aof.Repair(p.log, append(opts, aof.OnFS(dirfs.New(a.fs)))...)
	if err != nil {
		return false, err
	}
	if plan.Manifest != "" {
		fmt.Fprintf(a.stdout, "%s: rebuilt, lists %s\n", plan.Manifest, count(int64(len(plan.Listed)), "file"))
		return a.repairLog(p, yes) // the listed files may have a torn tail
	}
	if plan.File != "" {
		fmt.Fprintf(a.stdout, "%s: truncated at offset %d, saved %s in %s\n",
			plan.File, plan.Offset, count(plan.Cut, "byte"), plan.Saved)
	}
	switch {
	case plan.TailKept != "":
		fmt.Fprintf(a.stdout, "%s: appended %s to the log, kept as %s\n", plan.Tail, count(plan.Merged, "byte"), plan.TailKept)
	case plan.Tail != "":
		fmt.Fprintf(a.stdout, "%s: appended %s to the log, removed\n", plan.Tail, count(plan.Merged, "byte"))
	}
	return true, nil
}

// agreed asks the user whether to carry out a plan.
func (a *app) agreed(plan *aof.RepairReport) bool {
	switch {
	case plan.Manifest != "":
		fmt.Fprintf(a.stderr, "%s: missing\nRebuild it with these files?\n  %s\n[y/N] ",
			plan.Manifest, strings.Join(plan.Listed, "\n  "))
	case plan.File != "":
		fmt.Fprintf(a.stderr, "%s: offset %d: %s\nTruncate %s there and save them in %s? [y/N] ",
			plan.File, plan.Offset, plan.Reason, count(plan.Cut, "byte"), plan.Saved)
	default:
		fmt.Fprintf(a.stderr, "%s: left by a killed process\nAppend the missing %s to the log and remove the tail file? [y/N] ",
			plan.Tail, count(plan.Merged, "byte"))
	}
	return a.answer()
}

// checkBase checks the RDB at the start of a log's file.
func checkBase(ctx context.Context, r io.Reader, size int64) (appendlog.BaseInfo, error) {
	report, err := rdb.Check(ctx, r, size)
	return appendlog.BaseInfo{Size: report.Size, Origin: report.Origin}, err
}

// answer reads a line and reports whether it is a yes. Without input, or after an interrupt, it
// returns false.
func (a *app) answer() bool {
	answers := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(io.LimitReader(a.stdin, 1024)).ReadString('\n') // an error: no
		answers <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case line := <-answers:
		return line == "y" || line == "yes"
	case <-a.ctx.Done():
		return false
	}
}

// verdict checks and prints the result.
func (a *app) verdict(p *place) error {
	result, err := a.checkPath(p.path, false)
	if err != nil {
		return err
	}
	if err := result.print(a.stdout); err != nil {
		return err
	}
	return exit(result.code())
}

// lockOf acquires the lock of the data directory that a log belongs to, if a store was ever opened
// there. It does not create a lock file.
func (a *app) lockOf(log string) (io.Closer, error) {
	dir, err := filepath.Abs(filepath.Dir(log))
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{dir, filepath.Dir(dir)} {
		if path := filepath.Join(dir, lockName); isFile(a.fs, path) {
			return a.fs.Lock(path)
		}
	}
	return noLock{}, nil
}

// noLock is the lock of a directory without a lock file.
type noLock struct{}

func (noLock) Close() error { return nil }
