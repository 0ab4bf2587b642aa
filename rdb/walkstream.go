package rdb

import (
	"encoding/binary"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/snapshot"
)

// A stream grew with the type numbers 15 (v1), 19 (v2), 21 (v3), 26 (v4), 27 (v5); n is a length, s
// a string, id two lengths (milliseconds and sequence), ID both in 16 bytes, f8 a time:
//
//	stream   = n (s16 z)*n length lastid [v2: firstid maxdeleted added] n group*n [v4: idempotence]
//	group    = s lastid [v2: read] n (ID f8 deliveries)*n n consumer*n [v5: n ID*n]
//	consumer = s f8 [v3: f8] n ID*n
//	idempotence = duration max n producer*n added duplicate
//	producer = s n (s id)*n
//
// s16 is a string of 16 bytes: the first ID of the following listpack z, big-endian. The elements
// of z are integers, except names and values:
//
//	z     = live deleted count name*count 0 entry*
//	entry = flags ms seq [count] (value | name value)*count size
//
// ms and seq are relative to the first ID; flags: 1 deleted, 2 with the names of z and without a
// count; size: the number of elements of the entry before it.

const (
	entryDeleted    = 1
	entrySameFields = 2
)

// stream walks a stream of any version.
func (w *walker) stream(t snapshot.Type) error {
	w.nodes = 0
	if err := w.each((*walker).streamNode); err != nil {
		return err
	}
	at := w.r.offset()
	end := w.r.place() - w.start
	h, err := w.streamHead(t)
	if err != nil {
		return err
	}
	h.nodesEnd = end
	if h.length > 0 && w.nodes == 0 {
		return corrupt.New(at, "want entries in a stream of length %d, found none", h.length)
	}
	if err := w.withOffset(at, w.visitor.streamHead(&h)); err != nil {
		return err
	}
	if err := w.each(func(w *walker) error { return w.streamGroup(t) }); err != nil {
		return err
	}
	if t < typeStream4 {
		return nil
	}
	return w.idempotence()
}

// streamHead reads the fields between entries and groups.
func (w *walker) streamHead(t snapshot.Type) (h streamHead, err error) {
	if err := w.lens(&h.length, &h.lastID.Ms, &h.lastID.Seq); err != nil {
		return h, err
	}
	if t >= typeStream2 {
		err := w.lens(&h.firstID.Ms, &h.firstID.Seq, &h.maxDeletedID.Ms, &h.maxDeletedID.Seq, &h.added)
		if err != nil {
			return h, err
		}
	}
	if t < typeStream2 {
		h.added = h.length
	}
	return h, nil
}

func (w *walker) streamNode() error {
	w.nodes++
	at := w.r.offset()
	id, err := w.r.str(&w.first, w.limit)
	if err != nil {
		return err
	}
	p := id.bytes(w.r)
	if len(p) != streamIDSize {
		return corrupt.New(at, "want %d bytes of a stream ID, found %d", streamIDSize, len(p))
	}
	w.master = streamID(p)
	return w.packed((*walker).streamEntries)
}

const streamIDSize = 8 + 8

// streamID decodes an id of 16 bytes.
func streamID(p []byte) StreamID {
	return StreamID{binary.BigEndian.Uint64(p), binary.BigEndian.Uint64(p[8:])}
}

// streamEntries passes the entries of a stream's listpack that are not deleted to the visitor.
func (w *walker) streamEntries(p []byte) error {
	c := w.listpack(p)
	var head [3]int64 // entries, deleted entries, names
	for i, what := range [...]string{"a count of entries", "a count of deleted entries", "a count of names"} {
		n, err := c.wantInt(what)
		if err != nil {
			return err
		}
		if n < 0 {
			return flawed(c.at, "want %s, found %d", what, n)
		}
		head[i] = n
	}
	e := &w.entry
	*e = StreamEntry{names: *c}
	for range head[2] {
		if err := c.want("a name"); err != nil {
			return err
		}
	}
	if err := c.wantExactly(0, "the end of the names"); err != nil {
		return err
	}
	var found [2]int64
	for c.more() {
		deleted, err := w.streamEntry(c, e, head[2])
		if err != nil {
			return err
		}
		found[deleted]++
	}
	if c.err == nil && (found[0] != head[0] || found[1] != head[1]) {
		return flawed(listpack.Head, "want %d entries and %d deleted entries, found %d and %d", head[0], head[1], found[0], found[1])
	}
	return c.err
}

