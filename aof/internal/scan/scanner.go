package scan

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

// Scanner reads the commands of one file and emits them in log records. The package comment lists
// the commands that it holds back.
type Scanner struct {
	// constant
	reader *resp.Reader
	path   string
	emit   func(unit []appendlog.Command) error
	Step   func(offset int64) error // called every StepSize bytes

	id      wire.Identity // identity of the file; zero if another program began it
	Seed    wire.Seed     // initial value of the file's checksums
	Start   int64         // first byte that no marker covers
	crc     uint32        // checksum of the bytes from start on
	ours    bool          // the bytes from start on were written by perdure, as far as is known
	filled  int64         // the bytes from start up to here are padding
	whole   int64         // end of the last whole record
	sum     uint32        // crc at whole
	wholeDB int           // db at whole
	startDB int           // db at start
	DB      int
	multi   bool                // inside MULTI
	held    []appendlog.Command // not emitted yet
	ends    []int               // held[:ends[i]] ends with a whole record
	reread  reread              // used instead of held if that would grow too large
	stepped int64               // offset of the last call of step
	Listed  int64               // size that the manifest lists, or -1
	Until   Until               // time limit of the scan

	Result
}

// Result is the result of a scan.
type Result struct {
	Commands   int64 // commands emitted
	Markers    int64
	Covered    int64          // bytes that commit markers cover
	end        int64          // end of the bytes that were read
	Problem    *corrupt.Error // why the scan ended before the end of the file; nil for a whole file
	badMarker  bool           // the problem is a commit marker that does not verify
	Good       int64          // size of the file once it is truncated to be whole
	GoodCRC    uint32         // checksum of the bytes before Good that no marker covers
	GoodDB     int            // the database that is selected at Good
	Foreign    bool           // bytes before Good were not covered by a commit marker
	Timestamps int64          // #TS: lines
	Padding    int64          // bytes of padding after Good, in a whole file
	Stopped    bool           // the scan ended at Good, before records later than until.second
	ListedCRC  uint32         // digits of the marker that ends at the listed size
	HasRing    bool           // a marker reported a tail file
	Ring       uint64         // id of the tail file that the last one reported; 0 if none
}

// StepSize is the number of bytes between two calls of Step.
const StepSize = 256 << 10

// New returns a Scanner of the commands that begin at offset of a file.
func New(src io.Reader, path string, seq, offset int64, emit func([]appendlog.Command) error) *Scanner {
	seed := wire.NewSeed(seq)
	w := &Scanner{
		reader:  resp.NewReader(src, offset),
		path:    path,
		Seed:    seed,
		emit:    emit,
		Step:    func(int64) error { return nil },
		Start:   offset,
		filled:  offset,
		whole:   offset,
		stepped: offset,
		Listed:  -1,
		crc:     seed.Group(offset),
		sum:     seed.Group(offset),
	}
	w.reread.source(src, offset)
	return w
}

// Run reads to the end of the file, or to its first problem. It returns an error only from reading,
// from emit or from Step.
func (w *Scanner) Run() (Result, error) {
	for {
		token, err := w.reader.Next()
		if err != nil {
			err = w.ended(err)
			return w.Result, err
		}
		if err := w.token(&token); err != nil {
			return w.Result, err
		}
		if w.Problem != nil || w.Stopped {
			return w.Result, nil
		}
		w.end = token.End()
		if w.end-w.stepped >= StepSize {
			w.stepped = w.end
			if err := w.Step(w.end); err != nil {
				return w.Result, err
			}
		}
	}
}

