package table

import "strconv"

// reader is the pass of a view over the keyspaces. Under the lock it takes before-images and the
// copy of a page. It yields their entries without the lock.
type reader struct {
	view    *View
	yield   func(Entry) bool
	stopped bool // yield returned false
	steps   int

	// Current keyspace.
	db    int
	shard *Shard
	space *keyspace

	// Entries taken from that keyspace and not yielded yet.
	page    [bigPageUnits * unitSize]byte
	records int     // slots of the page
	slot    int     // their size
	pinned  []image // of the large records of the page, in order
	images  [][]byte
	large   []image

	decimal [maxDecimal]byte
}

func (r *reader) advance(db, i int, k *keyspace) {
	r.db, r.shard, r.space = db, &r.view.table.shards[i], k
}

// read takes before-images, and a page if page is set, and yields their entries. It reports whether
// the view has to read more of the keyspace.
func (r *reader) read(page bool) (more bool) {
	r.shard.Lock()
	k := r.space
	if k.frozen.view != r.view {
		r.shard.Unlock()
		return false // already passed, or closed
	}
	r.images, k.frozen.images = k.frozen.images, nil
	r.large, k.frozen.large = k.frozen.large, nil
	r.records = 0
	if page && k.skip(1<<12) {
		r.takePage()
	}
	more = k.skip(1<<12) || k.frozen.cursor < k.frozen.limit
	if !more {
		k.thaw()
	}
	r.shard.Unlock()

	r.yieldPage()
	r.yieldImages()
	r.unpin()
	return more && !r.stopped
}

// takePage copies the page at the cursor and pins its large values.
func (r *reader) takePage() {
	k := r.space
	n := k.frozen.cursor
	p := &k.pages[n]
	r.records, r.slot = int(p.top), slotSizes[p.class]
	copy(r.page[:r.records*r.slot], k.at(n<<pageShift))
	if p.flags&pageLarge != 0 {
		for i := range r.records {
			slot := r.page[i*r.slot:]
			if slot[0]&(flagLive|flagNew|flagLarge) == flagLive|flagLarge {
				rec := parse(slot)
				k.pin(rec.span)
				r.pinned = append(r.pinned, k.imageOf(slot, &rec))
			}
		}
	}
	k.pass()
}

func (r *reader) yieldPage() {
	large := r.pinned
	for i := 0; i < r.records && !r.stopped; i++ {
		slot := r.page[i*r.slot:]
		if slot[0]&(flagLive|flagNew) != flagLive {
			continue
		}
		if slot[0]&flagLarge != 0 {
			r.entry(slot, large[0].memory)
			large = large[1:]
		} else {
			r.entry(slot, nil)
		}
	}
}

func (r *reader) yieldImages() {
	for _, block := range r.images {
		for b := block; len(b) > 0 && !r.stopped; {
			b = b[r.entry(b, nil):]
		}
	}
	for _, im := range r.large {
		if !r.stopped {
			r.entry(im.slot, im.memory)
		}
	}
}

// entry yields one record and returns its size in the slot.
func (r *reader) entry(slot, memory []byte) int {
	rec := parse(slot)
	if memory != nil {
		rec.load(memory)
	}
	e := Entry{DB: r.db, Kind: rec.kind(), Key: rec.key, Value: rec.value, ExpireAtMs: rec.expire}
	if rec.flags&flagCounter != 0 {
		c := rec.content()
		e.Value = strconv.AppendInt(r.decimal[:0], c.n, 10)
	}
	r.stopped = !r.yield(e)
	return rec.size
}

// unpin releases the taken pins and images. A deferred call releases them if yield panics.
func (r *reader) unpin() {
	var size int64
	for _, b := range r.images {
		size += int64(len(b))
	}
	for _, im := range r.large {
		size += int64(len(im.memory))
	}
	recycle(r.images)
	if len(r.pinned)+len(r.large) > 0 {
		r.shard.Lock()
		for _, im := range r.pinned {
			r.space.unpin(im.ref)
		}
		for _, im := range r.large {
			r.space.unpin(im.ref)
		}
		r.space.releaseDetached()
		r.shard.Unlock()
	}
	clear(r.pinned)
	r.pinned, r.images, r.large = r.pinned[:0], nil, nil
	if size > 0 {
		r.view.relieve(size)
	}
}

// drain takes the before-images of every shard because they use too much memory: those of database
// db, and those of the others if that does not suffice.
func (r *reader) drain(db int) {
	r.drainDatabase(db)
	for other := range r.view.spaces {
		if r.view.held.Load() <= r.view.table.options.ViewMemory/2 {
			return
		}
		if other != db {
			r.drainDatabase(other)
		}
	}
}

func (r *reader) drainDatabase(db int) {
	for i, k := range r.view.spaces[db] {
		if k != nil && !r.stopped {
			r.advance(db, i, k)
			r.read(false)
		}
	}
}
