package tree

// A Tx records the changes of a transaction, so that Rollback can revert them. It pins an epoch:
// the pages of the state before the transaction remain, and the caller restores the Roots. The
// zero value is ready for [Space.Begin], and so is a Tx after Commit or Rollback.
//
// The caller holds the locks of all trees that the transaction changes from Begin to Commit or
// Rollback.
type Tx struct {
	space   *Space
	pin     Epoch
	created map[uint32]struct{} // memory that did not exist before
	retired []uint32            // memory that is no longer part of a tree
	dropped []uint32            // likewise, with everything below
}

// Begin starts a transaction in tx.
func (s *Space) Begin(tx *Tx) {
	if tx.space != nil {
		panic("tree: internal error: Begin of a transaction that has not ended")
	}
	if tx.created == nil {
		tx.created = map[uint32]struct{}{}
	}
	tx.space, tx.pin = s, s.Pin()
}

// Active reports whether the transaction has begun and not ended.
func (tx *Tx) Active() bool { return tx.space != nil }

// Drop frees a tree if the transaction commits. Otherwise it is like [Space.Drop].
func (tx *Tx) Drop(root Root) {
	if root.Height > 0 {
		tx.dropped = append(tx.dropped, root.Ref)
	}
}

// Commit makes the changes final.
func (tx *Tx) Commit() {
	s := tx.space
	s.lock()
	s.unpinLocked(tx.pin)
	for _, ref := range tx.retired {
		s.release(ref, s.epoch)
	}
	for _, ref := range tx.dropped {
		s.dropped = append(s.dropped, dropped{ref, s.epoch})
	}
	s.mu.Unlock()
	tx.reset()
}

// Rollback frees what the transaction has created. The Roots from before Begin are valid again.
func (tx *Tx) Rollback() {
	s := tx.space
	s.lock()
	s.unpinLocked(tx.pin)
	for ref := range tx.created {
		s.release(ref, s.epoch)
	}
	s.mu.Unlock()
	tx.reset()
}

// keepTx is the maximum number of refs that a Tx retains room for.
const keepTx = 1 << 12

func (tx *Tx) reset() {
	if len(tx.created) > keepTx || cap(tx.retired) > keepTx || cap(tx.dropped) > keepTx {
		*tx = Tx{}
		return
	}
	clear(tx.created)
	tx.space, tx.retired, tx.dropped = nil, tx.retired[:0], tx.dropped[:0]
}
