// Package campaign looks for lost data. It stops machines, kills processes, breaks disks, and flips
// bits. Then it compares the contents of a store with the store's guarantees.
//
// Each campaign is a sequence of named steps, made from a seed. The first failing step ends its
// campaign with one line that shows how to reproduce the failure. Campaigns run one at a time. A
// step may run concurrently with other steps of its campaign.
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
	// Sequential reports whether each of the campaign's stores is used by one goroutine at a time.
	Sequential bool
	// Split reports whether the steps can be distributed among processes.
	Split bool
}

// All returns every campaign, in running order.
func All() []Campaign {
	return []Campaign{
		{"power", "power failures before, after, and during every disk operation", power, true, true},
		{"fault", "every disk operation fails in every way, once and permanently", fault, true, true},
		{"kill", "kills of a process that writes, saves, and rewrites", kill, false, false},
		{"ring", "kills of a process that writes at full speed in Ring mode", ringKills, false, false},
		{"rot", "bit flips at every bit of every file", rot, true, true},
		{"identity", "files that are missing, exchanged, truncated, or from another store or time", identity, true, true},
		{"instant", "transfers between accounts during snapshots and rewrites", instant, false, false},
		{"clock", "jumps of the wall clock", clocks, true, false},
		{"full", "disk full at every byte", full, true, true},
		{"hostile", "directories prepared by an attacker", hostile, false, false},
		{"redis", "equal programs on a store and on redis-server", redis, false, false},
		{"handover", "a redis-server under load is killed and a store opens its files, and the reverse", handover, false, false},
		{"fuzz", "several kinds of damage at once, in files of perdure and of other programs", fuzz, true, true},
		{"linear", "linearizability of concurrent calls and crashes", linear, false, false},
		{"same", "equal results with every option and way of loading", same, true, true},
		{"lock", "concurrent opens of one directory", lock, false, false},
		{"place", "name changes around an open directory", place, false, false},
		{"leak", "resource leaks after Close", leak, false, false},
		{"memory", "allocation failures at every request", memory, false, true},
	}
}

// Find returns the campaign with a name.
func Find(name string) (Campaign, error) {
	for _, c := range All() {
		if c.Name == name {
			return c, nil
		}
	}
	return Campaign{}, fmt.Errorf("unknown campaign %q", name)
}

// Size is the amount of work in one round.
type Size int

// The sizes.
const (
	Small Size = iota // a few seconds: go test
	Full              // up to two minutes: CI, and each round of a soak
)

// Options configures the run of a campaign.
type Options struct {
	Seed uint64
	Size Size
	Step string // run only this step; "" is all steps
	// Kills is the number of kills in campaign ring, for each kind of load; 0 depends on the size.
	// Dir is the parent of the campaign's data directories; "" is the directory for temporary
	// files.
	Kills int
	Dir   string
	// Share is the index, from 0, of the share to run, of Shares shares; Shares 0 runs all steps.
	Share, Shares int
	For           time.Duration // run rounds with increasing seeds for this long; 0 is one
}

// Result is the result of a campaign.
type Result struct {
	Campaign string
	Rounds   int
	Counts   Counts
	Notes    []string
	Took     time.Duration
	Skipped  string // the reason why nothing was done
	Failure  string // one line; "" without a failure
}

// Counts lists the work that was done, in the order of the first report of each kind.
type Counts []Count

// Count is the amount of one kind of work.
type Count struct {
	What string
	N    int64
}

// String returns text such as "104212 images, 300 nested".
func (c Counts) String() string {
	parts := make([]string, len(c))
	for i, one := range c {
		parts[i] = fmt.Sprintf("%d %s", one.N, one.What)
	}
	return strings.Join(parts, ", ")
}

// Add adds n to the count of what.
func (c Counts) Add(what string, n int64) Counts {
	for i := range c {
		if c[i].What == what {
			c[i].N += n
			return c
		}
	}
	return append(c, Count{what, n})
}

// Run runs a campaign. Steps that need the help of a test use t.
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
	workers  chan struct{} // one token for each worker that may run
	wg       sync.WaitGroup
	stopped  atomic.Bool

	mu      sync.Mutex // guards the fields below
	counts  Counts
	notes   []string
	skipped string
	failure string
}

// by returns small or full, depending on the size of the run.
func (r *Run) by(small, full int) int {
	if r.size == Small {
		return small
	}
	return full
}

// over reports whether the round must end because a step failed or the time is over.
func (r *Run) over() bool {
	return r.stopped.Load() || !r.deadline.IsZero() && time.Now().After(r.deadline)
}

// patience limits the duration of a step. It is long because other work may share the machine.
const patience = 5 * time.Minute

// Step runs one step in this goroutine. If the step returns an error, panics, or does not end, the
// campaign fails.
func (r *Run) Step(name string, step func() error) { r.long(name, 0, step) }

// long is Step for a step that works for a time.
func (r *Run) long(name string, work time.Duration, step func() error) {
	if r.over() || r.only != "" && name != r.only {
		return
	}
	watchdog := time.AfterFunc(work+patience, func() {
		r.fail(name, fmt.Errorf("step still runs after %v, want its end", work+patience))
		fmt.Println(r.failure)
		buf := make([]byte, 1<<20)
		panic(fmt.Sprintf("%s\n%s", r.failure, buf[:runtime.Stack(buf, true)]))
	})
	defer watchdog.Stop()
	r.protect(name, step)
}

// protect runs a step and turns a panic into a failure.
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

// Go runs a step in a worker, if the step is in the share of this process. It waits for a free
// worker.
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

// first reports whether this process does the work that is done only once.
func (r *Run) first() bool { return r.share == 0 }

// Wait waits for the workers.
func (r *Run) Wait() { r.wg.Wait() }

// fail records the first failure and ends the round.
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

// errOver ends a step that runs past the end of the round. It is not a failure.
var errOver = errors.New("end of round")

// Count adds n to a count in the summary.
func (r *Run) Count(what string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts = r.counts.Add(what, n)
}

// Note adds a line to the report at the end.
func (r *Run) Note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// Skip records the reason why the campaign cannot run here.
func (r *Run) Skip(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skipped = why
}
