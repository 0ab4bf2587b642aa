package table_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// orderOf stores n keys and returns them in the order of the view.
func orderOf(t *testing.T, tab *table.Table, n int) (keys []string) {
	t.Helper()
	for i := range n {
		set(tab, "key"+strconv.Itoa(i))
	}
	tab.LockAll()
	v := tab.Freeze()
	tab.UnlockAll()
	defer v.Close()
	if err := v.Scan(func(e table.Entry) bool {
		keys = append(keys, string(e.Key))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return keys
}

func set(tab *table.Table, key string) {
	h := tab.Hash(key)
	s := tab.Shard(h)
	s.Lock()
	s.SetBytes(0, h, []byte(key), table.String, []byte("value"), 0)
	s.Unlock()
}

// TestAdopt checks that a table that adopted the order of another stores its entries in ascending
// order of shards.
func TestAdopt(t *testing.T) {
	from, to, other := table.New(table.Options{}), table.New(table.Options{}), table.New(table.Options{})
	defer from.Close()
	defer to.Close()
	defer other.Close()
	keys := orderOf(t, from, 20_000)
	if !to.Adopt(from.Order()) || to.Order() != from.Order() {
		t.Fatal("Adopt = false for an empty table, want true")
	}
	descents := func(tab *table.Table) (n int) {
		last := 0
		for _, k := range keys {
			i := tab.ShardIndex(tab.Hash(k))
			if i < last {
				n++
			}
			last = i
		}
		return n
	}
	if n := descents(to); n != 0 {
		t.Errorf("%d of %d keys return to an earlier shard, want 0", n, len(keys))
	}
	if n := descents(other); n < len(keys)/3 {
		t.Errorf("%d keys return to an earlier shard in a table with a different order, want more", n)
	}
	same := 0
	for _, k := range keys {
		if to.Hash(k) == from.Hash(k) {
			same++
		}
	}
	if same != 0 {
		t.Errorf("%d hashes are equal, want 0: the secret part of the seed was adopted", same)
	}
	orderOf(t, to, 1000)
	if err := to.Check(); err != nil {
		t.Error(err)
	}
}

func TestAdoptIsRefused(t *testing.T) {
	tab := table.New(table.Options{})
	defer tab.Close()
	order := tab.Order()
	for _, word := range []string{"", "x", order[1:], order + "00", strings.Repeat("z", 32), strings.Repeat("a", 1<<20)} {
		if tab.Adopt(word) {
			t.Errorf("Adopt(%.40q) = true, want false", word)
		}
	}
	set(tab, "key")
	if tab.Adopt(strings.Repeat("0", 32)) || tab.Order() != order {
		t.Error("Adopt = true for a table with a key, want false")
	}
}
