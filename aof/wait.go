package aof

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/appendlog"
)

// waits holds the goroutines waiting on the log in two queues: one for any state change and one for
// a sync. The second queue can be long. When the sync ends, its goroutines continue without the
// log's lock, for which they would all compete. mu guards all
// fields except synced, and must be held when a method is called.
type waits struct {
	mu       *sync.Mutex // Log.mu
	change   sync.Cond
	changers int
	sync     sync.Cond // its waiters wake without mu
	syncers  int
	leading  bool // the writer will also sync: those who wait for that sleep until the sync ends

	synced atomic.Int64 // copy of Log.out.synced

	released int           // number of goroutines that waited when the last sync ended
	took     time.Duration // duration of the last sync
}

// unlocker is the Locker of a Cond whose waiters release a lock and do not acquire it again.
type unlocker struct{ mu *sync.Mutex }

func (u unlocker) Lock()   {}
func (u unlocker) Unlock() { u.mu.Unlock() }

func (w *waits) init(mu *sync.Mutex) { w.mu, w.change.L, w.sync.L = mu, mu, unlocker{mu} }

// wait waits for a state change.
func (w *waits) wait() {
	w.changers++
	w.change.Wait()
}

// waitSync waits for the end of a sync that is in progress or about to begin. If that sync
// has made p durable it returns true, and mu is not held. Otherwise mu is held.
func (w *waits) waitSync(p appendlog.Position) (synced bool) {
	w.syncers++
	w.sync.Wait()
	if appendlog.Position(w.synced.Load()) >= p {
		return true
	}
	w.mu.Lock()
	return false
}

// wakeAll wakes all waiting goroutines.
func (w *waits) wakeAll() {
	w.wakeChange()
	if w.syncers > 0 {
		w.syncers = 0
		w.sync.Broadcast()
	}
}

// wakeChange wakes all waiting goroutines except those that wait for a sync.
func (w *waits) wakeChange() {
	if w.changers > 0 {
		w.changers = 0
		w.change.Broadcast()
	}
}

// wakeOn wakes all waiting goroutines when ctx ends, so that they check it.
func (w *waits) wakeOn(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		w.mu.Lock()
		w.wakeAll()
		w.mu.Unlock()
	})
}

// A leader gathers for at most 1/gatherShare of the time of a sync, and only while records are
// appended: it stops when none was for 1/stallShare of that time. It does not sleep, so both times
// have a limit, for disks whose syncs are slow. gatherTurns is a bound for a test whose clock does
// not advance.
const (
	gatherShare = 2
	stallShare  = 32
	gatherMost  = 250 * time.Microsecond
	stallMost   = 20 * time.Microsecond
	gatherTurns = 1 << 12
)

// gather lets the goroutines that the last sync has woken append their next records, so that the
// next sync serves them all. It stops when as many wait again as did then. One goroutine gathers,
// and those that need a sync sleep, because leading is set. appended is the end of the pending
// buffer. The caller must lead, or call wakeAll.
func (w *waits) gather(appended *appendlog.Position) {
	if w.released == 0 {
		return
	}
	w.leading = true
	defer func() { w.leading = false }()
	stall := min(w.took/stallShare, stallMost)
	now, before := time.Now(), *appended
	end, stalled := now.Add(min(w.took/gatherShare, gatherMost)), now.Add(stall)
	for range gatherTurns {
		if w.syncers >= w.released || !now.Before(end) || !now.Before(stalled) {
			return
		}
		w.mu.Unlock()
		runtime.Gosched()
		w.mu.Lock()
		now = time.Now()
		if *appended != before {
			before, stalled = *appended, now.Add(stall)
		}
	}
}
