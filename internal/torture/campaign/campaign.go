// Package campaign looks for lost data: it stops machines, kills processes, breaks disks and flips
// bits, and compares what a store holds afterwards with what it promised.
//
// Each campaign is a row of steps, every one with a name, made from a seed. The first step that
// fails ends its campaign with one line that says how to see it again. Campaigns run one at a
// time; a step may run beside others of its campaign.
package campaign

import (
	"errors"
	"fmt"
	"hash/crc32"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Campaign is one way to look for lost data.
type Campaign struct {
	Name  string
	About string
	run   func(r *Run)
	// Sequential says that each of its stores is used by one goroutine at a time.
	Sequential bool
	// Split says that its steps can be shared out among processes.
	Split bool
}

// All is every campaign, in the order in which they run.
func All() []Campaign {
	return []Campaign{
		{"power", "the power is lost before, after and inside every operation on the disk", power, true, true},
		{"fault", "every operation on the disk fails, in every way, once and for ever", fault, true, true},
		{"kill", "a process that writes, saves and rewrites is killed", kill, false, false},
		{"ring", "a process that writes flat out in Ring mode is killed", ringKills, false, false},
		{"rot", "every bit of every file is flipped", rot, true, true},
		{"identity", "files are missing, exchanged, truncated, and of another store or time", identity, true, true},
		{"instant", "money moves while snapshots and rewrites are taken", instant, false, false},
		{"clock", "the wall clock jumps", clocks, true, false},
		{"full", "the disk is full at every byte", full, true, true},
		{"hostile", "the directory was prepared by somebody else", hostile, false, false},
		{"redis", "the same programs on a store and a redis-server", redis, false, false},
		{"fuzz", "several damages at once, in files of ours and of others", fuzz, true, true},
		{"linear", "concurrent calls and crashes have an order that explains them", linear, false, false},
		{"same", "the same answers under every option and way of loading", same, true, true},
		{"lock", "many open one directory", lock, false, false},
		{"place", "the names around an open directory change", place, false, false},
		{"leak", "nothing is left after Close", leak, false, false},
		{"memory", "memory is refused at every request", memory, false, true},
	}
}

// Find gives the campaign of a name.
func Find(name string) (Campaign, error) {
	for _, c := range All() {
		if c.Name == name {
			return c, nil
		}
	}
	return Campaign{}, fmt.Errorf("no campaign %q", name)
}

// Size is how much one round does.
type Size int

// The sizes.
const (
	Small Size = iota // some seconds: go test
	Full              // up to two minutes: CI, and each round of a soak
)

// Options say how a campaign runs.
type Options struct {
	Seed uint64
	Size Size
	Step string // only this one; "" is all
	// Kills is how many there are in campaign ring, on each kind of load; 0 is by the size. Dir is where
	// its data directories are made; "" is the system's directory for temporary files.
	Kills int
	Dir   string
	// Share is which of so many Shares of the steps to do, from 0; no Shares are all of them.
	Share, Shares int
	For           time.Duration // more rounds, with the seeds that follow, until it is over; 0 is one round
}

// Result is what a campaign came to.
type Result struct {
	Campaign string
	Rounds   int
	Counts   Counts
	Notes    []string
	Took     time.Duration
	Skipped  string // why nothing was done
	Failure  string // one line; "" is none
}

// Counts are what was done, in the order of what was told first.
type Counts []Count

// Count is how much of something was done.
type Count struct {
	What string
	N    int64
}

// String gives "104212 images, 300 nested".
func (c Counts) String() string {
	parts := make([]string, len(c))
	for i, one := range c {
		parts[i] = fmt.Sprintf("%d %s", one.N, one.What)
	}
	return strings.Join(parts, ", ")
}

// Add adds more of something.
func (c Counts) Add(what string, n int64) Counts {
	for i := range c {
		if c[i].What == what {
			c[i].N += n
			return c
		}
	}
	return append(c, Count{what, n})
}

// Run runs a campaign. What needs a test's help takes t's.
func (c Campaign) Run(t *testing.T, o Options) Result {
	began := time.Now()
	res := Result{Campaign: c.Name}
	for seed := o.Seed; ; seed++ {
		r := &Run{
			T: t, Seed: seed, size: o.Size, only: o.Step, campaign: c.Name, kills: o.Kills, dir: o.Dir,
			share: o.Share, shares: o.Shares, workers: make(chan struct{}, runtime.GOMAXPROCS(0)),
		}
		if o.For > 0 {
			r.deadline = began.Add(o.For)
		}
		r.protect("", func() error { c.run(r); return nil })
		r.wg.Wait()
		res.Rounds++
		for _, one := range r.counts {
			res.Counts = res.Counts.Add(one.What, one.N)
		}
		res.Notes, res.Skipped, res.Failure = r.notes, r.skipped, r.failure
		if r.stopped.Load() || r.skipped != "" || time.Since(began) >= o.For {
			break
		}
	}
	res.Took = time.Since(began)
	return res
}

// Run is one round of a campaign.
type Run struct {
	T    *testing.T
	Seed uint64

	size     Size
	only     string
	campaign string
	kills    int
	dir      string
	share    int
	shares   int
	deadline time.Time
	workers  chan struct{} // a token for each that may run
	wg       sync.WaitGroup
	stopped  atomic.Bool

	mu      sync.Mutex // guards what follows
	counts  Counts
	notes   []string
	skipped string
	failure string
}

// by picks a number by the size of the run.
func (r *Run) by(small, full int) int {
	if r.size == Small {
		return small
	}
	return full
}

// over reports whether the round is to end: a step has failed, or its time is over.
func (r *Run) over() bool {
	return r.stopped.Load() || !r.deadline.IsZero() && time.Now().After(r.deadline)
}

// patience is how long a step may take; many share the machine with others.
const patience = time.Minute

// Step runs one step here. An error, a panic, or no end fails the campaign.
func (r *Run) Step(name string, step func() error) {
	if r.over() || r.only != "" && name != r.only {
		return
	}
	watchdog := time.AfterFunc(patience, func() {
		r.fail(name, fmt.Errorf("no end after %v", patience))
		fmt.Println(r.failure)
		buf := make([]byte, 1<<20)
		panic(fmt.Sprintf("%s\n%s", r.failure, buf[:runtime.Stack(buf, true)]))
	})
	defer watchdog.Stop()
	r.protect(name, step)
}

// protect turns a panic into a failure.
func (r *Run) protect(name string, step func() error) {
	defer func() {
		if p := recover(); p != nil {
			r.fail(name, fmt.Errorf("panic: %v: %s", p, debug.Stack()))
		}
	}()
	if err := step(); err != nil {
		r.fail(name, err)
	}
}

// Go is Step in a worker, if it is of this process's share; it waits until one is free.
func (r *Run) Go(name string, step func() error) {
	if r.over() || r.only != "" && name != r.only {
		return
	}
	if r.shares > 1 && int(crc32.ChecksumIEEE([]byte(name))%uint32(r.shares)) != r.share {
		return
	}
	r.workers <- struct{}{}
	r.wg.Add(1)
	go func() {
		defer func() { <-r.workers; r.wg.Done() }()
		r.Step(name, step)
	}()
}

// first reports whether what is done once is this process's to do.
func (r *Run) first() bool { return r.share == 0 }

// Wait waits for the workers.
func (r *Run) Wait() { r.wg.Wait() }

// fail notes the first failure and ends the round.
func (r *Run) fail(step string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure != "" || errors.Is(err, errOver) {
		return
	}
	size := ""
	if r.size == Small {
		size = " -small"
	}
	what := strings.Join(strings.Fields(err.Error()), " ")
	if len(what) > 1500 {
		what = what[:1500] + "..."
	}
	r.failure = fmt.Sprintf("FAIL %s: %s | again: go run ./internal/torture -campaign %s -seed %d%s -step %q",
		r.campaign, what, r.campaign, r.Seed, size, step)
	r.stopped.Store(true)
}

// errOver ends a step that the round's end has overtaken; it is no failure.
var errOver = errors.New("the round is over")

// Count adds to what the summary tells.
func (r *Run) Count(what string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts = r.counts.Add(what, n)
}

// Note adds a line to what is told at the end.
func (r *Run) Note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// Skip says why nothing can be done here.
func (r *Run) Skip(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skipped = why
}