// ended handles the error of the reader. It returns the error if it is not about the file's
// contents.
func (w *Scanner) ended(err error) error {
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
func (w *Scanner) finish() {
	w.end = w.reader.Offset()
	switch {
	case w.multi:
		w.fail(corrupt.Torn(w.whole, "file ends inside a transaction"))
	case w.ours && w.end > w.Start && w.end == w.filled:
		w.Good, w.GoodCRC, w.GoodDB = w.Start, w.Seed.Group(w.Start), w.startDB
		w.Padding = w.end - w.Start
	case w.ours && w.end > w.Start:
		w.fail(corrupt.Torn(w.Start, "file ends before the mark of its last group"))
	default:
		w.Good, w.GoodCRC, w.GoodDB = w.end, w.crc, w.DB
		w.Foreign = w.end > w.Start || !w.ours
	}
}

// fail records the problem and the offset where the file must be truncated.
func (w *Scanner) fail(problem *corrupt.Error) {
	w.Problem = problem
	w.Good, w.GoodCRC, w.GoodDB = w.whole, w.sum, w.wholeDB
	if w.ours {
		w.Good, w.GoodDB = w.Start, w.startDB
	}
	w.Foreign = !w.ours
}

func (w *Scanner) token(t *resp.Token) error {
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
	w.hold(appendlog.Command{DB: w.DB, Args: t.Args, File: w.path, Offset: t.Offset})
	if w.multi {
		return nil
	}
	return w.unit(t)
}

// isWord reports whether name is a command's name, in any letter case. Both must be equally long.
func isWord(name []byte, upper string) bool {
	for i := range name {
		if name[i]&^0x20 != upper[i] {
			return false
		}
	}
	return true
}

// unit ends the log record of the last held command.
func (w *Scanner) unit(t *resp.Token) error {
	w.wholeNow(t)
	if w.reread.on {
		w.reread.end = t.End()
	} else {
		w.ends = append(w.ends, len(w.held))
	}
	if w.ours {
		return nil
	}
	return w.flush()
}

// flush emits the whole records that are held.
func (w *Scanner) flush() error {
	if w.reread.on {
		return w.emitReread()
	}
	from := 0
	for _, to := range w.ends {
		if to == from {
			continue
		}
		if err := w.emit(w.held[from:to:to]); err != nil {
			return err
		}
		w.Commands += int64(to - from)
		from = to
	}
	w.ends = w.ends[:0]
	w.held = w.held[:copy(w.held, w.held[from:])]
	return nil
}

// annotation processes a line that begins with #.
func (w *Scanner) annotation(t *resp.Token) error {
	if t.Offset == 0 {
		if id, salted, ok := wire.ParseOpening(t.Line, w.Seed); ok {
			w.id, w.Seed = id, salted
			m, _ := wire.ParseDigits(t.Line)
			return w.closed(t, m)
		}
	}
	m, ok := wire.ParseMarker(t.Line)
	switch {
	case ok && !w.multi && m.Verifies(w.crc) && m.Synced <= w.Start:
		return w.closed(t, m)
	case ok || t.Offset == 0 && hidesMark(t.Line):
		w.fail(corrupt.New(w.Start, "checksum of the %d bytes up to offset %d does not match",
			t.Offset-w.Start, t.Offset))
		w.badMarker = true
		w.end = t.End()
		return nil
	case w.ours && (!isText(t.Line) || hidesMark(t.Line)):
		// A lost block may look like a line and hide the original bytes.
		w.fail(corrupt.New(t.Offset, "want a line of text, found other bytes"))
		return nil
	}
	if w.timestamp(t); w.Stopped {
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
func (w *Scanner) closed(t *resp.Token, m wire.Marker) error {
	if w.Until.reached {
		return w.stop()
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.Markers++
	if m.HasRing {
		w.HasRing, w.Ring = true, m.Ring
	}
	if t.End() == w.Listed {
		w.ListedCRC = m.CRC
	}
	w.Covered += t.End() - w.Start
	w.Start, w.filled = t.End(), t.End()
	w.crc = w.Seed.Group(w.Start)
	w.wholeNow(t)
	w.startDB = w.DB
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
func (w *Scanner) selectDB(t *resp.Token) error {
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
		if w.Until.reached {
			return w.stop()
		}
		if err := w.flush(); err != nil {
			return err
		}
		if !w.multi {
			w.reader.Release()
		}
	}
	w.DB = db
	if !w.multi {
		w.wholeNow(t)
	}
	return nil
}

// wholeNow records that the file is whole up to the end of t.
func (w *Scanner) wholeNow(t *resp.Token) { w.whole, w.sum, w.wholeDB = t.End(), w.crc, w.DB }

// begin processes MULTI. A server that has truncated a torn command at the end of a transaction
// leaves the MULTI of the transaction, and may append another one. On its next start it runs
// everything from the first MULTI to the first EXEC.
func (w *Scanner) begin(t *resp.Token) error {
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

func (w *Scanner) exec(t *resp.Token) error {
	if !w.multi {
		w.fail(corrupt.New(t.Offset, "EXEC without MULTI"))
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
