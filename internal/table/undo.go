package table

import "github.com/perduredb/perdure/internal/tree"

// An Undo reverts the changes of a transaction without allocating memory. While a shard has an Undo
// ([Shard.Record]), no change frees the data that it replaces or deletes. A replaced record stays
// where it is, and a deleted one stays in the index, marked as gone. Of a record that is
// overwritten in its slot, the old bytes are saved. Commit frees the old data, and Rollback frees
// the new data.
//
// The shards stay locked from Record to Commit or Rollback. The zero value is ready to use, and so
// is an Undo after Commit or Rollback.
type Undo struct {
	table  *Table
	steps  []step
	bytes  []byte // bytes of records before they were overwritten
	shards []*Shard
	trees  tree.Tx // begins when a tree changes

	// Position of the next step.
	shard *Shard
	db    int
	hash  uint64
}

// step is one change of one record. It has no pointer: the garbage collector need not scan the
// steps, and none has to be cleared. This saves 5% of an UpdateKeys of two counters.
type step struct {
	kind     stepKind
	db       int
	hash     uint64
	old, new uint32 // records
	keep     shared // what old has in common with another record
	bytes    int    // stepOverwritten: number of bytes in Undo.bytes
	from, to span   // stepOverwritten: span before and after, if changed
}

type stepKind uint8

const (
	stepInserted    stepKind = iota // new is the record of a key that did not exist
	stepDeleted                     // old is marked as gone
	stepReplaced                    // the index references new instead of old
	stepOverwritten                 // old has changed in its slot
)

// keepUndo is the maximum memory that an Undo retains for the next transaction.
const keepUndo = 64 << 10

// Record makes u record the changes of the shard.
func (s *Shard) Record(u *Undo) {
	if s.undo != u {
		s.undo = u
		u.table, u.shards = s.table, append(u.shards, s)
	}
}

// enter sets the position of the following changes.
func (u *Undo) enter(s *Shard, db int, h uint64) { u.shard, u.db, u.hash = s, db, h }

func (u *Undo) add(st step) {
	st.db, st.hash = u.db, u.hash
	u.steps = append(u.steps, st)
}

func (u *Undo) inserted(r uint32) { u.add(step{kind: stepInserted, new: r}) }

func (u *Undo) replaced(old, new uint32, keep shared) {
	u.add(step{kind: stepReplaced, old: old, new: new, keep: keep})
}

// overwritten saves the first size bytes of the slot at r, which are about to change.
func (u *Undo) overwritten(k *keyspace, r uint32, size int, from, to span) {
	u.bytes = append(u.bytes, k.at(r)[:size]...)
	u.add(step{kind: stepOverwritten, old: r, bytes: size, from: from, to: to})
}

// delete marks the record at r as gone.
func (u *Undo) delete(k *keyspace, r uint32, keep shared) {
	slot := k.at(r)
	u.shard.countExpire(u.db, slot[0]&flagExpire != 0, false)
	u.shard.counts[u.db].keys.Add(-1)
	slot[0] |= flagGone
	u.add(step{kind: stepDeleted, old: r, keep: keep})
}

// Commit makes the changes final.
func (u *Undo) Commit() {
	for i := range u.steps {
		st := &u.steps[i]
		k := u.table.Shard(st.hash).spaces[st.db]
		switch st.kind {
		case stepDeleted:
			k.at(st.old)[0] &^= flagGone
			k.takeOut(st.hash, st.old, k.placeOf(st.hash, st.old), st.keep)
		case stepReplaced:
			k.drop(st.old, st.keep)
		case stepOverwritten:
			if st.from.units > 0 {
				k.dropSpan(st.from)
			}
		}
	}
	if u.trees.Active() {
		u.trees.Commit()
	}
	u.reset()
}

// Rollback reverts all changes, the last one first.
func (u *Undo) Rollback() {
	for i := len(u.steps) - 1; i >= 0; i-- {
		u.steps[i].rollback(u)
	}
	if u.trees.Active() {
		u.trees.Rollback()
	}
	u.reset()
}

func (st *step) rollback(u *Undo) {
	s := u.table.Shard(st.hash)
	k := s.spaces[st.db]
	switch st.kind {
	case stepInserted:
		s.countExpire(st.db, k.at(st.new)[0]&flagExpire != 0, false)
		s.counts[st.db].keys.Add(-1)
		k.takeOut(st.hash, st.new, k.placeOf(st.hash, st.new), sharedTree)
	case stepDeleted:
		slot := k.at(st.old)
		slot[0] &^= flagGone
		s.counts[st.db].keys.Add(1)
		s.countExpire(st.db, false, slot[0]&flagExpire != 0)
	case stepReplaced:
		s.countExpire(st.db, k.at(st.new)[0]&flagExpire != 0, k.at(st.old)[0]&flagExpire != 0)
		k.setRef(k.placeOf(st.hash, st.new), st.old)
		k.drop(st.new, st.keep|sharedTree)
	case stepOverwritten:
		slot := k.at(st.old)
		marked := slot[0] & flagNew
		n := len(u.bytes) - st.bytes
		copy(slot, u.bytes[n:])
		slot[0] |= marked
		u.bytes = u.bytes[:n]
		if st.to.units > 0 {
			k.dropSpan(st.to)
		}
	}
}

// reset ends the recording.
func (u *Undo) reset() {
	for _, s := range u.shards {
		s.undo = nil
	}
	clear(u.shards)
	u.steps, u.shards, u.bytes, u.shard = u.steps[:0], u.shards[:0], u.bytes[:0], nil
	if cap(u.bytes) > keepUndo || cap(u.steps) > keepUndo/64 {
		*u = Undo{}
	}
}

// placeOf returns the place that names the record at r, whose key has hash h.
func (k *keyspace) placeOf(h uint64, r uint32) place {
	seg, home := k.segmentOf(h), homeOf(h)
	for more := true; more; seg, more = nextIn(k.segment(seg)) {
		for i := range uint32(segmentBuckets) {
			n := (home + i) % segmentBuckets
			b := bucketOf(k.segment(seg), n)
			for m := matches(b, patternOf(h)); m != 0; m &= m - 1 {
				if slot := slotOf(m); refIn(b, slot) == r {
					return place{seg + n*(bucketSize/8), slot}
				}
			}
		}
	}
	panic("table: internal error: record not in the index")
}
