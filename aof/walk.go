package aof

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/resp"
)

// walk reads the commands of one file and emits them in log records. It holds back the records that
// perdure wrote until the marker that closes their group is verified. It emits records of another
// program as they come, because no checksum covers them.
type walk struct {
	// constant
	reader *resp.Reader
	path   string
	emit   func(unit []appendlog.Command) error
	step   func(offset int64) error // called every stepSize bytes

	id      wire.Identity // identity of the file; zero if another program began it
	seed    wire.Seed     // initial value of the file's checksums
	start   int64         // first byte that no marker covers
	crc     uint32        // checksum of the bytes from start on
	ours    bool          // the bytes from start on were written by perdure, as far as is known
	filled  int64         // the bytes from start up to here are padding
	whole   int64         // end of the last whole record
	sum     uint32        // crc at whole
	wholeDB int           // db at whole
	startDB int           // db at start
	db      int
	multi   bool                // inside MULTI
	held    []appendlog.Command // not emitted yet
	ends    []int               // held[:ends[i]] ends with a whole record
	spill   spill               // used instead of held if that would grow too large
	stepped int64               // offset of the last call of step
	listed  int64               // size that the manifest lists, or -1
	until   until               // time limit of the walk

	found
}

// found is the result of a walk.
type found struct {
	commands int64 // commands emitted
	marks    int64
	covered  int64          // bytes that commit markers cover
	end      int64          // end of the bytes that were read
	problem  *corrupt.Error // why the walk ended before the end of the file; nil for a whole file
	badMark  bool           // the problem is a commit marker that does not verify
	cut      int64          // offset to which the file must be truncated to be whole
	cutCRC   uint32         // checksum of the bytes before cut that no marker covers
	cutDB    int            // the database that is selected at cut
	foreign  bool           // bytes before cut were not covered by a commit marker
	stamps   int64          // #TS: lines
	filler   int64          // bytes of padding after cut, in a whole file
	past     bool           // the walk ended at cut, before the records written after until.second
	end8     uint32         // digits of the marker that ends at the listed size
	rings    bool           // a marker reported a tail file
	ring     uint64         // id of the tail file that the last one reported; 0 if none
}

// stepSize is the number of bytes between two calls of step.
const stepSize = 256 << 10

// newWalk returns a walk over the commands that begin at offset of a file.
func newWalk(src io.Reader, path string, seq, offset int64, emit func([]appendlog.Command) error) *walk {
	seed := wire.NewSeed(seq)
	w := &walk{
		reader:  resp.NewReader(src, offset),
		path:    path,
		seed:    seed,
		emit:    emit,
		step:    func(int64) error { return nil },
		start:   offset,
		filled:  offset,
		whole:   offset,
		stepped: offset,
		listed:  -1,
		crc:     seed.Group(offset),
		sum:     seed.Group(offset),
	}
	w.spill.source(src, offset)
	return w
}

// run reads to the end of the file, or to its first problem. It returns an error only from reading,
// from emit or from step.
func (w *walk) run() (found, error) {
	for {
		token, err := w.reader.Next()
		if err != nil {
			err = w.ended(err)
			return w.found, err
		}
		if err := w.token(&token); err != nil {
			return w.found, err
		}
		if w.problem != nil || w.past {
			return w.found, nil
		}
		w.end = token.End()
		if w.end-w.stepped >= stepSize {
			w.stepped = w.end
			if err := w.step(w.end); err != nil {
				return w.found, err
			}
		}
	}
}

// ended handles the error of the reader. It returns the error if it is not about the file's
// contents.
func (w *walk) ended(err error) error {
	var damage *corrupt.Error
	switch {
	case err == io.EOF:
		w.finish()
	case errors.As(err, &damage):
		w.fail(damage)
	default:
		return err
	}
	return nil
}

// finish classifies a file that ends after a whole token.
func (w *walk) finish() {
	w.end = w.reader.Offset()
	switch {
	case w.multi:
		w.fail(corrupt.Torn(w.whole, "file ends inside a transaction"))
	case w.ours && w.end > w.start && w.end == w.filled:
		w.cut, w.cutCRC, w.cutDB = w.start, w.seed.Group(w.start), w.startDB
		w.filler = w.end - w.start
	case w.ours && w.end > w.start:
		w.fail(corrupt.Torn(w.start, "file ends before the mark of its last group"))
	default:
		w.cut, w.cutCRC, w.cutDB = w.end, w.crc, w.db
		w.foreign = w.end > w.start || !w.ours
	}
}

// fail records the problem and the offset at which the file must be truncated.
func (w *walk) fail(problem *corrupt.Error) {
	w.problem = problem
	w.cut, w.cutCRC, w.cutDB = w.whole, w.sum, w.wholeDB
	if w.ours {
		w.cut, w.cutDB = w.start, w.startDB
	}
	w.foreign = !w.ours
}

func (w *walk) token(t *resp.Token) error {
	if t.Line != nil {
		return w.annotation(t)
	}
	w.crc = wire.Sum(w.crc, t.Raw)
	switch name := t.Args[0]; {
	case len(name) == 6 && isWord(name, "SELECT"):
		return w.selectDB(t)
	case len(name) == 5 && isWord(name, "MULTI"):
		return w.begin(t)
	case len(name) == 4 && isWord(name, "EXEC"):
		return w.exec(t)
	}
	w.hold(appendlog.Command{DB: w.db, Args: t.Args, File: w.path, Offset: t.Offset})
	if w.multi {
		return nil
	}
	return w.unit(t)
}

