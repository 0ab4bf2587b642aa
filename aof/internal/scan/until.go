package scan

import (
	"bytes"
	"strconv"

	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/resp"
)

// Until is the time limit of a scan.
//
// The records after the first later timestamp annotation belong to the time after it. An annotation
// inside a transaction applies to the whole transaction. A group that perdure wrote is known to be
// whole only at its commit marker. There the scan continues to the marker, and then emits the
// records before the annotation.
type Until struct {
	On     bool
	Second int64

	reached bool
	good    int64  // where to stop: before the annotation, or before the MULTI
	sum     uint32 // the checksum at Good
	units   int    // number of held records before Good
}

// timestamp processes a line that may be a timestamp annotation.
func (w *Scanner) timestamp(t *resp.Token) {
	text, ok := bytes.CutPrefix(t.Line, []byte(wire.TimestampPrefix))
	if !ok {
		return
	}
	second, err := strconv.ParseInt(string(bytes.TrimRight(text, "\r\n")), 10, 64)
	if err != nil {
		return // a line of another program
	}
	w.Timestamps++
	u := &w.Until
	if !u.On || u.reached || second <= u.Second {
		return
	}
	u.reached, u.units = true, len(w.ends)
	u.good, u.sum = t.Offset, w.crc
	if w.multi {
		u.good, u.sum = w.whole, w.sum
	}
	if !w.ours {
		w.Stopped = true // nothing is held except the transaction
		w.stopHere()
	}
}

// stop emits the held records from before the time, and ends the scan.
func (w *Scanner) stop() error {
	if w.reread.on {
		w.reread.end = min(w.reread.end, w.Until.good)
	} else {
		w.ends = w.ends[:w.Until.units]
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.Stopped = true
	w.stopHere()
	return nil
}

func (w *Scanner) stopHere() {
	w.end = w.Until.good
	w.Good, w.GoodCRC = w.Until.good, w.Until.sum
	w.Foreign = w.Good > w.Start || !w.ours
}
