package tree_test

import (
	"math/rand/v2"
	"testing"
)

// source makes random numbers of the bytes of a fuzz input, and of a generator after its end.
type source struct {
	data []byte
	rest *rand.PCG
}

func (s *source) Uint64() (n uint64) {
	if len(s.data) == 0 {
		return s.rest.Uint64()
	}
	b := s.data[0]
	s.data = s.data[1:]
	return uint64(b) * 0x0101010101010101
}

// FuzzSequence runs the operations of an input on a List and on a Sorted.
func FuzzSequence(f *testing.F) {
	f.Add([]byte("some bytes"), uint8(0), uint16(500))
	f.Add([]byte{0, 1, 2, 200, 100}, uint8(3), uint16(3000))
	f.Fuzz(func(t *testing.T, data []byte, scores uint8, steps uint16) {
		rng := rand.New(&source{data, rand.NewPCG(uint64(scores), uint64(steps))})
		m := newSequence(t, uint64(scores))
		for range steps % 4096 {
			if err := m.step(rng, 100+10*int(steps%64)); err != nil {
				t.Fatal(err)
			}
		}
		m.finish(rng)
	})
}

// FuzzMap runs the operations of an input on a Map.
func FuzzMap(f *testing.F) {
	f.Add([]byte("some bytes"), uint32(20), uint16(500))
	f.Add([]byte{0, 1, 2, 200, 100}, uint32(1<<31), uint16(3000))
	f.Fuzz(func(t *testing.T, data []byte, hashes uint32, steps uint16) {
		rng := rand.New(&source{data, rand.NewPCG(uint64(hashes), uint64(steps))})
		m := newHashModel(t, hashes|1)
		for range steps % 4096 {
			if err := m.step(rng, 1+uint32(steps)%1000); err != nil {
				return // a limit of equal hashes
			}
		}
		m.finish(rng)
	})
}
