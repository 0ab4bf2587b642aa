package tree

// stock is the memory for one change. The change first orders all that it needs, so that it fails
// before it has changed anything. It then takes the pages in the order in which it ordered them.
type stock struct {
	n, taken int
	items    [2*maxHeight + 2]item
}

// item is memory of a stock.
type item struct {
	kind kind
	size int32 // bytes that are needed
	ref  uint32
}

func (st *stock) order(k kind, size int) {
	st.items[st.n] = item{kind: k, size: int32(size)}
	st.n++
}

// deliver allocates what was ordered. If memory runs out, it allocates nothing.
func (c *change) deliver() error {
	st, s := &c.stock, c.space
	if st.n == 0 {
		return nil
	}
	s.lock()
	defer s.mu.Unlock()
	for i := range st.items[:st.n] {
		it := &st.items[i]
		ref, memory, ok := s.memory.Alloc(int(it.size))
		if !ok {
			for _, it := range st.items[:i] {
				s.free(it.ref)
			}
			return ErrNoMemory
		}
		it.ref = ref
		if it.kind == kindValue {
			formatValue(memory, int(it.size)-headerSize, s.epoch)
		} else {
			format(memory[:len(memory)&^7], it.kind, s.epoch)
		}
		s.stats.Used += int64(s.sizeOf(ref))
	}
	if c.tx != nil {
		for _, it := range st.items[:st.n] {
			c.tx.created[it.ref] = struct{}{}
		}
	}
	return nil
}

// take returns the next page of the stock.
func (c *change) take() (ref uint32, p page) {
	ref = c.stock.items[c.stock.taken].ref
	c.stock.taken++
	return ref, c.space.page(ref)
}

// discard frees memory that is no longer part of a tree, as soon as no pin retains it.
func (c *change) discard(ref uint32) {
	s := c.space
	if c.tx != nil && epochOf(s.memory.At(ref)) <= c.frozen {
		c.tx.retired = append(c.tx.retired, ref)
		return
	}
	s.lock()
	s.release(ref, s.epoch)
	s.mu.Unlock()
	if c.tx != nil {
		delete(c.tx.created, ref)
	}
}

// drop is like discard for a page with everything below it.
func (c *change) drop(ref uint32) {
	if c.tx != nil {
		c.tx.dropped = append(c.tx.dropped, ref)
		return
	}
	s := c.space
	s.lock()
	s.dropped = append(s.dropped, dropped{ref, s.epoch})
	s.mu.Unlock()
}