// wantExactly is like wantInt for an integer that must be n.
func (c *pack) wantExactly(n int64, what string) error {
	got, err := c.wantInt(what)
	if err == nil && got != n {
		err = flawed(c.at, "want %s to be %d, found %d", what, n, got)
	}
	return err
}

// streamEntry reads the entry at whose flags c is positioned. It passes the entry to the visitor,
// or returns 1 if the entry is deleted. names is the number of names in the listpack.
func (w *walker) streamEntry(c *pack, e *StreamEntry, names int64) (deleted int, err error) {
	at, flags := c.at, c.Int
	if !c.IsInt || flags&^(entryDeleted|entrySameFields) != 0 {
		return 0, flawed(at, "want valid entry flags, found other flags")
	}
	ms, err := c.wantInt("the time of an entry ID")
	if err != nil {
		return 0, err
	}
	seq, err := c.wantInt("the sequence number of an entry ID")
	if err != nil {
		return 0, err
	}
	e.ID = StreamID{w.master.Ms + uint64(ms), w.master.Seq + uint64(seq)}
	e.shared = flags&entrySameFields != 0
	count, each, size := names, 1, int64(3)
	if !e.shared {
		if count, err = c.wantInt("a count of fields"); err != nil {
			return 0, err
		}
		if count < 0 {
			return 0, flawed(c.at, "want a count of fields, found %d", count)
		}
		each, size = 2, 4
	}
	e.values = *c
	before := c.count
	for i := int64(0); i < count; i++ {
		for range each {
			if err := c.want("a name or a value"); err != nil {
				return 0, err
			}
		}
	}
	e.count = (c.count - before) / each
	if err := c.wantExactly(size+int64(c.count-before), "the size of an entry"); err != nil {
		return 0, err
	}
	if flags&entryDeleted != 0 {
		return 1, nil
	}
	return 0, placed(w.visitor.entry(e), at)
}

// idempotence walks the producer state of a Redis 8.6 stream.
func (w *walker) idempotence() error {
	w.idem = Idempotence{}
	x := &w.idem
	if err := w.lens(&x.Duration, &x.MaxIDs); err != nil {
		return err
	}
	if err := w.each((*walker).streamProducer); err != nil {
		return err
	}
	if err := w.lens(&x.Added, &x.Duplicates); err != nil {
		return err
	}
	return w.visitor.idempotence(x)
}

func (w *walker) streamProducer() error {
	w.producer = StreamProducer{}
	name, err := w.kept()
	if err != nil {
		return err
	}
	w.producer.Name = name
	if err := w.each((*walker).producedID); err != nil {
		return err
	}
	w.idem.Producers = append(doubled(w.idem.Producers), w.producer)
	return nil
}

// producedID walks the id that a producer assigned to an entry.
func (w *walker) producedID() error {
	id, err := w.kept()
	if err != nil {
		return err
	}
	x := ProducedID{ID: id}
	if err := w.lens(&x.Entry.Ms, &x.Entry.Seq); err != nil {
		return err
	}
	w.producer.IDs = append(doubled(w.producer.IDs), x)
	return nil
}

// lens reads lengths.
func (w *walker) lens(to ...*uint64) (err error) {
	for _, n := range to {
		if *n, err = w.r.length(); err != nil {
			return err
		}
	}
	return nil
}
