package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

var digestCommand = &command{
	name: "digest",
	args: "PATH...",
	what: "print a fingerprint of each data set, in any format",
	help: `Digest prints one line for each PATH: 32 hex digits, the number of keys, and the path.
Two data sets have the same fingerprint if a program sees the same contents in them: databases,
keys, types, values, expiries, and function libraries. The file format, the order of keys, and the
encoding of values do not count.

The fingerprint is the sum, modulo 2^128, of two 64-bit xxHashes of each entry. It detects
accidental differences, not deliberate ones. A log is loaded into memory; dumps and JSON lines are
streamed.

Exit status: 0 printed, 1 damaged, 2 usage error, 3 not supported, 4 unreadable.`,
	run: (*app).digest,
}

func (a *app) digest(c *command, args []string) error {
	paths, err := a.parse(c, c.flags(), args, 1, -1)
	if err != nil {
		return err
	}
	for _, path := range paths {
		print, err := a.fingerprint(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%s  %s  %s\n", print, count(print.keys, "key"), path)
	}
	return nil
}

// fingerprint is the sum of the hashes of the contents of a data set, independent of their order.
type fingerprint struct {
	sum  [2]uint64
	keys int64
	size int64 // bytes of keys and values
}

// String returns the 32 hex digits.
func (f fingerprint) String() string { return fmt.Sprintf("%016x%016x", f.sum[0], f.sum[1]) }

// same reports whether two data sets have equal contents.
func (f fingerprint) same(other fingerprint) bool { return f.sum == other.sum && f.keys == other.keys }

// add adds the parts of one record. Each part is hashed with its length.
func (f *fingerprint) add(parts ...[]byte) {
	for seed := range f.sum {
		var h xxhash.Digest
		h.ResetWithSeed(uint64(seed))
		for _, p := range parts {
			var length [8]byte
			binary.LittleEndian.PutUint64(length[:], uint64(len(p)))
			h.Write(length[:])
			h.Write(p)
		}
		f.sum[seed] += h.Sum64()
	}
}

// entry adds the parts of an entry that difference compares.
func (f *fingerprint) entry(e *snapshot.Entry) error {
	value, err := meaning(e)
	if err != nil {
		return err
	}
	head := binary.LittleEndian.AppendUint64(nil, uint64(e.DB))
	head = binary.LittleEndian.AppendUint64(head, uint64(e.ExpireAtMs))
	f.add(head, []byte(rdb.TypeName(e.Type)), e.Key, value)
	f.keys++
	f.size += int64(len(e.Key) + len(e.Value))
	return nil
}

// fingerprint computes the fingerprint of a whole data set.
func (a *app) fingerprint(path string) (f fingerprint, err error) {
	src, err := a.source(path)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	if err := src.each(a.ctx, func(e snapshot.Entry) error { return f.entry(&e) }); err != nil {
		return f, err
	}
	extras, err := src.extras(a.ctx)
	for _, x := range extras {
		f.add([]byte{x.Opcode}, x.Payload)
	}
	return f, err
}

// source opens a path from the command line.
func (a *app) source(path string) (source, error) {
	p, err := locate(a.fs, path)
	if err != nil {
		return nil, err
	}
	return a.open(&p, false)
}

// partOf returns the index of the part that contains an entry, of parts parts.
func partOf(e *snapshot.Entry, parts int) int {
	return int(xxhash.Sum64(e.Key) % uint64(parts))
}

// part reads the entries of one part of a data set, sorted by database and key.
func (a *app) part(ctx context.Context, path string, part, parts int) (entries []snapshot.Entry, err error) {
	src, err := a.source(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	return sortedEntries(ctx, src, func(e *snapshot.Entry) bool { return partOf(e, parts) == part })
}
