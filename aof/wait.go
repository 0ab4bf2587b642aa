package aof

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/perduredb/perdure/appendlog"
)

// waits is who waits for the log, in two queues: for a change of anything, and for a sync. Those of the second
// are many, and when the sync that they waited for ends they go on without the log's lock, which they would
// all want at once. Everything but synced is guarded by Log.mu.
type waits struct {
	change   sync.Cond
	changers int
	sync     sync.Cond // its waiters wake without the lock
	syncers  int
	leading  bool // the one who writes will sync: those who wait for that sleep until it ends

	synced atomic.Int64 // what Log.synced is

	released int // how many waited when the last sync ended
}

// unlocker is the Locker of a Cond whose waiters give a lock away and do not want it back.
type unlocker struct{ mu *sync.Mutex }

func (u unlocker) Lock()   {}
func (u unlocker) Unlock() { u.mu.Unlock() }

func (w *waits) init(mu *sync.Mutex) { w.change.L, w.sync.L = mu, unlocker{mu} }

// waitLocked waits for something to change.
func (l *Log) waitLocked() {
	l.waits.changers++
	l.waits.change.Wait()
}

// waitSyncLocked waits for the end of a sync that is under way, or about to begin. When that has brought
// p to the disk it returns true, and mu is not held.
func (l *Log) waitSyncLocked(p appendlog.Position) (synced bool) {
	l.waits.syncers++
	l.waits.sync.Wait()
	if appendlog.Position(l.waits.synced.Load()) >= p {
		return true
	}
	l.mu.Lock()
	return false
}

// wakeLocked wakes all.
func (l *Log) wakeLocked() {
	l.wakeChangeLocked()
	if l.waits.syncers > 0 {
		l.waits.syncers = 0
		l.waits.sync.Broadcast()
	}
}

// wakeChangeLocked wakes all but those who wait for a sync.
func (l *Log) wakeChangeLocked() {
	if l.waits.changers > 0 {
		l.waits.changers = 0
		l.waits.change.Broadcast()
	}
}

// wakeOn wakes all waiters when ctx ends, so that they look at it.
func (l *Log) wakeOn(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		l.mu.Lock()
		l.wakeLocked()
		l.mu.Unlock()
	})
}

// gatherMost is how many goroutines a sync may wake for gatherLocked to wait for them. To run more takes a
// good part of a sync, and is better done beside it.
const gatherMost = 24

// gatherLocked lets those whom the last sync has woken append what they have next, until as many
// wait again as did then, or nobody comes any more, so that the sync that follows serves them all. It
// looks gatherMost times at most, for others may append all the while who wait for no sync.
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
