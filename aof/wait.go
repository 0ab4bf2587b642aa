package aof

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

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

	released int // number of goroutines that waited when the last sync ended
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

// gatherMost is the largest number of goroutines woken by a sync for which gather waits. To
// run more of them takes a large part of the time of a sync, and is better done during the sync.
const gatherMost = 24

// gather lets the goroutines that the last sync has woken append their next records, so that
// the next sync serves them all. It stops when as many wait again as did then, or when nothing more
// is appended. It tries at most gatherMost times, because goroutines that do not wait for a sync
// may append all the time. appended is the end of the pending buffer.
func (w *waits) gather(appended *appendlog.Position) {
	if w.released > gatherMost {
		return
	}
	for range gatherMost {
		if w.syncers >= w.released {
			return
		}
		before := *appended
		w.mu.Unlock()
		runtime.Gosched()
		w.mu.Lock()
		if *appended == before {
			return
		}
	}
}
