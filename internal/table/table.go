// Package table is the memory of a store: a sharded hash table whose keys and values are outside
// the Go heap.
//
// It uses no clock, disk, or log: an expiry is a number that the caller compares with its own time.
// A key is in one shard, chosen by the top bits of its hash. Every method of a [Shard] needs the
// shard's lock, which the caller takes, so that one lock can cover a change in memory and its
// record in a log. Methods of a [Table] take the locks they need, unless noted otherwise. Several
// shards are locked in ascending order of their index.
//
// Scan iterates over the keys of a database while they change. [Table.Freeze] takes a snapshot: the
// [View] that it returns yields every entry exactly as it was then, while writers continue.
package table

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"runtime"
	"sync/atomic"
)

// Limits of a table's parameters.
const (
	minShards         = 64
	maxShards         = 4096
	defaultDatabases  = 16
	defaultViewMemory = 64 << 20
)

// Options configures a Table. The zero value is suitable for a store.
type Options struct {
	// Shards is the number of shards, rounded up to a power of two, at most 4096. 0 means 16 for
	// each processor that Go uses, and at least 64. A shard in use costs at least 8 KiB of memory
	// and more of the processor's cache, and makes a barrier longer.
	Shards int

	// Databases is the number of numbered databases; 0 means 16.
	Databases int

	// Seed seeds the hash and the order. Zero selects random seeds, as everything but a test
	// should.
	Seed [2]uint64

	// Limit is called before the table allocates memory for data, and refuses it by returning
	// false. The operation that needed memory then returns ErrNoMemory. A nil Limit refuses
	// nothing. Any goroutine may call Limit with shards locked, so it must not use the table.
	Limit func(size int) bool

	// ViewMemory is the size of before-images above which ViewPressure reports true; 0 means 64
	// MiB.
	ViewMemory int64
}

// A Table is a set of numbered databases of keys.
type Table struct {
	// Constant after construction, except for Swap, which needs all locks. The fields that every
	// search reads are first, in one cache line.
	hasher  hasher // constant except for Adopt
	shards  []Shard
	pool    *pool
	options Options

	exclusive exclusive

	// view is the view that Freeze returned and that Close has not ended yet.
	view atomic.Pointer[View]

	flushed flushed
}

// New returns an empty table. It allocates no memory for data until there is some.
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
	return build(o, h, newPool(o.Shards, o.Limit))
}

// NewLike returns an empty table with the options and the seeds of t, which shares the memory pool
// of t. Swap exchanges contents only with such a table.
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

// spacesStride is the distance, in pointers, from the pointers of one shard to those of the next.
// It is odd. While an x86 processor takes a lock, it reads ahead, except from an address whose low
// 12 bits equal those of the lock: it treats that as the lock's address and waits. With 16
// databases the pointers of adjacent shards were 128 bytes apart, as the locks are. Every search
// then began only after the previous one had ended, and took twice the time.
func spacesStride(databases int) int { return databases | 1 }

func randomSeed() (seed [2]uint64) {
	var b [16]byte
	rand.Read(b[:]) // never fails, by its contract
	seed[0] = binary.LittleEndian.Uint64(b[:8])
	seed[1] = binary.LittleEndian.Uint64(b[8:]) | 1
	return seed
}

// Close releases all memory. The table must not be used afterwards, and no Scan of a view may still
// be running.
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
	for t.dropFlushed() {
	}
	t.pool.leave()
}

// Hash returns the hash of key, which determines the key's shard and position.
func (t *Table) Hash(key string) uint64 {
	return t.hasher.hash(bytesOf(key))
}

// HashBytes is like Hash for a byte slice.
func (t *Table) HashBytes(key []byte) uint64 {
	return t.hasher.hash(key)
}

// Shard returns the shard of the keys whose hash is h.
func (t *Table) Shard(h uint64) *Shard {
	return &t.shards[t.ShardIndex(h)]
}

// ShardIndex returns the index of the shard that Shard returns.
func (t *Table) ShardIndex(h uint64) int {
	return int(h >> 1 >> ((63 - t.hasher.shardBits) & 63)) // two steps, for a single shard
}

// ShardAt returns shard i of NumShards.
func (t *Table) ShardAt(i int) *Shard { return &t.shards[i] }

// NumShards returns the number of shards.
func (t *Table) NumShards() int { return len(t.shards) }

// Databases returns the number of numbered databases.
func (t *Table) Databases() int { return t.options.Databases }

// Len returns the number of keys of a database. It does not lock anything. Concurrently with
// writers, the number may be out of date when the caller reads it.
func (t *Table) Len(db int) (n int64) {
	for i := range t.shards {
		n += t.shards[i].counts[db].keys.Load()
	}
	return n
}

// Expires returns the number of keys of a database with an expiry. Like Len, it does not lock
// anything.
func (t *Table) Expires(db int) (n int64) {
	for i := range t.shards {
		n += t.shards[i].counts[db].expires.Load()
	}
	return n
}

// Swap exchanges the contents of t and o. NewLike must have made one from the other. The caller
// must have locked all shards of both, and neither may have a view.
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
