package vfs

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
)

// memShared is a mapped file of a Mem. Kill preserves every byte stored in it. A power failure
// leaves any mixture of the old and the new bytes.
type memShared struct {
	fs     *Mem
	node   *memNode
	name   string
	closed bool
}

// Boot returns the number of power failures.
func (v memView) Boot() (string, error) {
	m := v.m
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprint("boot ", m.boot), nil
}

// Share maps a file.
func (v memView) Share(name string) (Shared, error) {
	m := v.m
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := v.lookupLocked("share", name)
	if err != nil {
		return nil, err
	}
	if n.dir {
		return nil, &fs.PathError{Op: "share", Path: name, Err: ErrNotRegular}
	}
	return &memShared{fs: m, node: n, name: name}, nil
}

func (s *memShared) Write(p []byte, offset int64) error {
	s.fs.mu.Lock()
	defer s.fs.mu.Unlock()
	n := s.node
	if s.closed || offset < 0 || offset+int64(len(p)) > int64(len(n.data)) {
		return &fs.PathError{Op: "write", Path: s.name, Err: ErrFault}
	}
	if n.lent {
		n.data, n.lent = append([]byte(nil), n.data...), false
	}
	copy(n.data[offset:], p)
	n.stored = append(n.stored, extent{offset, offset + int64(len(p))})
	return nil
}

func (s *memShared) Store(offset int64, value uint64) error {
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], value)
	return s.Write(word[:], offset)
}

func (s *memShared) WriteStore(p []byte, offset int64, word int64, value uint64) error {
	if err := s.Write(p, offset); err != nil {
		return err
	}
	return s.Store(word, value)
}

func (s *memShared) Close() error {
	s.closed = true
	return nil
}

// mix applies a power failure to the sectors of a file that were stored to: the kernel may have
// written any of them, at any time.
func (n *memNode) mix(out []byte, rng *rand.Rand) {
	const sector = 512
	done := map[int64]bool{}
	for _, e := range n.stored {
		for from := e.from &^ (sector - 1); from < e.to; from += sector {
			if done[from] || from >= int64(len(out)) {
				continue
			}
			done[from] = true
			part := out[from:min(from+sector, int64(len(out)))]
			switch rng.IntN(3) {
			case 0:
				copy(part, n.data[min(from, int64(len(n.data))):])
			case 1:
				for i := range part {
					part[i] = byte(rng.Uint32())
				}
			}
		}
	}
}
