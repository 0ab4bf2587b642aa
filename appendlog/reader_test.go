package appendlog_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/snapshot"
)

// describe returns a unit as text.
func describe(unit []appendlog.Command) string {
	var commands []string
	for _, c := range unit {
		var args []string
		for _, arg := range c.Args {
			args = append(args, string(arg))
		}
		commands = append(commands, fmt.Sprintf("%d:%s@%d", c.DB, strings.Join(args, " "), c.Offset))
	}
	return strings.Join(commands, "; ")
}

// readAll returns every unit, and the error that ends the input.
func readAll(src io.Reader) (units []string, end int64, db int, err error) {
	r := appendlog.NewReader(src, "file", 0)
	for {
		unit, err := r.Next()
		if err != nil {
			if _, again := r.Next(); again != err {
				err = fmt.Errorf("Next after %w = %v, want that error again", err, again)
			}
			return units, r.End(), r.DB(), err
		}
		units = append(units, describe(unit))
	}
}

// diff returns the difference between two lists of units, "" if they are equal.
func diff(want, got []string) string {
	if slices.Equal(want, got) {
		return ""
	}
	return fmt.Sprintf("-%q\n+%q", want, got)
}

// sample returns a log with every construct, and its units.
func sample() (log string, units []string) {
	b := appendlog.AppendUnit(nil, 0, 0, appendlog.AppendCommand(nil, "SET", "a", "1"))
	units = append(units, "0:SET a 1@0")
	b = append(b, "#TS:1\r\n"...)
	at := len(b) + len(appendlog.AppendSelect(nil, 5))
	b = appendlog.AppendUnit(b, 0, 5, appendlog.AppendCommand(nil, []byte("DEL"), []byte("\r\n"), []byte{}))
	units = append(units, fmt.Sprintf("5:DEL \r\n @%d", at))
	b = append(b, appendlog.Multi...)
	first := len(b)
	b = appendlog.AppendCommand(b, "INCR", "n")
	b = appendlog.AppendSelect(b, 2)
	second := len(b)
	b = appendlog.AppendCommand(b, "INCR", "m")
	b = append(b, appendlog.Exec...)
	units = append(units, fmt.Sprintf("5:INCR n@%d; 2:INCR m@%d", first, second))
	b = append(b, appendlog.Multi+appendlog.Exec...)
	third := len(b)
	b = appendlog.AppendUnit(b, 2, 2, appendlog.AppendCommand(nil, "INCR", "k"))
	return string(b), append(units, fmt.Sprintf("2:INCR k@%d", third))
}

func TestReaderReturnsUnits(t *testing.T) {
	log, want := sample()
	for name, src := range map[string]io.Reader{
		"whole":        strings.NewReader(log),
		"byte by byte": iotest.OneByteReader(strings.NewReader(log)),
	} {
		got, end, db, err := readAll(src)
		if d := diff(want, got); d != "" || !errors.Is(err, io.EOF) {
			t.Errorf("%s: error %v, units (-want +got):\n%s", name, err, d)
		}
		if end != int64(len(log)) || db != 2 {
			t.Errorf("%s: End, DB = %d, %d, want %d, 2", name, end, db, len(log))
		}
	}
}

// TestReaderEveryTruncation truncates the log at every byte. The bytes before End must be complete
// units.
func TestReaderEveryTruncation(t *testing.T) {
	log, all := sample()
	for n := range len(log) {
		got, end, _, err := readAll(strings.NewReader(log[:n]))
		if !errors.Is(err, io.EOF) && !errors.Is(err, snapshot.ErrTorn) {
			t.Fatalf("%d bytes: error %v, want io.EOF or one that matches ErrTorn", n, err)
		}
		if d := diff(all[:len(got)], got); d != "" {
			t.Fatalf("%d bytes: units (-want +got):\n%s", n, d)
		}
		again, _, _, err := readAll(strings.NewReader(log[:end]))
		if d := diff(got, again); d != "" || !errors.Is(err, io.EOF) {
			t.Fatalf("%d bytes, truncated at End %d: error %v, units (-want +got):\n%s", n, end, err, d)
		}
	}
}

func TestReaderRefusesDamage(t *testing.T) {
	set := string(appendlog.AppendCommand(nil, "SET", "a", "1"))
	for name, log := range map[string]string{
		"not RESP":           "hello\r\n",
		"EXEC without MULTI": appendlog.Exec,
		"MULTI inside MULTI": appendlog.Multi + set + appendlog.Multi,
		"SELECT of a name":   string(appendlog.AppendCommand(nil, "SELECT", "x")),
		"SELECT negative":    string(appendlog.AppendCommand(nil, "SELECT", "-1")),
		"SELECT too large":   string(appendlog.AppendCommand(nil, "SELECT", "65536")),
		"SELECT of two":      string(appendlog.AppendCommand(nil, "SELECT", "1", "2")),
		"SELECT 01":          string(appendlog.AppendCommand(nil, "SELECT", "01")),
		"wrong length":       "*1\r\n$9999999999\r\nx\r\n",
	} {
		got, end, _, err := readAll(strings.NewReader(set + log))
		var damage *snapshot.CorruptError
		if !errors.As(err, &damage) || damage.Torn || damage.File != "file" || damage.Offset < int64(len(set)) {
			t.Errorf("%s: error %+v, want damage that is not torn, in file at %d or later", name, err, len(set))
		}
		if len(got) != 1 || end != int64(len(set)) {
			t.Errorf("%s: %d units up to %d, want 1 up to %d", name, len(got), end, len(set))
		}
	}
}

// refusing is a Replayer that refuses one command.
type refusing struct {
	appendlog.Replayer
	name string
	err  error
}

func (r refusing) Apply(unit []appendlog.Command) error {
	if string(unit[0].Args[0]) == r.name {
		return r.err
	}
	return nil
}

func TestReplayCommandsErrorHasOffset(t *testing.T) {
	log, _ := sample()
	cause := errors.New("no")
	n, err := appendlog.ReplayCommands(appendlog.NewReader(strings.NewReader(log), "file", 0), refusing{name: "DEL", err: cause})
	if n != 1 || !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), "perdure: file: offset ") {
		t.Errorf("ReplayCommands = %d, %v, want 1 and the cause with its offset", n, err)
	}
	refused := &appendlog.CommandError{Name: "DEL", Offset: 7, Err: cause}
	_, err = appendlog.ReplayCommands(appendlog.NewReader(strings.NewReader(log), "file", 0), refusing{name: "DEL", err: refused})
	if want := "perdure: file: offset 7: DEL: no"; err == nil || err.Error() != want {
		t.Errorf("ReplayCommands = %v, want %q", err, want)
	}
	n, err = appendlog.ReplayCommands(appendlog.NewReader(strings.NewReader(log), "file", 0), refusing{})
	if n != 5 || err != nil {
		t.Errorf("ReplayCommands = %d, %v, want 5, nil", n, err)
	}
}
