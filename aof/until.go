package aof

import (
	"bytes"
	"strconv"

	"github.com/perduredb/perdure/internal/resp"
)

// stampPrefix begins a line that tells when what follows was written, in Unix seconds.
const stampPrefix = "#TS:"

// until is the moment that a walk stops at.
//
// What follows the first stamp that is later belongs to the time after it. A stamp within a
// transaction is that of all of it. What a program of ours wrote is only known to be whole at the
// mark that closes its group, so there the walk goes on to the mark, and gives out what stands
// before the stamp.
type until struct {
	on     bool
	second int64

	reached bool
	cut     int64  // where to stop: before the stamp, or before the MULTI
	sum     uint32 // the checksum at cut
	units   int    // of those held, how many stand before cut
}

// stamp takes an annotation that may be a #TS: line.
func (w *walk) stamp(t *resp.Token) {
	text, ok := bytes.CutPrefix(t.Line, []byte(stampPrefix))
	if !ok {
		return
	}
	second, err := strconv.ParseInt(string(bytes.TrimRight(text, "\r\n")), 10, 64)
	if err != nil {
		return // some other program's line
	}
	w.stamps++
	u := &w.until
	if !u.on || u.reached || second <= u.second {
		return
	}
	u.reached, u.units = true, len(w.ends)
	u.cut, u.sum = t.Offset, w.crc
	if w.multi {
		u.cut, u.sum = w.whole, w.sum
	}
	if !w.ours {
		w.past = true // nothing is held but the transaction
		w.cutAtUntil()
	}
}

// stop gives out what is held from before the moment, and ends the walk.
func (w *walk) stop() error {
	if w.spill.on {
		w.spill.end = min(w.spill.end, w.until.cut)
	} else {
		w.ends = w.ends[:w.until.units]
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.past = true
	w.cutAtUntil()
	return nil
}

func (w *walk) cutAtUntil() {
	w.end = w.until.cut
	w.cut, w.cutCRC = w.until.cut, w.until.sum
	w.foreign = w.cut > w.start || !w.ours
}
