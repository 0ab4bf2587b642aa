package scan

import (
	"bytes"
	"io"

	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/corrupt"
)

// Verdict classifies how a file ends.
type Verdict uint8

// The verdicts on a file, from the best to the worst.
const (
	Whole   Verdict = iota
	Torn            // a crash explains how the file ends: it is truncated and used
	Damaged         // no crash explains it; Repair can truncate the file
	Refused         // truncating it would lose bytes that were known to be durable
)

// Judge classifies a file with a problem that a scan has found, if it is the last file of its log.
//
// No byte may be missing below the highest offset that a trustworthy marker declares synced. Above
// it, the tail of a group that perdure wrote is torn whatever it contains, because blocks become
// durable in any order. The records of another program are torn by Redis's rule: if the file ends
// inside a record, and if only NUL bytes follow, because the size was durable before the content.
func Judge(f io.ReaderAt, seed wire.Seed, size int64, w *Result, start int64) (Verdict, error) {
	if w.Problem == nil {
		return Whole, nil
	}
	synced, err := wire.TrustedSync(f, seed, start, size)
	if err != nil {
		return 0, err
	}
	if synced > start {
		p := *w.Problem
		p.Torn = false
		w.Problem = &p
		return Refused, nil
	}
	if !w.Foreign || w.Problem.Torn {
		return Torn, nil
	}
	if w.badMarker {
		// The marker that Start writes after a tail of another program, if it is the last thing in
		// the file.
		if w.end == size {
			return Torn, nil
		}
		return Damaged, nil
	}
	if short, err := notCommand(f, w.Good, size); err != nil {
		return 0, err
	} else if short {
		w.Problem = corrupt.Torn(w.Problem.Offset, "a last line that was never on disk")
		return Torn, nil
	}
	zero, err := allZero(f, w.Problem.Offset, size)
	if err != nil || !zero {
		return Damaged, err
	}
	w.Problem = corrupt.Torn(w.Problem.Offset, "only NUL bytes up to the end of the file")
	return Torn, nil
}

// notCommand reports whether a tail can only be that marker, or a part of it, with its bytes lost.
// No command that changes anything is as short, and none begins like this one. Padding lines that
// lead to the next page may come before the marker.
func notCommand(f io.ReaderAt, offset, size int64) (bool, error) {
	padded := size-wire.ShortMarker-offset <= int64(wire.MaxAlignment) && (size-wire.ShortMarker)%wire.PageSize == 0
	if size-offset > wire.ShortMarker && !padded {
		return false, nil
	}
	var first [1]byte
	if n, err := f.ReadAt(first[:], offset); n == 0 {
		return false, err
	}
	return first[0] != '*', nil
}

// allZero reports whether f contains only NUL bytes from offset to size.
func allZero(f io.ReaderAt, offset, size int64) (bool, error) {
	var window [32 << 10]byte
	for offset < size {
		n, err := f.ReadAt(window[:min(int64(len(window)), size-offset)], offset)
		if n == 0 {
			return false, err
		}
		if bytes.Count(window[:n], []byte{0}) != n {
			return false, nil
		}
		offset += int64(n)
	}
	return true, nil
}
