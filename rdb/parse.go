package rdb

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/snapshot"
)

// record reads the next record. On the way it reads data that is not a separate record.
func (r *Reader) record() (Record, error) {
	if r.version.number == 0 {
		if err := r.magic(); err != nil {
			return nil, err
		}
	}
	for {
		if r.given { // or skipped: the next key has separate attributes
			r.given, r.begun = false, false
			if r.attributes {
				r.attributes = false
				r.entry.ExpireAtMs, r.entry.Usage, r.entry.Meta = 0, Usage{}, nil
			}
		}
		r.in.hold()
		r.at = r.in.offset()
		b, err := r.in.byte()
		if err != nil {
			return nil, err
		}
		if b < opTemplate {
			wanted, err := r.key(b)
			if err != nil {
				return nil, err
			}
			if wanted {
				return &r.entry, nil
			}
			continue
		}
		if b == opEOF {
			if err := r.trailer(); err != nil {
				return nil, err
			}
			return nil, io.EOF
		}
		if rec, err := r.other(b); rec != nil || err != nil {
			return rec, err
		}
	}
}

func (r *Reader) magic() error {
	p, err := r.in.bytes(magicSize)
	if err != nil {
		return err
	}
	if r.version, err = parseMagic([magicSize]byte(p)); err != nil {
		if string(p[:4]) == "VKCS" { // VKCS has a different form and checksum
			return err
		}
		return r.judged(err, true)
	}
	r.header.Version = r.version.String()
	return nil
}

// trailer compares the checksum after the end record.
func (r *Reader) trailer() error {
	if r.version.number < checksumSince {
		return nil
	}
	sum := r.in.sum()
	at := r.in.offset()
	p, err := r.in.bytes(8)
	if err != nil {
		return err
	}
	stored := binary.LittleEndian.Uint64(p)
	r.header.Checksum = stored != 0
	if stored != 0 && r.settings.checksum && stored != sum {
		return corrupt.New(at, "want checksum %016x, found %016x", sum, stored)
	}
	return nil
}

// other reads the data of an opcode other than the end's. Attributes and the selection of a
// database are not separate records.
func (r *Reader) other(op byte) (Record, error) {
	switch op {
	case opExpireMs, opExpire, opIdle, opFreq:
		return nil, r.attribute(op)
	case opSelectDB:
		n, err := r.in.length()
		if err == nil && n > math.MaxInt32 {
			err = corrupt.New(r.at, "want a database number, found %d", n)
		}
		r.entry.DB = int(n)
		return nil, err
	case opResizeDB:
		var n [2]int64
		if err := r.lengths(n[:]); err != nil {
			return nil, err
		}
		return &Sizes{snapshot.Count{DB: r.entry.DB, Keys: n[0], Expires: n[1]}}, nil
	case opSlotInfo:
		var n [3]int64
		if err := r.lengths(n[:]); err != nil {
			return nil, err
		}
		return &SlotInfo{n[0], n[1], n[2]}, nil
	case opAux:
		return r.aux()
	case opFunction, opModuleAux:
		return r.extra(op)
	case opSlotImport: // same number as Redis's opKeyMeta
		if r.version.valkey {
			return r.slotImport()
		}
		if r.version.number >= keyMetaSince {
			return nil, r.meta()
		}
	}
	return nil, r.unknown(op)
}

// lengths fills n. It reduces a length above the int64 range to the largest int64.
func (r *Reader) lengths(n []int64) error {
	for i := range n {
		v, err := r.in.length()
		if err != nil {
			return err
		}
		n[i] = int64(min(v, math.MaxInt64))
	}
	return nil
}

// aux reads a field that describes the dump.
func (r *Reader) aux() (Record, error) {
	name, err := r.in.str(&r.keyScratch, r.settings.maxValue)
	if err != nil {
		return nil, err
	}
	value, err := r.in.str(&r.scratch, r.settings.maxValue)
	if err != nil {
		return nil, err
	}
	a := &Aux{string(name.bytes(r.in)), string(value.bytes(r.in))}
	r.header.add(a)
	r.foreignAux(a.Name)
	return a, nil
}

// extra reads a function library or the data of a module, which is preserved byte for byte.
func (r *Reader) extra(op byte) (Record, error) {
	var payload []byte
	var err error
	if op == opModuleAux { // in the form of a module's value
		payload, err = r.payload(typeModule)
	} else {
		start := r.in.place()
		_, err = r.in.str(&r.scratch, r.settings.maxValue)
		payload = r.in.between(start, r.in.place())
	}
	if err != nil {
		return nil, err
	}
	return &Extra{snapshot.Extra{Opcode: op, Payload: bytes.Clone(payload)}, r.at}, nil
}

// slotImport reads the state of a slot migration in a cluster: job and ranges.
func (r *Reader) slotImport() (Record, error) {
	job, err := r.in.str(&r.scratch, r.settings.maxValue)
	if err != nil {
		return nil, err
	}
	s := &SlotImport{Job: bytes.Clone(job.bytes(r.in))}
	n, err := r.in.length()
	if err != nil {
		return nil, err
	}
	for range n {
		r.in.hold()
		var ends [2]int64
		if err := r.lengths(ends[:]); err != nil {
			return nil, err
		}
		s.Ranges = append(doubled(s.Ranges), SlotRange{ends[0], ends[1]})
	}
	return s, nil
}
