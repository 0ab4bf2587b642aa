package main

import (
	"container/heap"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// lineCost is the time in ns to transfer a cache line from another core of the socket. A lock takes
// at least two transfers: its own line, and the line that it guards.
const (
	lineCost = 60
	lockCost = 2 * lineCost
)

// machineModel is a computer on which every core repeats one call. The call is some work, then a
// shard's lock, and within it the log's lock. Locks are granted in the order of the requests. The
// model omits the scheduler and the limit of memory bandwidth.
type machineModel struct {
	cores, shards        int
	think, hold, logHold float64 // ns; no log if logHold is 0
	logCost              float64 // for the cache lines of the log
	hotHold              float64 // replaces hold, for keys that are in every cache
	shard                func(r *rand.Rand, shards int) (shard int, hot bool)
	rng                  *rand.Rand
	locks                []modelLock // for the shards, and last for the log
	agenda               agenda
	at                   []modelCore
	calls                int
}

type modelLock struct {
	busy    bool
	last    int // the core that had it last
	waiting []int
}

type modelCore struct {
	stage, shard int
	hold         float64
}

// These are the stages of a core.
const (
	stageAsk      = iota // ask for a shard's lock
	stageWorked          // the work under the lock is done
	stageAppended        // the log is written
)

// run simulates a number of calls and returns the rate in millions per second.
func (m *machineModel) run(calls int) float64 {
	m.rng = rand.New(rand.NewPCG(5, 6))
	m.locks = make([]modelLock, m.shards+1)
	m.at = make([]modelCore, m.cores)
	for c := range m.cores {
		heap.Push(&m.agenda, appointment{m.think * m.rng.Float64(), c})
	}
	now := 0.0
	for m.calls < calls {
		a := heap.Pop(&m.agenda).(appointment)
		now = a.at
		m.step(now, a.core)
	}
	return float64(m.calls) / now * 1000
}

func (m *machineModel) step(now float64, core int) {
	c := &m.at[core]
	switch c.stage {
	case stageAsk:
		var hot bool
		c.shard, hot = m.shard(m.rng, m.shards)
		c.hold = m.hold
		if hot {
			c.hold = m.hotHold
		}
		c.stage = stageWorked
		m.acquire(now, core, c.shard)
	case stageWorked:
		if m.logHold > 0 {
			c.stage = stageAppended
			m.acquire(now, core, m.shards)
			return
		}
		m.end(now, core)
	case stageAppended:
		m.release(now, m.shards)
		m.end(now, core)
	}
}

// end ends a call and schedules the next call.
func (m *machineModel) end(now float64, core int) {
	m.release(now, m.at[core].shard)
	m.calls++
	m.at[core].stage = stageAsk
	heap.Push(&m.agenda, appointment{now + m.think*(0.5+m.rng.Float64()), core})
}

func (m *machineModel) acquire(now float64, core, lock int) {
	l := &m.locks[lock]
	if l.busy {
		l.waiting = append(l.waiting, core)
		return
	}
	m.grant(now, core, lock)
}

func (m *machineModel) grant(now float64, core, lock int) {
	hold, cost := m.at[core].hold, float64(lockCost)
	if lock == m.shards {
		hold, cost = m.logHold, m.logCost
	}
	l := &m.locks[lock]
	if l.busy = true; l.last != core {
		hold += cost
	}
	l.last = core
	heap.Push(&m.agenda, appointment{now + hold, core})
}

func (m *machineModel) release(now float64, lock int) {
	l := &m.locks[lock]
	l.busy = false
	if len(l.waiting) > 0 {
		next := l.waiting[0]
		l.waiting = l.waiting[1:]
		m.grant(now, next, lock)
	}
}

// agenda is the queue of the next events.
type (
	agenda      []appointment
	appointment struct {
		at   float64
		core int
	}
)

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at < a[j].at }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)        { *a = append(*a, x.(appointment)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// hotKeys is the number of the most frequent keys that count as being in every cache.
const hotKeys = 10_000

// simulate prints the model's results for larger machines.
func simulate(w io.Writer, s sections) {
	uniformly := func(r *rand.Rand, shards int) (int, bool) { return r.IntN(shards), false }
	one := func(*rand.Rand, int) (int, bool) { return 0, true }
	z := rand.NewZipf(rand.New(rand.NewPCG(7, 8)), 1.01, 1, 1_000_000-1)
	skewed := func(_ *rand.Rand, shards int) (int, bool) {
		rank := z.Uint64()
		return int(rank * 0x9e3779b97f4a7c15 >> 20 % uint64(shards)), rank < hotKeys
	}
	get := machineModel{think: s.getThink(), hold: s.getHold, hotHold: s.getHotHold}
	set := machineModel{think: s.setThink(), hold: s.setHold, hotHold: s.setHotHold}
	logged, reserved := set, set
	logged.logHold, logged.logCost = s.logHold, lockCost
	// This is one atomic addition to one line. The bytes are copied outside the lock.
	reserved.think, reserved.logHold, reserved.logCost = set.think+s.logHold, 5, lineCost
	rows := []struct {
		name   string
		model  machineModel
		shards int
		shard  func(*rand.Rand, int) (int, bool)
	}{
		{"Get, uniform, 256 shards", get, 256, uniformly},
		{"Get, uniform, 1024 shards", get, 1024, uniformly},
		{"Get, uniform, 4096 shards", get, 4096, uniformly},
		{"Get, zipf, 256 shards", get, 256, skewed},
		{"Get, zipf, 1024 shards", get, 1024, skewed},
		{"Get, zipf, 4096 shards", get, 4096, skewed},
		{"Get, one key", get, 256, one},
		{"Set, uniform, no log, 1024 shards", set, 1024, uniformly},
		{"Set, zipf, no log, 1024 shards", set, 1024, skewed},
		{"Set, one key, no log", set, 256, one},
		{"Set, uniform, log, 1024 shards", logged, 1024, uniformly},
		{"Set, zipf, log, 1024 shards", logged, 1024, skewed},
		{"Set, uniform, log by reservation, 1024 shards", reserved, 1024, uniformly},
		{"Set, one key, log", logged, 256, one},
	}
	cores := []int{1, 2, 8, 16, 32, 64}
	fmt.Fprint(w, "\n## Simulated: million calls a second (times one core's)\n\n")
	fmt.Fprintf(w, "| |%s\n|---|%s\n", columns(cores, " %d cores |"), strings.Repeat("---|", len(cores)))
	for _, r := range rows {
		fmt.Fprintf(w, "| %s |", r.name)
		single := 0.0
		for _, n := range cores {
			m := r.model
			m.cores, m.shards, m.shard = n, r.shards, r.shard
			got := m.run(200_000)
			if n == 1 {
				single = got
			}
			fmt.Fprintf(w, " %.1f (%.1f) |", got, got/single)
		}
		fmt.Fprintln(w)
	}
}
