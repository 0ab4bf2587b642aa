package aof

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/vfs"
)

var _ appendlog.Ender = (*Log)(nil)

// logEnd identifies the end of a log. It contains the generation of the log, the number and salt of
// its newest incremental file, and the offset and id of the clean-shutdown marker. For an
// incremental file without a salt it contains the number and the size. An end with only a
// generation is the beginning of that log.
type logEnd struct {
	gen    uint64
	seq    int64
	salt   uint64
	offset int64
	close  uint64
}

func (e logEnd) String() string {
	switch {
	case e.seq == 0:
		return strconv.FormatUint(e.gen, 10)
	case e.salt == 0:
		return fmt.Sprintf("%d-%d", e.seq, e.offset)
	}
	return fmt.Sprintf("%d-%d-%s-%d-%s", e.gen, e.seq, wire.FormatID(e.salt), e.offset, wire.FormatID(e.close))
}

// parseEnd parses the name of an end. It returns the zero end for anything else.
func parseEnd(text string) (e logEnd) {
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
		e = logEnd{number(0, 10, 64), int64(number(1, 10, 63)), number(2, 16, 64), int64(number(3, 10, 63)), number(4, 16, 64)}
	}
	if e.String() != text {
		return logEnd{}
	}
	return e
}

// End implements [appendlog.Ender].
func (l *Log) End() (end string, err error) {
	defer errtext.Name(&err)
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
		return logEnd{gen: l.gen}.String(), nil
	case l.disk.manifest == nil || l.disk.manifest.Last() == nil || l.disk.legacy || phase == phaseClosed && closed != nil:
		return "", nil
	case phase != phaseClosed && l.disk.tailFile != "": // a killed process left the tail file
		return "", nil
	}
	e, _, err := l.disk.endOf(l.disk.manifest.Last())
	if err != nil || e == (logEnd{}) {
		return "", err
	}
	return e.String(), nil
}

// endOf returns the end and the identity of an incremental file. The end is zero if the file is not
// known to be complete.
func (d *layout) endOf(f *manifest.File) (e logEnd, id wire.Identity, err error) {
	err = d.read(f, func(file vfs.File, size int64) error {
		var seed wire.Seed
		if id, seed, err = wire.ReadOpening(file, f.Seq); err != nil {
			return err
		}
		if id.Salt == 0 {
			e = logEnd{seq: f.Seq, offset: size}
			return nil
		}
		mark, offset, err := wire.ClosingMarker(file, seed, size)
		// Earlier versions wrote neither Gen nor Close.
		if err == nil && offset > 0 && (mark.Close != 0 || id.Gen == 0) {
			e = logEnd{id.Gen, f.Seq, id.Salt, offset, cmp.Or(mark.Close, uint64(mark.CRC))}
		}
		return err
	})
	return e, id, err
}

// read opens a file of the log and passes it to fn.
func (d *layout) read(f *manifest.File, fn func(file vfs.File, size int64) error) (err error) {
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

// Relate implements [appendlog.Ender].
func (l *Log) Relate(store, text string) (r appendlog.Relation, err error) {
	defer errtext.Name(&err)
	l.ctl.Lock()
	defer l.ctl.Unlock()
	want := parseEnd(text)
	if l.disk == nil || l.disk.manifest == nil || want == (logEnd{}) {
		return appendlog.Unrelated, nil
	}
	last := l.disk.manifest.Last()
	if last == nil || l.disk.legacy {
		return appendlog.Unrelated, nil
	}
	newest, named, err := l.disk.newest()
	if err != nil {
		return appendlog.Unrelated, err
	}
	switch {
	case want.salt == 0 && want.seq > 0: // an incremental file without a salt
		return l.disk.relateSize(last, want)
	case !named || newest.Gen == 0 || wire.FormatID(newest.Store) != store:
		return appendlog.Unrelated, nil
	case newest.Gen > want.gen:
		return appendlog.Newer, nil
	case newest.Gen < want.gen:
		return appendlog.Lacks, nil
	case want.seq == 0:
		return appendlog.Continues, nil
	}
	return l.disk.relate(last, want)
}

// newest returns the identity of the newest incremental file that records its store.
func (d *layout) newest() (wire.Identity, bool, error) {
	for i := len(d.manifest.Incrs) - 1; i >= 0; i-- {
		_, id, err := d.endOf(&d.manifest.Incrs[i])
		if err != nil || id.Store != 0 {
			return id, err == nil, err
		}
	}
	return wire.Identity{}, false, nil
}

// relate compares a log with an end of the same generation.
func (d *layout) relate(last *manifest.File, want logEnd) (r appendlog.Relation, err error) {
	for i := range d.manifest.Incrs {
		f := &d.manifest.Incrs[i]
		if f.Seq != want.seq {
			continue
		}
		err = d.read(f, func(file vfs.File, size int64) error {
			id, _, err := wire.ReadOpening(file, f.Seq)
			if err != nil {
				return err
			}
			var line [wire.MaxMarker]byte
			n, err := file.ReadAt(line[:], want.offset)
			if err != nil && err != io.EOF {
				return err
			}
			text, _, _ := strings.Cut(string(line[:n]), "\n")
			m, ok := wire.ParseMarker([]byte(text + "\n"))
			switch {
			case id.Salt != want.salt || !ok || cmp.Or(m.Close, uint64(m.CRC)) != want.close:
				r = appendlog.Lacks
			case f.Name == last.Name && want.offset+int64(len(text))+1 == size && d.tailFile == "":
				r = appendlog.AtEnd
			default:
				r = appendlog.Continues
			}
			return nil
		})
		return r, err
	}
	if last.Seq > want.seq {
		return appendlog.Newer, nil // the log was rewritten
	}
	return appendlog.Lacks, nil
}

// relateSize compares a log with an end that consists of number and size.
func (d *layout) relateSize(last *manifest.File, want logEnd) (appendlog.Relation, error) {
	e, id, err := d.endOf(last)
	switch {
	case err != nil:
		return appendlog.Unrelated, err
	case last.Seq > want.seq:
		return appendlog.Newer, nil
	case id.Salt != 0:
		return appendlog.Unrelated, nil
	case last.Seq < want.seq || e.offset < want.offset:
		return appendlog.Lacks, nil
	case e.offset == want.offset && d.tailFile == "":
		return appendlog.AtEnd, nil
	}
	return appendlog.Continues, nil
}
