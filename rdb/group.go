package rdb

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/snapshot"
)

// streamGroup reads a consumer group of a stream and passes it to the visitor as a whole. See
// walkstream.go for the layout.
func (w *walker) streamGroup(t snapshot.Type) error {
	at := w.r.offset()
	w.group, w.owners = StreamGroup{}, w.owners[:0]
	g := &w.group
	var err error
	if g.Name, err = w.kept(); err != nil {
		return err
	}
	if g.LastID.Ms, err = w.r.length(); err != nil {
		return err
	}
	if g.LastID.Seq, err = w.r.length(); err != nil {
		return err
	}
	g.EntriesRead = -1
	if t >= typeStream2 {
		n, err := w.r.length()
		if err != nil {
			return err
		}
		g.EntriesRead = int64(n)
	}
	if err := w.each((*walker).pending); err != nil {
		return err
	}
	consumer := (*walker).consumer
	if t < typeStream3 {
		consumer = (*walker).consumerBefore72
	}
	if err := w.each(consumer); err != nil {
		return err
	}
	if t >= typeStream5 {
		if err := w.nacked(); err != nil {
			return err
		}
	}
	if i := slices.Index(w.owners, false); i >= 0 {
		return corrupt.New(at, "want a consumer for each pending entry of a group, found an entry without one")
	}
	return w.withOffset(at, w.visitor.group(g))
}

// pending reads an entry of a group's pending list. The ids must ascend.
func (w *walker) pending() error {
	g := &w.group
	at := w.r.offset()
	p, err := w.r.bytes(streamIDSize + 8)
	if err != nil {
		return err
	}
	x := StreamPending{ID: streamID(p), DeliveredAtMs: int64(binary.LittleEndian.Uint64(p[streamIDSize:]))}
	if x.Deliveries, err = w.r.length(); err != nil {
		return err
	}
	if n := len(g.Pending); n > 0 && g.Pending[n-1].ID.Compare(x.ID) >= 0 {
		return corrupt.New(at, "want ascending IDs of pending entries, found one out of order")
	}
	g.Pending = append(g.Pending, x)
	w.owners = append(w.owners, false)
	return nil
}

// consumer reads a consumer of the group and marks the pending entries that it owns.
func (w *walker) consumer() error { return w.consumerOf(2) }

// consumerBefore72 reads a consumer without the time of its last activity.
func (w *walker) consumerBefore72() error { return w.consumerOf(1) }

// consumerOf reads a consumer with the given number of time fields.
func (w *walker) consumerOf(times int) error {
	w.one = StreamConsumer{}
	c := &w.one
	var err error
	if c.Name, err = w.kept(); err != nil {
		return err
	}
	p, err := w.r.bytes(8 * times)
	if err != nil {
		return err
	}
	c.SeenAtMs = int64(binary.LittleEndian.Uint64(p))
	c.ActiveAtMs = int64(binary.LittleEndian.Uint64(p[8*(times-1):]))
	if err := w.each((*walker).owned); err != nil {
		return err
	}
	w.group.Consumers = append(w.group.Consumers, *c)
	return nil
}

// owned reads the id of an entry that is pending for the current consumer.
func (w *walker) owned() error {
	id, err := w.own()
	if err == nil {
		w.one.Pending = append(w.one.Pending, id)
	}
	return err
}

// nacked reads the ids of the pending entries without a consumer.
func (w *walker) nacked() error {
	return w.each(func(w *walker) error {
		id, err := w.own()
		if err == nil {
			w.group.Nacked = append(w.group.Nacked, id)
		}
		return err
	})
}

// own reads the id of a pending entry and marks the entry as accounted for.
func (w *walker) own() (StreamID, error) {
	at := w.r.offset()
	p, err := w.r.bytes(streamIDSize)
	if err != nil {
		return StreamID{}, err
	}
	id := streamID(p)
	i, ok := slices.BinarySearchFunc(w.group.Pending, id, func(x StreamPending, id StreamID) int { return x.ID.Compare(id) })
	switch {
	case !ok:
		return id, corrupt.New(at, "want an entry that is pending in the group, found another entry")
	case w.owners[i]:
		return id, corrupt.New(at, "want one consumer for a pending entry, found a second")
	}
	w.owners[i] = true
	return id, nil
}

// kept reads a string and returns it in separate memory that remains valid.
func (w *walker) kept() ([]byte, error) {
	var own []byte
	s, err := w.r.str(&own, w.limit)
	if err != nil || s.made != nil {
		return s.made, err
	}
	return bytes.Clone(s.bytes(w.r)), nil
}

// doubled makes room for one more element in s and doubles the capacity if s is full. Together with
// the array that it grew from, s takes at most four times the memory of its elements.
func doubled[E any](s []E) []E {
	if len(s) < cap(s) {
		return s
	}
	return slices.Grow(s, max(len(s), 4))
}

// sameName reports whether two of names are equal. It sorts names.
func sameName(names [][]byte) bool {
	slices.SortFunc(names, bytes.Compare)
	for i := 1; i < len(names); i++ {
		if bytes.Equal(names[i-1], names[i]) {
			return true
		}
	}
	return false
}
