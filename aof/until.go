package aof

import (
	"bytes"
	"strconv"

	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/resp"
)

// until is the time at which a walk stops.
//
// The records after the first later timestamp annotation belong to the time after it. An annotation
// inside a transaction applies to the whole transaction. A group that perdure wrote is known to be
// whole only at its commit marker. There the walk continues to the marker, and then emits the
// records before the annotation.
type until struct {
	on     bool
	second int64

	reached bool
	cut     int64  // where to stop: before the annotation, or before the MULTI
	sum     uint32 // the checksum at cut
	units   int    // number of held records before cut
}

// stamp processes a line that may be a timestamp annotation.
func (w *walk) stamp(t *resp.Token) {
	text, ok := bytes.CutPrefix(t.Line, []byte(wire.TimestampPrefix))
	if !ok {
		return
	}
	second, err := strconv.ParseInt(string(bytes.TrimRight(text, "\r\n")), 10, 64)
	if err != nil {
		return // a line of another program
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
		w.past = true // nothing is held except the transaction
		w.stopHere()
	}
}

// stop emits the held records from before the time, and ends the walk.
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
	w.stopHere()
	return nil
}

func (w *walk) stopHere() {
	w.end = w.until.cut
	w.cut, w.cutCRC = w.until.cut, w.until.sum
	w.foreign = w.cut > w.start || !w.ours
}
