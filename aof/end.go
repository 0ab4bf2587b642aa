package aof

import (
	"errors"
	"fmt"
	"io"

	"github.com/perduredb/perdure/appendlog"
)

var _ appendlog.Ender = (*Log)(nil)

// End implements Ender. The name is made of the newest increment's salt, and place and digits of the mark
// that Close wrote; where the increment has no salt, of its number and size.
func (l *Log) End() (string, error) {
	l.ctl.Lock()
	defer l.ctl.Unlock()
	if l.disk == nil || l.disk.manifest == nil {
		return "", nil
	}
	l.mu.Lock()
	closed, phase := l.closed, l.phase
	l.mu.Unlock()
	last := l.disk.manifest.last()
	switch {
	case last == nil || l.disk.legacy || phase == phaseRunning || phase == phaseClosed && closed != nil:
		return "", nil
	case phase != phaseClosed && l.disk.tail != "": // a killed process left it
		return "", nil
	}
	file, err := l.disk.fs.Open(l.disk.path(last))
	if err != nil {
		return "", err
	}
	end, err := endOf(file, last)
	return end, errors.Join(err, file.Close())
}

func endOf(file interface {
	io.ReaderAt
	Size() (int64, error)
}, f *manifestFile) (string, error) {
	size, err := file.Size()
	if err != nil {
		return "", err
	}
	id, seed, err := readOpening(file, f.seq)
	if err != nil {
		return "", err
	}
	if id.salt == 0 {
		return fmt.Sprintf("%d-%d", f.seq, size), nil
	}
	mark, offset, err := closingMark(file, seed, size)
	if err != nil || offset == 0 {
		return "", err
	}
	return fmt.Sprintf("%s-%d-%08x", formatID(id.salt), offset, mark.crc), nil
}
