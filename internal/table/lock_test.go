package table_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// TestLockAllExcludesLocks moves units between accounts, one for each shard, with one or several
// shards locked, while LockAll checks that no unit is ever missing.
func TestLockAllExcludesLocks(t *testing.T) {
	const shards = 16
	rounds := 4000 / scale
	tab := table.New(table.Options{Shards: shards, Databases: 1})
	defer tab.Close()
	keys := make([]string, shards) // one key for each shard
	for i := 0; ; i++ {
		key := string(rune('a'+i%26)) + string(rune('0'+i/26%10)) + string(rune('A'+i/260))
		keys[tab.ShardIndex(tab.Hash(key))] = key
		if full(keys) {
			break
		}
	}
	accounts := make([]int, shards) // account i is guarded by shard i
	var wg sync.WaitGroup
	run := func(seed uint64, f func(rng *rand.Rand)) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 0))
			for range rounds {
				f(rng)
			}
		})
	}
	for seed := range uint64(4) {
		run(seed, func(rng *rand.Rand) { // two shards
			from, to := rng.IntN(shards), rng.IntN(shards)
			var ks table.KeySet
			ks.Set(tab, 2, func(i int) string { return keys[[]int{from, to}[i]] })
			ks.Lock()
			accounts[from]--
			runtime.Gosched()
			accounts[to]++
			ks.Unlock()
		})
		run(seed+10, func(rng *rand.Rand) { // one shard
			i := rng.IntN(shards)
			s := tab.ShardAt(i)
			s.Lock()
			accounts[i]++
			runtime.Gosched()
			accounts[i]--
			s.Unlock()
		})
	}
	for seed := range uint64(2) {
		run(seed+20, func(*rand.Rand) {
			tab.LockAll()
			defer tab.UnlockAll()
			sum := 0
			for _, n := range accounts {
				sum += n
				runtime.Gosched()
			}
			if sum != 0 {
				t.Errorf("the accounts have %d units, want 0", sum)
			}
		})
	}
	wg.Wait()
}

func full(keys []string) bool {
	for _, k := range keys {
		if k == "" {
			return false
		}
	}
	return true
}
