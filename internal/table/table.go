// Package table is the memory of a store: a sharded hash table whose keys and values lie outside
// the Go heap.
//
// It knows no clock, no disk and no log: an expiry is a number that the caller compares with its
// own time. A key lives in one shard, chosen by the top bits of its hash; every method of a Shard
// needs the shard's lock, which the caller takes, so that one lock can cover a change in memory
// and the record of it in a log. Methods of a Table take what locks they need, unless they say
// otherwise. Several shards are locked in ascending order of their index.
//
// Scan walks the keys of a database while they change. Freeze fixes an instant, and the View that
// it returns yields every entry exactly as it was then while writers go on.
package table

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"runtime"
	"sync/atomic"
)

// Limits of what a table is built with.
const (
	minShards         = 256
	maxShards         = 4096
	defaultDatabases  = 16
	defaultViewMemory = 64 << 20
)

// Options says how a Table is built. The zero value is good for a store.
type Options struct {
	// Shards is rounded up to a power of two, at most 4096; 0 gives 16 for each processor that Go
	// uses, and at least 256. A shard in use costs at least 8 KiB, and makes a barrier longer.
	Shards int

	// Databases is how many numbered databases there are; 0 gives 16.
	Databases int

	// Seed makes the hash, and the order; zero draws random ones, as everything but a test should.
	Seed [2]uint64

	// Limit is asked before the table takes memory for data, and refuses it by returning false: what
	// wanted to grow then returns ErrNoMemory. Nil refuses nothing. Any goroutine may call it, with shards
	// locked, so it must not use the table.
	Limit func(size int) bool

	// ViewMemory is the size of before-images above which ViewPressure reports true; 0 gives 64 MiB.
	ViewMemory int64
}

// Table is a set of numbered databases of keys.
type Table struct {
	// Constant after construction, but for Swap, which needs all locks. What every search reads stands
	// first, in one cache line.
	hasher  hasher // constant but for Adopt
	shards  []Shard
	pool    *pool
	options Options

	// view is the one that Freeze returned and Close has not ended yet.
	view atomic.Pointer[View]
}

// New returns an empty table. It takes no memory for data before there is some.
func New(o Options) *Table {
	if o.Shards <= 0 {
		o.Shards = max(minShards, 16*runtime.GOMAXPROCS(0))
	}
	o.Shards = 1 << bits.Len(uint(min(o.Shards, maxShards)-1))
	if o.Databases <= 0 {
		o.Databases = defaultDatabases
	}
	if o.ViewMemory <= 0 {
		o.ViewMemory = defaultViewMemory
	}
	h := hasher{o.Seed, o.Seed, uint8(bits.TrailingZeros(uint(o.Shards)))}
	if o.Seed == [2]uint64{} {
		h.secret, h.shards = randomSeed(), randomSeed()
	}
	return build(o, h, &pool{limit: o.Limit})
}

// NewLike returns an empty table with the options and the seeds of t, which shares its memory
// pool: the only kind of table that Swap exchanges contents with.
func (t *Table) NewLike() *Table {
	return build(t.options, t.hasher, t.pool)
}

func build(o Options, h hasher, p *pool) *Table {
	t := &Table{
		options: o,
		hasher:  h,
		shards:  make([]Shard, o.Shards),
		pool:    p,
	}
	p.join()
	stride := spacesStride(o.Databases)
	spaces := make([]*keyspace, o.Shards*stride)
	counts := make([]count, o.Shards*o.Databases)
	for i := range t.shards {
		s := &t.shards[i]
		s.table = t
		s.pool = p
		s.spaces, spaces = spaces[:o.Databases:o.Databases], spaces[stride:]
		s.counts, counts = counts[:o.Databases:o.Databases], counts[o.Databases:]
	}
	return t
}

// spacesStride is how many pointers lie between those of one shard and the next: an odd number. An x86
// processor reads ahead of a lock that it is taking, unless an address that it is to read has the same
// low 12 bits as the lock: then it takes that for the same place, and waits. With 16 databases the
// pointers of a shard had the 128 bytes from one to the next that the locks have, so that every search
// began only when the one before had ended, and took twice the time.
func spacesStride(databases int) int { return databases | 1 }

func randomSeed() (seed [2]uint64) {
	var b [16]byte
	rand.Read(b[:]) // never fails, by its contract
	seed[0] = binary.LittleEndian.Uint64(b[:8])
	seed[1] = binary.LittleEndian.Uint64(b[8:]) | 1
	return seed
}

// Close releases all memory. Nothing of the table may be used afterwards, and no Scan of a view
// may still be running.
func (t *Table) Close() {
	if v := t.view.Load(); v != nil {
		v.Close()
	}
	t.LockAll()
	for i := range t.shards {
		for db := range t.shards[i].spaces {
			t.shards[i].Flush(db)
		}
	}
	t.UnlockAll()
	t.pool.leave()
}

// Hash returns the hash of key, which says where the key lives.
func (t *Table) Hash(key string) uint64 {
	return t.hasher.hash(bytesOf(key))
}

// HashBytes returns what Hash returns for the same bytes.
func (t *Table) HashBytes(key []byte) uint64 {
	return t.hasher.hash(key)
}

// Shard returns the shard of the keys whose hash is h.
func (t *Table) Shard(h uint64) *Shard {
	return &t.shards[t.ShardIndex(h)]
}

// ShardIndex returns the index of the shard that Shard returns.
func (t *Table) ShardIndex(h uint64) int {
	return int(h >> 1 >> ((63 - t.hasher.shardBits) & 63)) // in two steps, because of one shard
}

// ShardAt returns shard i of NumShards.
func (t *Table) ShardAt(i int) *Shard { return &t.shards[i] }

// NumShards returns how many shards there are.
func (t *Table) NumShards() int { return len(t.shards) }

// Databases returns how many numbered databases there are.
func (t *Table) Databases() int { return t.options.Databases }

// LockAll locks every shard, ascending: a barrier.
func (t *Table) LockAll() {
	for i := range t.shards {
		t.shards[i].mu.Lock()
	}
}

// UnlockAll ends what LockAll began.
func (t *Table) UnlockAll() {
	for i := range t.shards {
		t.shards[i].mu.Unlock()
	}
	if t.pool.urgent.Load() {
		t.pool.settle()
	}
}

// Len returns the number of keys of a database. It takes no lock: beside writers it is as exact
// as any number that is out of date when it is read.
func (t *Table) Len(db int) (n int64) {
	for i := range t.shards {
		n += t.shards[i].counts[db].keys.Load()
	}
	return n
}

// Expires returns how many keys of a database have an expiry. It takes no lock, like Len.
func (t *Table) Expires(db int) (n int64) {
	for i := range t.shards {
		n += t.shards[i].counts[db].expires.Load()
	}
	return n
}

// Swap exchanges the contents of t and o, which NewLike must have related. All shards of both
// are locked by the caller, and neither has a view.
func (t *Table) Swap(o *Table) {
	if t.pool != o.pool || len(t.shards) != len(o.shards) {
		panic("table: Swap of unrelated tables")
	}
	if t.view.Load() != nil || o.view.Load() != nil {
		panic("table: Swap during a view")
	}
	for i := range t.shards {
		a, b := &t.shards[i], &o.shards[i]
		for db := range a.spaces {
			a.spaces[db], b.spaces[db] = b.spaces[db], a.spaces[db]
			a.counts[db].swap(&b.counts[db])
		}
	}
}
