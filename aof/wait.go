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
// log's lock, for which they would all compete. Log.mu guards all fields except synced.
type waits struct {
	change   sync.Cond
	changers int
	sync     sync.Cond // its waiters wake without mu
	syncers  int
	leading  bool // the writer will also sync: those who wait for that sleep until the sync ends

	synced atomic.Int64 // copy of Log.synced

	released int // number of goroutines that waited when the last sync ended
}

// unlocker is the Locker of a Cond whose waiters release a lock and do not acquire it again.
type unlocker struct{ mu *sync.Mutex }

func (u unlocker) Lock()   {}
func (u unlocker) Unlock() { u.mu.Unlock() }

func (w *waits) init(mu *sync.Mutex) { w.change.L, w.sync.L = mu, unlocker{mu} }

// waitLocked waits for a state change.
func (l *Log) waitLocked() {
	l.waits.changers++
	l.waits.change.Wait()
}

// waitSyncLocked waits for the end of a sync that is in progress or about to begin. If that sync
// has made p durable it returns true, and mu is not held. Otherwise mu is held.
func (l *Log) waitSyncLocked(p appendlog.Position) (synced bool) {
	l.waits.syncers++
	l.waits.sync.Wait()
	if appendlog.Position(l.waits.synced.Load()) >= p {
		return true
	}
	l.mu.Lock()
	return false
}

// wakeLocked wakes all waiting goroutines.
func (l *Log) wakeLocked() {
	l.wakeChangeLocked()
	if l.waits.syncers > 0 {
		l.waits.syncers = 0
		l.waits.sync.Broadcast()
	}
}

// wakeChangeLocked wakes all waiting goroutines except those that wait for a sync.
func (l *Log) wakeChangeLocked() {
	if l.waits.changers > 0 {
		l.waits.changers = 0
		l.waits.change.Broadcast()
	}
}

// wakeOn wakes all waiting goroutines when ctx ends, so that they check it.
func (l *Log) wakeOn(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		l.mu.Lock()
		l.wakeLocked()
		l.mu.Unlock()
	})
}

// gatherMost is the largest number of goroutines woken by a sync for which gatherLocked waits. To
// run more of them takes a large part of the time of a sync, and is better done during the sync.
const gatherMost = 24

// gatherLocked lets the goroutines that the last sync has woken append their next records, so that
// the next sync serves them all. It stops when as many wait again as did then, or when nothing more
// is appended. It tries at most gatherMost times, because goroutines that do not wait for a sync
// may append all the time.
func (l *Log) gatherLocked() {
	w := &l.waits
	if w.released > gatherMost {
		return
	}
	for range gatherMost {
		if w.syncers >= w.released {
			return
		}
		before := l.appended
		l.mu.Unlock()
		runtime.Gosched()
		l.mu.Lock()
		if l.appended == before {
			return
		}
	}
}
