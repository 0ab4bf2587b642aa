package perdure_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/perduredb/perdure"
)

const (
	accounts  = 1000
	perHead   = 100
	transfers = 8 // goroutines
)

// total adds up every account.
func total(t testing.TB, s *perdure.Store) int {
	t.Helper()
	sum, n := 0, 0
	for _, v := range s.All() {
		amount, err := strconv.Atoi(string(v))
		ok(t, err)
		sum, n = sum+amount, n+1
	}
	if n != accounts {
		t.Fatalf("%d accounts", n)
	}
	return sum
}

// TestTransfers moves money between accounts while snapshots and rewrites go on: every file that
// is loaded has the exact total, so each is of one instant and no transaction is cut.
func TestTransfers(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, logOnly()...)
	for i := range accounts {
		ok(t, s.Set(fmt.Sprint(i), strconv.AppendInt(nil, perHead, 10)))
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for w := range transfers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 7))
			for ctx.Err() == nil {
				if err := transfer(s, rng); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		_, err := s.Save(ctx)
		ok(t, err)
		dump, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
		ok(t, err)
		checkTotal(t, map[string]string{"dump.rdb": string(dump)}, snapshotsOnly()...)
		ok(t, s.Rewrite(ctx))
	}
	stop()
	wg.Wait()
	ok(t, s.Rewrite(context.Background()))
	ok(t, s.Close())
	checkTotal(t, files(t, dir), logOnly()...)
}

// transfer moves a random amount by one of the two kinds of transaction.
func transfer(s *perdure.Store, rng *rand.Rand) error {
	from, to := fmt.Sprint(rng.IntN(accounts)), fmt.Sprint(rng.IntN(accounts))
	amount := int64(rng.IntN(10))
	move := func(tx *perdure.Tx) error {
		if _, err := tx.DecrBy(from, amount); err != nil {
			return err
		}
		_, err := tx.IncrBy(to, amount)
		return err
	}
	if rng.IntN(2) == 0 {
		return s.Update(move)
	}
	return s.UpdateKeys([]string{from, to}, move)
}

// checkTotal opens a copy of some files and adds up.
func checkTotal(t testing.TB, copied map[string]string, opts ...perdure.Option) {
	t.Helper()
	dir := t.TempDir()
	for name, data := range copied {
		path := filepath.Join(dir, name)
		ok(t, os.MkdirAll(filepath.Dir(path), 0o700))
		ok(t, os.WriteFile(path, []byte(data), 0o600))
	}
	s := open(t, dir, opts...)
	if sum := total(t, s); sum != accounts*perHead {
		t.Fatalf("total %d, want %d", sum, accounts*perHead)
	}
	ok(t, s.Close())
}
