package campaign

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
)

const (
	accounts    = 1000
	perAccount  = 100
	transferers = 8
)

// bank is a store with accounts, and goroutines that move money between them. An account is a key,
// a field of a hash, or a member of a sorted set. Each goroutine counts its transfers in a separate
// key, in the transaction of the transfer.
type bank struct {
	s       *perdure.Store
	counted [transferers]atomic.Int64 // transfers that returned
	begun   [transferers]atomic.Int64
	pause   sync.RWMutex // held by each transfer, and exclusively during a check
}

// account returns the key of an account. The collections with 200 accounts have trees, and those
// with ten are packed.
func account(i int) string {
	ten := fmt.Sprint(":", i/50)
	return []string{fmt.Sprint("account:", i), "hash", "zset", "hash" + ten, "zset" + ten}[i%5]
}

// add adds an amount to an account.
func add(tx *perdure.Tx, i int, amount int64) (err error) {
	switch key := account(i); i % 5 {
	case 0:
		_, err = tx.IncrBy(key, amount)
	case 1, 3:
		_, err = tx.HashAt(key).IncrBy(fmt.Sprint(i), amount)
	case 2, 4:
		_, err = tx.SortedSetAt(key).IncrBy(fmt.Sprint(i), float64(amount))
	}
	return err
}

// balance returns the amount of an account.
func balance(s *perdure.Store, i int) (n int, err error) {
	switch key := account(i); i % 5 {
	case 0:
		return numberAt(s, 0, key)
	case 1, 3:
		var v []byte
		if v, err = s.HashAt(key).Get(fmt.Sprint(i)); err == nil {
			n, err = strconv.Atoi(string(v))
		}
	case 2, 4:
		var score float64
		score, err = s.SortedSetAt(key).Score(fmt.Sprint(i))
		n = int(score)
	}
	return n, err
}

func counterKey(w int) string { return fmt.Sprint("transfers:", w) }

// instant is campaign g. It takes snapshots and rewrites the log while money moves. Every file that
// is loaded must have the exact total, and the counters of one point in time.
func instant(r *Run) {
	r.Step("one store", func() error {
		dir, err := os.MkdirTemp("", "torture")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		s, err := perdure.Open(filepath.Join(dir, "data"), perdure.WithSaveRules(),
			perdure.WithAppendLog(aof.New(aof.AutoRewrite(0, 0))), storefs.SmallCollections(512))
		if err != nil {
			return err
		}
		b := &bank{s: s}
		return errors.Join(b.run(r, dir), s.Close())
	})
}

func (b *bank) run(r *Run, dir string) error {
	for i := range accounts {
		if err := b.s.Update(func(tx *perdure.Tx) error { return add(tx, i, perAccount) }); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	errs := make(chan error, transferers)
	for w := range transferers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(r.Seed, uint64(w)))
			for ctx.Err() == nil {
				if err := b.transfer(w, rng); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	err := b.snapshots(ctx, r, dir)
	stop()
	wg.Wait()
	close(errs)
	return firstError(err, <-errs)
}

// transfer moves a random amount in one of the two kinds of transaction.
func (b *bank) transfer(w int, rng *rand.Rand) error {
	b.pause.RLock()
	defer b.pause.RUnlock()
	from, to := rng.IntN(accounts), rng.IntN(accounts)
	amount := int64(rng.IntN(10))
	move := func(tx *perdure.Tx) error {
		if err := add(tx, from, -amount); err != nil {
			return err
		}
		if _, err := tx.Incr(counterKey(w)); err != nil {
			return err
		}
		return add(tx, to, amount)
	}
	b.begun[w].Add(1)
	defer b.counted[w].Add(1)
	if rng.IntN(2) == 0 {
		return b.s.Update(move)
	}
	return b.s.UpdateKeys([]string{account(from), account(to), counterKey(w)}, move)
}

// snapshots saves and rewrites, and loads each resulting file.
func (b *bank) snapshots(ctx context.Context, r *Run, dir string) error {
	for i := range r.by(12, 200) {
		if r.over() {
			return nil
		}
		var low, high [transferers]int64
		for w := range low {
			low[w] = b.counted[w].Load()
		}
		rewrite := i%2 == 1
		var err error
		if rewrite {
			err = b.s.Rewrite(ctx)
		} else {
			_, err = b.s.Save(ctx)
		}
		if err != nil {
			return err
		}
		for w := range high {
			high[w] = b.begun[w].Load()
			if rewrite { // writes that have returned are in the log, in its base file or after it
				low[w] = b.counted[w].Load()
			}
		}
		if rewrite { // needed before any copy: Ring mode has the newest records in the tail file
			if err := b.s.Sync(ctx); err != nil {
				return err
			}
		}
		copied := filepath.Join(dir, fmt.Sprint("copy", i))
		if err := copyStore(filepath.Join(dir, "data"), copied, rewrite); err != nil {
			return err
		}
		b.pause.Lock() // otherwise most of the transfers would be between two snapshots
		err = checkBank(copied, rewrite, low, high)
		b.pause.Unlock()
		if err != nil {
			return fmt.Errorf("snapshot %d (rewrite: %v): %w", i, rewrite, err)
		}
		if err := os.RemoveAll(copied); err != nil {
			return err
		}
		r.Count("snapshots loaded", 1)
	}
	for w := range transferers {
		r.Count("transfers", b.counted[w].Load())
	}
	return nil
}

// copyStore copies the dump, or the log, of a store that continues to write. The end of the log may
// be torn. The tail file is not copied. If a region is reused during the copy, the copy has the
// region header of one generation and the bytes of another.
func copyStore(from, to string, log bool) error {
	patterns := []string{"dump.rdb"}
	if log {
		patterns = []string{"appendonlydir/*.rdb", "appendonlydir/*.aof", "appendonlydir/*.manifest"}
	}
	for _, pattern := range patterns {
		names, err := filepath.Glob(filepath.Join(from, pattern))
		if err != nil {
			return err
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			rel, relErr := filepath.Rel(from, name)
			if err := firstError(err, relErr, write(to, map[string]string{rel: string(data)})); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkBank loads a copy and checks the total. A log continues after its base file, so its counters
// may be higher.
func checkBank(dir string, log bool, low, high [transferers]int64) error {
	opts := []perdure.Option{perdure.WithSaveRules(), perdure.WithReadOnly()}
	if !log {
		opts = append(opts, perdure.WithoutAppendLog())
	}
	s, err := perdure.Open(dir, opts...)
	if err != nil {
		return err
	}
	defer s.Close() // it was opened read-only
	sum, n := 0, 0
	for i := range accounts {
		amount, err := balance(s, i)
		if err != nil {
			return err
		}
		sum, n = sum+amount, n+1
	}
	if sum != accounts*perAccount {
		return fmt.Errorf("total = %d, want %d", sum, accounts*perAccount)
	}
	for w := range low {
		c, err := numberAt(s, 0, counterKey(w))
		if err != nil {
			return err
		}
		if int64(c) < low[w] || !log && int64(c) > high[w] {
			return fmt.Errorf("writer %d: snapshot has %d transfers, want from %d (returned before) to %d (begun after)", w, c, low[w], high[w])
		}
	}
	return nil
}
