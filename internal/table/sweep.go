package table

import "math"

// sweepPoint is the position where SweepExpired continues.
type sweepPoint struct {
	db   int
	page uint32
}

// maxSkipped is the maximum number of pages that one SweepExpired skips.
const maxSkipped = 1 << 12

// SweepExpired deletes keys that are expired at nowMs: those with an expiry below nowMs. It
// continues where it stopped, through every database. It ends after the page in which it has
// visited max keys, or after a complete round. Before each deletion it calls expired, which must
// not use the shard. The key is valid during the call.
func (s *Shard) SweepExpired(
	nowMs int64, max int, expired func(db int, key []byte),
) (visited, removed int) {
	skipped := 0
	for range len(s.spaces) + 1 { // the first database may be begun in its middle
		db := s.sweep.db
		k := s.spaces[db]
		for k != nil && s.counts[db].expires.Load() > 0 && int(s.sweep.page) < len(k.pages) {
			if visited >= max || skipped >= maxSkipped {
				return visited, removed
			}
			n := s.sweep.page
			s.sweep.page++
			p := &k.pages[n]
			if p.flags&pageExpire == 0 || nowMs <= p.earliest {
				skipped++
				continue
			}
			v, r := s.sweepPage(db, n, nowMs, expired)
			visited += v
			removed += r
		}
		s.sweep = sweepPoint{db: (db + 1) % len(s.spaces)}
	}
	return visited, removed
}

// sweepPage deletes the expired keys in page n.
func (s *Shard) sweepPage(
	db int, n uint32, nowMs int64, expired func(db int, key []byte),
) (visited, removed int) {
	k := s.spaces[db]
	p := &k.pages[n]
	left, earliest := int(p.used), int64(math.MaxInt64)
	size := uint32(slotSizes[p.class] / 8)
	for r := n << pageShift; visited < left; r += size {
		slot := k.at(r)
		if slot[0]&flagLive == 0 {
			continue
		}
		visited++
		rec := k.recordAt(r)
		if nowMs <= rec.expire {
			earliest = min(earliest, rec.expire)
			continue
		}
		expired(db, rec.key)
		h := k.hasher.hash(rec.key)
		_, at, ok := k.find(h, rec.key)
		if !ok {
			panic("table: internal error: record not in the index")
		}
		s.delete(db, h, r, at, 0)
		removed++
	}
	if removed < left {
		k.pages[n].earliest = earliest // otherwise the page is gone
	}
	return visited, removed
}
