package table

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// A transaction on every key would lock and unlock every mutex, 6 ns each. LockAll instead sets a
// flag that every locker reads once it has its mutex, and waits until no mutex is held, which takes
// loads that do not depend on each other. A locker that finds the flag set unlocks its mutex again
// and waits for UnlockAll.
//
// It is correct because of the order of these steps, which are atomic operations: a locker acquires
// its mutex and then reads the flag, and LockAll sets the flag and then reads the mutexes. At least
// one of the two sees the other. Unlock may hand a mutex to a waiting goroutine while its state
// is that of a free mutex; that goroutine reads the flag when Lock returns, and gives way.

// exclusive is the state of LockAll.
type exclusive struct {
	on atomic.Bool
	mu sync.RWMutex // held for writing from LockAll to UnlockAll
}

// mutexHeld is the bit of the first word of a sync.Mutex that is set while the mutex is held.
const mutexHeld = 1

// held reports whether a mutex is held. sync.Mutex has no such method, but its state has been its
// first word since Go 1.0. readsMutex checks that at start.
func held(mu *sync.Mutex) bool {
	return atomic.LoadInt32((*int32)(unsafe.Pointer(mu)))&mutexHeld != 0
}

// readsMutex reports whether held works with this version of Go. Under the race detector it does
// not, because the detector does not see the order that held relies on.
var readsMutex = func() bool {
	var mu sync.Mutex
	free := !held(&mu)
	mu.Lock()
	taken := held(&mu)
	mu.Unlock()
	return free && taken && !held(&mu) && !raceEnabled
}()

// Lock locks the shard. A caller that needs several shards uses a [KeySet] or LockAll: with one
// shard locked, Lock of another would wait for a LockAll that waits for the first. Only a load of a
// table that nothing else uses yet locks two.
func (s *Shard) Lock() {
	s.mu.Lock()
	if s.table.exclusive.on.Load() {
		s.lockAfter()
	}
}

// lockAfter gives way to LockAll, and locks the shard after UnlockAll.
func (s *Shard) lockAfter() {
	s.mu.Unlock()
	x := &s.table.exclusive
	x.mu.RLock()
	s.mu.Lock() // before RUnlock, so that the next LockAll waits for this shard
	x.mu.RUnlock()
}

// LockAll locks every shard: a barrier. It waits until no shard is locked, and until UnlockAll no
// other goroutine locks one.
func (t *Table) LockAll() {
	t.exclusive.mu.Lock()
	if !readsMutex {
		for i := range t.shards {
			t.shards[i].mu.Lock()
		}
		return
	}
	t.exclusive.on.Store(true)
	for i := range t.shards {
		if mu := &t.shards[i].mu; held(mu) {
			mu.Lock()
			//lint:ignore SA2001 this waits for the holder
			mu.Unlock()
		}
	}
}

// UnlockAll unlocks the shards that LockAll locked.
func (t *Table) UnlockAll() {
	if !readsMutex {
		for i := range t.shards {
			t.shards[i].mu.Unlock()
		}
	}
	t.exclusive.on.Store(false)
	t.exclusive.mu.Unlock()
	if t.pool.urgent.Load() {
		t.pool.releaseSurplus()
	}
}

// Lock locks the shards of the set in ascending order and returns the index of the first.
func (ks *KeySet) Lock() (first int) {
	first = ks.each(func(s *Shard) { s.mu.Lock() })
	x := &ks.table.exclusive
	if x.on.Load() { // give way to LockAll, as Shard.Lock does
		ks.each(func(s *Shard) { s.mu.Unlock() })
		x.mu.RLock()
		ks.each(func(s *Shard) { s.mu.Lock() })
		x.mu.RUnlock()
	}
	return first
}

// Unlock unlocks the shards that Lock locked.
func (ks *KeySet) Unlock() { ks.each((*Shard).Unlock) }