// isWord reports whether name is a command's name, in any letter case. Both have the same length.
func isWord(name []byte, upper string) bool {
	for i := range name {
		if name[i]&^0x20 != upper[i] {
			return false
		}
	}
	return true
}

// unit ends the log record of the last held command.
func (w *walk) unit(t *resp.Token) error {
	w.wholeNow(t)
	if w.spill.on {
		w.spill.end = t.End()
	} else {
		w.ends = append(w.ends, len(w.held))
	}
	if w.ours {
		return nil
	}
	return w.flush()
}

// flush emits the whole records that are held.
func (w *walk) flush() error {
	if w.spill.on {
		return w.give()
	}
	from := 0
	for _, to := range w.ends {
		if to == from {
			continue
		}
		if err := w.emit(w.held[from:to:to]); err != nil {
			return err
		}
		w.commands += int64(to - from)
		from = to
	}
	w.ends = w.ends[:0]
	w.held = w.held[:copy(w.held, w.held[from:])]
	return nil
}

// annotation processes a line that begins with #.
func (w *walk) annotation(t *resp.Token) error {
	if t.Offset == 0 {
		if id, salted, ok := wire.ParseOpening(t.Line, w.seed); ok {
			w.id, w.seed = id, salted
			m, _ := wire.ParseDigits(t.Line)
			return w.closed(t, m)
		}
	}
	m, ok := wire.ParseMarker(t.Line)
	switch {
	case ok && !w.multi && m.Verifies(w.crc) && m.Synced <= w.start:
		return w.closed(t, m)
	case ok || t.Offset == 0 && hidesMark(t.Line):
		w.fail(corrupt.New(w.start, "checksum of the %d bytes up to offset %d does not match",
			t.Offset-w.start, t.Offset))
		w.badMark = true
		w.end = t.End()
		return nil
	case w.ours && (!isText(t.Line) || hidesMark(t.Line)): // a lost block may look like a line and hide the original bytes
		w.fail(corrupt.New(t.Offset, "want a line of text, found other bytes"))
		return nil
	}
	if w.stamp(t); w.past {
		return nil
	}
	if w.filled == t.Offset && wire.IsPadding(t.Line) {
		w.filled = t.End()
	}
	w.crc = wire.Sum(w.crc, t.Raw)
	if !w.multi {
		w.wholeNow(t)
	}
	return nil
}

// closed processes a marker, t, that closes the group before it.
func (w *walk) closed(t *resp.Token, m wire.Marker) error {
	if w.until.reached {
		return w.stop()
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.marks++
	if m.HasRing {
		w.rings, w.ring = true, m.Ring
	}
	if t.End() == w.listed {
		w.end8 = m.CRC
	}
	w.covered += t.End() - w.start
	w.start, w.filled = t.End(), t.End()
	w.crc = w.seed.Group(w.start)
	w.wholeNow(t)
	w.startDB = w.db
	w.ours = true
	w.reader.Release()
	w.reader.Hold()
	return nil
}

// isText reports whether a line is printable ASCII, as every annotation that a program writes is.
func isText(line []byte) bool {
	for _, c := range bytes.TrimRight(line, "\r\n") {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// hidesMark reports whether a line that is not a marker contains one, or was one.
func hidesMark(line []byte) bool {
	return bytes.Contains(line, []byte(wire.MarkerPrefix[:len("#p1")]))
}

// selectDB processes SELECT. If perdure did not write it, another program has continued the file
// here. The records before it since the last marker are kept too, because that program has loaded
// them.
func (w *walk) selectDB(t *resp.Token) error {
	db, err := 0, error(nil)
	if len(t.Args) == 2 {
		db, err = strconv.Atoi(string(t.Args[1]))
	}
	if len(t.Args) != 2 || err != nil || db < 0 {
		w.fail(corrupt.New(t.Offset, "SELECT without a database number"))
		return nil
	}
	if w.ours && string(t.Args[0]) != "select" {
		w.ours = false
		if w.until.reached {
			return w.stop()
		}
		if err := w.flush(); err != nil {
			return err
		}
		if !w.multi {
			w.reader.Release()
		}
	}
	w.db = db
	if !w.multi {
		w.wholeNow(t)
	}
	return nil
}

// wholeNow records that the file is whole up to the end of t.
func (w *walk) wholeNow(t *resp.Token) { w.whole, w.sum, w.wholeDB = t.End(), w.crc, w.db }

// begin processes MULTI. A server that has truncated a torn command at the end of a transaction
// leaves the MULTI of the transaction, and may append another one. On its next start it runs
// everything from the first MULTI to the first EXEC.
func (w *walk) begin(t *resp.Token) error {
	if w.multi && !w.ours {
		return nil
	}
	if w.multi {
		w.fail(corrupt.New(t.Offset, "MULTI inside a transaction"))
		return nil
	}
	w.multi = true
	if !w.ours {
		w.reader.Hold()
	}
	return nil
}

func (w *walk) exec(t *resp.Token) error {
	if !w.multi {
		w.fail(corrupt.New(t.Offset, "EXEC outside of a transaction"))
		return nil
	}
	w.multi = false
	if err := w.unit(t); err != nil {
		return err
	}
	if !w.ours {
		w.reader.Release()
	}
	return nil
}
