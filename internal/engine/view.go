package engine

import (
	"context"
	"io"
	"iter"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/collection"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// freeze takes a snapshot. With every shard locked, it starts a view of the table and calls at,
// which switches the log to a new incremental file or reads the counters. The slot must be held.
func (e *Engine) freeze(t *Task, at func(*view)) *view {
	began := time.Now()
	e.table.LockAll()
	v := &view{
		View:   e.table.Freeze(),
		task:   t,
		types:  e.ops.Types.List(),
		extras: e.extras,
		order:  e.table.Order(),
		trees:  collection.Env{Space: e.table.Trees()},
	}
	if at != nil {
		at(v)
	}
	e.table.UnlockAll()
	v.at = time.Now()
	e.counts.lastBarrier.Store(int64(v.at.Sub(began)))
	for _, c := range v.View.Counts() {
		v.total += c.Keys
	}
	if t != nil {
		t.total.Store(v.total)
	}
	return v
}

// view presents a table.View to a snapshotter.
type view struct {
	*table.View
	task   *Task // its progress is counted here; may be nil
	types  []snapshot.Type
	extras []snapshot.Extra
	order  string
	origin string
	trees  collection.Env
	at     time.Time
	total  int64
	closed atomic.Bool
	long   atomic.Bool // a value above longValue was read
}

func (v *view) close() {
	if v.closed.CompareAndSwap(false, true) {
		v.View.Close()
		if v.long.Load() { // its writer had a buffer of that length too
			debug.FreeOSMemory()
		}
	}
}

// ctxStep is the number of entries between two checks of a context.
const ctxStep = 256

// All implements snapshot.View.
func (v *view) All(ctx context.Context) iter.Seq2[snapshot.Entry, error] {
	return func(yield func(snapshot.Entry, error) bool) {
		n, stopped := int64(0), false
		room := make([]byte, 0, entryRoom)
		err := v.View.Scan(func(te table.Entry) bool {
			if n++; n%ctxStep == 0 {
				if v.task != nil {
					v.task.written.Store(n)
				}
				if ctx.Err() != nil {
					return false
				}
			}
			if len(te.Value) > longValue {
				v.long.Store(true)
			}
			stopped = !yield(v.entry(te, room), nil)
			return !stopped
		})
		if err == nil {
			err = ctx.Err()
		}
		if err != nil && !stopped {
			yield(snapshot.Entry{}, err)
		}
		if v.task != nil {
			v.task.written.Store(n)
		}
	}
}

// Counts implements snapshot.View.
func (v *view) Counts() []snapshot.Count {
	var counts []snapshot.Count
	for _, c := range v.View.Counts() {
		if c.Keys > 0 {
			counts = append(counts, snapshot.Count{DB: c.DB, Keys: c.Keys, Expires: c.Expires})
		}
	}
	return counts
}

// Types implements snapshot.View.
func (v *view) Types() []snapshot.Type { return v.types }

// Order implements snapshot.View.
func (v *view) Order() string { return v.order }

// Origin implements snapshot.View.
func (v *view) Origin() string { return v.origin }

// Extras implements snapshot.View.
func (v *view) Extras() []snapshot.Extra { return v.extras }

// Time implements snapshot.View.
func (v *view) Time() time.Time { return v.at }

// entryRoom is the memory for a value that the table has in another form: most have up to 2 KiB,
// and those of a loaded list up to 8 KiB.
const entryRoom = 16 << 10

// entry returns an entry of the table in one of the types of the view. Its value may be in room.
func (v *view) entry(te table.Entry, room []byte) snapshot.Entry {
	en := snapshot.Entry{DB: te.DB, Key: te.Key, Value: te.Value, ExpireAtMs: te.ExpireAtMs}
	if te.Kind != table.Opaque {
		return en
	}
	en.Type = collection.Type(te.Value)
	if collection.IsLarge(te.Value) {
		en.Value, en.Pieces = nil, v.pieces(te.Value)
		return en
	}
	en.Value = collection.Value(room, te.Value)
	if t := collection.Since(en.Type); t != en.Type && !slices.Contains(v.types, en.Type) {
		en.Type, en.Value = collection.Portable(en.Type, en.Value)
	}
	return en
}

// pieces yields the pieces of a large collection.
func (v *view) pieces(stored []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for p := range collection.Pieces(v.trees, stored) {
			if v.Rest(); !yield(p) {
				return
			}
		}
	}
}

// commandsStep is the number of bytes of commands that writeCommands collects for one Write.
const commandsStep = 1 << 20

// writeCommands writes a view as the commands that create it: a base without RDB. Each Write
// contains whole commands.
func writeCommands(ctx context.Context, w io.Writer, log appendlog.AppendLog, v snapshot.View) error {
	db := -1
	var buf []byte
	for en, err := range v.All(ctx) {
		if err != nil {
			return err
		}
		if en.DB != db {
			db = en.DB
			buf = log.AppendSelect(buf, db)
		}
		if buf = appendEntry(buf, en); len(buf) < commandsStep {
			continue
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
		if buf = buf[:0]; cap(buf) > 4*commandsStep {
			buf = nil
		}
	}
	if len(buf) == 0 {
		return nil
	}
	_, err := w.Write(buf)
	return err
}

// payloadOf returns the value of an entry in one piece.
func payloadOf(en *snapshot.Entry) []byte {
	if en.Pieces == nil {
		return en.Value
	}
	return en.AppendPayload(nil)
}

// appendEntry appends SET k v, or RESTORE for another type, and PEXPIREAT if there is an expiry.
func appendEntry(buf []byte, en snapshot.Entry) []byte {
	if en.Type == snapshot.String {
		buf = resp.AppendHeader(buf, 3)
		buf = resp.AppendBulk(buf, "SET")
		buf = resp.AppendBulk(buf, en.Key)
		buf = resp.AppendBulk(buf, en.Value)
	} else {
		buf = resp.AppendHeader(buf, 4)
		buf = resp.AppendBulk(buf, "RESTORE")
		buf = resp.AppendBulk(buf, en.Key)
		buf = resp.AppendInt(buf, 0)
		buf = resp.AppendBulk(buf, rdb.AppendDump(nil, en.Type, payloadOf(&en)))
	}
	if en.ExpireAtMs != 0 {
		buf = resp.AppendHeader(buf, 3)
		buf = resp.AppendBulk(buf, "PEXPIREAT")
		buf = resp.AppendBulk(buf, en.Key)
		buf = resp.AppendInt(buf, en.ExpireAtMs)
	}
	return buf
}
