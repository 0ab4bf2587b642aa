package aof

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/snapshot"
)

// Ender is an AppendLog that can name its end. A store records the name in each dump, and so finds out
// later which of dump and log holds more.
type Ender interface {
	// End returns a name for the end of the log that Open has found, or that Close has left: no other
	// log, and no other end of this log, has it. While the log is open the name is that of its beginning.
	// It is at most 128 bytes of text without blanks, and "" where the log has no end that is known to be
	// complete, such as after a kill.
	End() (string, error)

	// Relate compares the log that Open has found with an end that End has named, of a log of the store
	// with that id.
	Relate(store, end string) (Relation, error)
}

// Relation says how a log relates to an end.
type Relation uint8

// The relations.
const (
	Unrelated Relation = iota // nothing is known: of another store, or of files that say nothing
	AtEnd                     // the log ends there
	Continues                 // the log has that end, and something after it
	Newer                     // the log was begun, or rewritten, after that end
	Lacks                     // the log does not have that end: it is older, or another
)

var _ Ender = (*Log)(nil)

// end is what an end is named by: the generation of the log, the number and salt of its newest increment, and
// place and id of the mark that Close wrote. Of an increment without a salt it is number and size.
// An end with a generation alone is the beginning of that log.
type end struct {
	gen    uint64
	seq    int64
	salt   uint64
	offset int64
	close  uint64
}

func (e end) String() string {
	switch {
	case e.seq == 0:
		return strconv.FormatUint(e.gen, 10)
	case e.salt == 0:
		return fmt.Sprintf("%d-%d", e.seq, e.offset)
	}
	return fmt.Sprintf("%d-%d-%s-%d-%s", e.gen, e.seq, formatID(e.salt), e.offset, formatID(e.close))
}

// parseEnd parses the name of an end. It returns the zero end for anything else.
func parseEnd(text string) (e end) {
	words := strings.Split(text, "-")
	number := func(i, base, bits int) uint64 {
		n, _ := strconv.ParseUint(words[i], base, bits)
		return n
	}
	switch len(words) {
	case 1:
		e.gen = number(0, 10, 64)
	case 2:
		e.seq, e.offset = int64(number(0, 10, 63)), int64(number(1, 10, 63))
	case 5:
		e = end{number(0, 10, 64), int64(number(1, 10, 63)), number(2, 16, 64), int64(number(3, 10, 63)), number(4, 16, 64)}
	}
	if e.String() != text {
		return end{}
	}
	return e
}

// End implements Ender.
func (l *Log) End() (string, error) {
	l.ctl.Lock()
	defer l.ctl.Unlock()
	if l.disk == nil {
		return "", nil
	}
	l.mu.Lock()
	closed, phase := l.closed, l.phase
	l.mu.Unlock()
	switch {
	case phase == phaseRunning:
		return end{gen: l.gen}.String(), nil
	case l.disk.manifest == nil || l.disk.manifest.last() == nil || l.disk.legacy || phase == phaseClosed && closed != nil:
		return "", nil
	case phase != phaseClosed && l.disk.tail != "": // a killed process left it
		return "", nil
	}
	e, _, err := l.disk.endOf(l.disk.manifest.last())
	if err != nil || e == (end{}) {
		return "", err
	}
	return e.String(), nil
}

// endOf returns the end of an increment, zero where none is known to be complete, and its identity.
func (d *layout) endOf(f *manifestFile) (e end, id identity, err error) {
	err = d.read(f, func(file snapshot.File, size int64) error {
		var seed seed
		if id, seed, err = readOpening(file, f.seq); err != nil {
			return err
		}
		if id.salt == 0 {
			e = end{seq: f.seq, offset: size}
			return nil
		}
		mark, offset, err := closingMark(file, seed, size)
		if err == nil && offset > 0 && (mark.close != 0 || id.gen == 0) { // an earlier format had no id
			e = end{id.gen, f.seq, id.salt, offset, cmp.Or(mark.close, uint64(mark.crc))}
		}
		return err
	})
	return e, id, err
}

// read opens a file of the log for fn.
func (d *layout) read(f *manifestFile, fn func(file snapshot.File, size int64) error) (err error) {
	file, err := d.fs.Open(d.path(f))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Size()
	if err != nil {
		return err
	}
	return fn(file, size)
}

// Relate implements Ender.
func (l *Log) Relate(store, text string) (Relation, error) {
	l.ctl.Lock()
	defer l.ctl.Unlock()
	want := parseEnd(text)
	if l.disk == nil || l.disk.manifest == nil || want == (end{}) {
		return Unrelated, nil
	}
	last := l.disk.manifest.last()
	if last == nil || l.disk.legacy {
		return Unrelated, nil
	}
	newest, named, err := l.disk.newest()
	if err != nil {
		return Unrelated, err
	}
	switch {
	case want.salt == 0 && want.seq > 0: // an increment without a salt
		return l.disk.relateSize(last, want)
	case !named || newest.gen == 0 || formatID(newest.store) != store:
		return Unrelated, nil
	case newest.gen > want.gen:
		return Newer, nil
	case newest.gen < want.gen:
		return Lacks, nil
	case want.seq == 0:
		return Continues, nil
	}
	return l.disk.relate(last, want)
}

// newest returns the identity of the newest increment that names its store.
func (d *layout) newest() (identity, bool, error) {
	for i := len(d.manifest.incrs) - 1; i >= 0; i-- {
		_, id, err := d.endOf(&d.manifest.incrs[i])
		if err != nil || id.store != 0 {
			return id, err == nil, err
		}
	}
	return identity{}, false, nil
}

// relate compares a log with an end of its own generation.
func (d *layout) relate(last *manifestFile, want end) (r Relation, err error) {
	for i := range d.manifest.incrs {
		f := &d.manifest.incrs[i]
		if f.seq != want.seq {
			continue
		}
		err = d.read(f, func(file snapshot.File, size int64) error {
			id, _, err := readOpening(file, f.seq)
			if err != nil {
				return err
			}
			var line [maxMark]byte
			n, err := file.ReadAt(line[:], want.offset)
			if err != nil && err != io.EOF {
				return err
			}
			text, _, _ := strings.Cut(string(line[:n]), "\n")
			m, ok := parseMark([]byte(text + "\n"))
			switch {
			case id.salt != want.salt || !ok || cmp.Or(m.close, uint64(m.crc)) != want.close:
				r = Lacks
			case f.name == last.name && want.offset+int64(len(text))+1 == size && d.tail == "":
				r = AtEnd
			default:
				r = Continues
			}
			return nil
		})
		return r, err
	}
	if last.seq > want.seq {
		return Newer, nil // it was rewritten
	}
	return Lacks, nil
}

// relateSize compares a log with an end that is number and size.
func (d *layout) relateSize(last *manifestFile, want end) (Relation, error) {
	e, id, err := d.endOf(last)
	switch {
	case err != nil:
		return Unrelated, err
	case last.seq > want.seq:
		return Newer, nil
	case id.salt != 0:
		return Unrelated, nil
	case last.seq < want.seq || e.offset < want.offset:
		return Lacks, nil
	case e.offset == want.offset && d.tail == "":
		return AtEnd, nil
	}
	return Continues, nil
}
