package table

import (
	"slices"
	"strconv"
)

// A Cursor is a position of a Scan: the hash where it continues. A scan starts at 0. A cursor
// remains valid for the lifetime of the table, regardless of changes between two calls. Any number
// is a valid cursor.
type Cursor uint64

// scanBytes is the maximum number of bytes that one call copies, except for a single larger key.
const scanBytes = 1 << 20

// A ScanBuffer receives the entries that Scan finds. The zero value is ready to use, for any number
// of calls.
type ScanBuffer struct {
	// KeysOnly omits the values.
	KeysOnly bool

	entries []Entry
	bytes   []byte
	found   []found
	pinned  []pinnedEntry // entries whose values are copied without the lock
}

type pinnedEntry struct {
	entry int
	Pin
}

type found struct {
	hash uint64
	ref  uint32
	size int
}

// Entries returns the entries that the last call found. They are valid until the next call.
func (b *ScanBuffer) Entries() []Entry { return b.entries }

func (b *ScanBuffer) reset() {
	clear(b.entries)
	b.entries, b.bytes, b.found = b.entries[:0], b.bytes[:0], b.found[:0]
}

// Scan copies some keys of a database, those of one segment, from a cursor on. It returns the
// cursor for the next call and reports whether there is a next one. A call may find no key and
// report more. A key that exists during the whole scan is found exactly once, and no key is found
// twice. Scan locks one shard at a time.
func (t *Table) Scan(db int, cursor Cursor, buf *ScanBuffer) (next Cursor, more bool) {
	return t.scan(db, cursor, buf, true)
}

// ScanLocked is like Scan for a caller that has locked all shards.
func (t *Table) ScanLocked(db int, cursor Cursor, buf *ScanBuffer) (next Cursor, more bool) {
	return t.scan(db, cursor, buf, false)
}

func (t *Table) scan(db int, cursor Cursor, buf *ScanBuffer, lock bool) (next Cursor, more bool) {
	buf.reset()
	for i := t.ShardIndex(uint64(cursor)); i < len(t.shards); i++ {
		s := &t.shards[i]
		if s.counts[db].keys.Load() == 0 {
			cursor = t.firstOf(i + 1)
			continue
		}
		if lock {
			s.Lock()
		}
		cursor, more = s.scan(db, cursor, buf, lock)
		if lock {
			s.Unlock()
			buf.unpin()
		}
		if !more {
			cursor, more = t.firstOf(i+1), i+1 < len(t.shards)
		}
		return cursor, more
	}
	return 0, false
}

// firstOf returns the cursor where shard i begins, or 0 after the last shard.
func (t *Table) firstOf(i int) Cursor {
	return Cursor(uint64(i) << (64 - t.hasher.shardBits))
}

// scan copies the keys of one segment. It returns false if that was the shard's last segment. If
// pin is set, it pins large values and does not copy them yet.
func (s *Shard) scan(db int, cursor Cursor, buf *ScanBuffer, pin bool) (next Cursor, more bool) {
	k := s.spaces[db]
	if k == nil || k.keys == 0 {
		return 0, false
	}
	seg := k.segmentOf(uint64(cursor))
	depth := depthOf(k.segment(seg))
	total := 0
	for chained := true; chained; seg, chained = nextIn(k.segment(seg)) {
		eachRef(k.segment(seg), func(r uint32) {
			rec := k.recordAt(r)
			if rec.flags&flagGone != 0 {
				return
			}
			// A segment that was merged may begin before the cursor.
			if h := k.hasher.hash(rec.key); h >= uint64(cursor) {
				size := rec.keySize
				if !buf.KeysOnly {
					size += rec.valueSize
				}
				total += size
				buf.found = append(buf.found, found{h, r, size})
			}
		})
	}
	if total > scanBytes {
		if next, more = buf.cut(); more {
			buf.fill(db, s, k, pin)
			return next, true
		}
	}
	buf.fill(db, s, k, pin)
	// The prefixes of a segment agree in their first depth bits. The next segment follows the last
	// of them.
	last := (k.prefix(uint64(cursor)) | ^uint64(0)>>depth) >> k.shardBits
	bits := uint64(cursor) &^ (^uint64(0) >> k.shardBits)
	return Cursor((bits | last) + 1), last != ^uint64(0)>>k.shardBits
}

// cut retains the entries that may be copied in one call, those with the lowest hashes, and returns
// the first remaining hash.
func (b *ScanBuffer) cut() (next Cursor, ok bool) {
	slices.SortFunc(b.found, func(x, y found) int {
		if x.hash < y.hash {
			return -1
		}
		return int(b2i(x.hash > y.hash))
	})
	total := 0
	for i, f := range b.found {
		total += f.size
		if i > 0 && total > scanBytes && f.hash != b.found[i-1].hash {
			b.found = b.found[:i]
			return Cursor(f.hash), true
		}
	}
	return 0, false
}

// fill copies the entries found, except for the values that it pins.
func (b *ScanBuffer) fill(db int, s *Shard, k *keyspace, pin bool) {
	for _, f := range b.found {
		rec := k.recordAt(f.ref)
		e := Entry{DB: db, Kind: rec.kind(), ExpireAtMs: rec.expire}
		e.Key = b.copy(rec.key)
		switch c := rec.content(); {
		case b.KeysOnly:
		case c.isInt:
			var decimal [maxDecimal]byte
			e.Value = b.copy(strconv.AppendInt(decimal[:0], c.n, 10))
		case pin && rec.flags&flagLarge != 0 && rec.valueSize >= pinAbove:
			k.pin(rec.span)
			b.pinned = append(b.pinned, pinnedEntry{len(b.entries), Pin{s, k, rec.span.ref, rec.value}})
		default:
			e.Value = b.copy(rec.value)
		}
		b.entries = append(b.entries, e)
	}
}

// unpin copies the values that fill has pinned. No shard may be locked.
func (b *ScanBuffer) unpin() {
	for _, p := range b.pinned {
		b.entries[p.entry].Value = b.copy(p.Value())
		p.Release()
	}
	clear(b.pinned)
	b.pinned = b.pinned[:0]
}

// copy appends to the bytes of the buffer. If these are reallocated, slices into the old array
// remain valid.
func (b *ScanBuffer) copy(p []byte) []byte {
	n := len(b.bytes)
	b.bytes = append(b.bytes, p...)
	return b.bytes[n:len(b.bytes):len(b.bytes)]
}
