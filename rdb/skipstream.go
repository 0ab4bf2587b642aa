package rdb

import (
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/snapshot"
)

// A stream grew with the type numbers 15 (v1), 19 (v2), 21 (v3), 26 (v4), 27 (v5); n is a length,
// s a string, id two lengths (milliseconds and sequence), ID the same in 16 bytes, f8 a time:
//
//	stream   = n (s16 z)*n length lastid [v2: firstid maxdeleted added] n group*n [v4: idempotence]
//	group    = s lastid [v2: read] n (ID f8 deliveries)*n n consumer*n [v5: n ID*n]
//	consumer = s f8 [v3: f8] n ID*n
//	idempotence = duration max n producer*n added duplicate
//	producer = s n (s id)*n
//
// s16 is a string of 16 bytes, the first id of the listpack z behind it.

// stream passes over a stream of any version.
func (s *skipper) stream(t snapshot.Type) error {
	if err := s.each((*skipper).streamNode); err != nil {
		return err
	}
	heads := 3 // length, last id
	if t >= typeStream2 {
		heads = 8 // and first id, greatest deleted id, entries added
	}
	if err := s.lens(heads); err != nil {
		return err
	}
	if err := s.each(func(s *skipper) error { return s.streamGroup(t) }); err != nil {
		return err
	}
	if t < typeStream4 {
		return nil
	}
	if err := s.lens(2); err != nil {
		return err
	}
	if err := s.each((*skipper).streamProducer); err != nil {
		return err
	}
	return s.lens(2)
}

func (s *skipper) streamNode() error {
	at := s.r.offset()
	id, err := s.r.str(s.scratch, s.limit)
	if err != nil {
		return err
	}
	if n := len(id.bytes(s.r)); n != 16 {
		return corrupt.New(at, "want 16 bytes of a stream id, found %d", n)
	}
	return s.packed(listpack)
}

func (s *skipper) streamGroup(t snapshot.Type) error {
	if err := s.str(); err != nil {
		return err
	}
	heads := 2 // last id
	if t >= typeStream2 {
		heads = 3 // and entries read
	}
	if err := s.lens(heads); err != nil {
		return err
	}
	pending := func(s *skipper) error {
		if err := s.raw(16 + 8); err != nil {
			return err
		}
		return s.len()
	}
	if err := s.each(pending); err != nil {
		return err
	}
	if err := s.each(func(s *skipper) error { return s.streamConsumer(t) }); err != nil {
		return err
	}
	if t < typeStream5 {
		return nil
	}
	return s.ids()
}

func (s *skipper) streamConsumer(t snapshot.Type) error {
	times := uint64(8) // seen
	if t >= typeStream3 {
		times = 16 // and active
	}
	if err := s.then((*skipper).str, times); err != nil {
		return err
	}
	return s.ids()
}

func (s *skipper) streamProducer() error {
	if err := s.str(); err != nil {
		return err
	}
	return s.each(func(s *skipper) error {
		if err := s.str(); err != nil {
			return err
		}
		return s.lens(2)
	})
}

// ids passes over a count and that many ids of 16 bytes.
func (s *skipper) ids() error {
	n, err := s.r.length()
	if err != nil {
		return err
	}
	return s.rawTimes(n, 16)
}

// lens passes over n lengths.
func (s *skipper) lens(n int) error {
	for range n {
		if err := s.len(); err != nil {
			return err
		}
	}
	return nil
}
