package aof_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
)

const (
	base1     = "appendonlydir/appendonly.aof.1.base.rdb"
	manifest1 = "appendonlydir/appendonly.aof.manifest"
)

// sized writes the manifest of a log with the given sizes. It omits a negative size.
func sized(t *testing.T, dir string, base, incr int) {
	t.Helper()
	line := func(text string, size int) string {
		if size < 0 {
			return text
		}
		return strings.TrimSuffix(text, "\n") + fmt.Sprintf(" size %d\n", size)
	}
	writeFile(t, []byte(signed(line(baseLine, base)+line(incrLine, incr))), dir, manifest1)
}

// TestCheckComparesManifestSizes checks that Check and Open agree. Open compares the base and
// incremental files with the sizes in the manifest. Check must report each kind of damage as Open
// does, and Repair must not truncate below a size.
func TestCheckComparesManifestSizes(t *testing.T) {
	for _, c := range []struct {
		name string
		file string // damaged file; "" for none
		do   func(t *testing.T, dir string, base, incr []byte)
	}{
		{"whole", "", func(t *testing.T, dir string, base, incr []byte) { sized(t, dir, len(base), len(incr)) }},
		{"no sizes", "", func(t *testing.T, dir string, _, _ []byte) { sized(t, dir, -1, -1) }},
		{"no number", "", func(t *testing.T, dir string, _, _ []byte) {
			writeFile(t, []byte(signed(strings.TrimSuffix(baseLine, "\n")+" size many\n"+incrLine)), dir, manifest1)
		}},
		{"base longer", base1, func(t *testing.T, dir string, base, _ []byte) {
			writeFile(t, append(base, resp.AppendCommand(nil, "SELECT", "0")...), dir, base1)
		}},
		{"base shorter", base1, func(t *testing.T, dir string, base, _ []byte) { writeFile(t, base[:len(base)-1], dir, base1) }},
		{"base empty", base1, func(t *testing.T, dir string, _, _ []byte) { writeFile(t, nil, dir, base1) }},
		{"base exchanged", base1, func(t *testing.T, dir string, base, _ []byte) { sized(t, dir, len(base)+7, -1) }},
		{"base without its RDB", base1, func(t *testing.T, dir string, _, _ []byte) {
			sized(t, dir, -1, -1)
			writeFile(t, resp.AppendCommand(nil, "SELECT", "0"), dir, base1)
		}},
		{"base missing", base1, func(t *testing.T, dir string, _, _ []byte) {
			if err := vfs.OS().Remove(filepath.Join(dir, base1)); err != nil {
				t.Fatal(err)
			}
		}},
		{"incremental file lost its end", incr1, func(t *testing.T, dir string, base, incr []byte) { sized(t, dir, len(base), len(incr)+1) }},
		{"incremental file torn below its size", incr1, func(t *testing.T, dir string, base, incr []byte) {
			sized(t, dir, len(base), len(incr))
			writeFile(t, incr[:len(incr)-3], dir, incr1)
		}},
		{"incremental file torn after its size", incr1, func(t *testing.T, dir string, base, incr []byte) {
			sized(t, dir, len(base), len(incr))
			writeFile(t, append(incr, "*2\r\n$3\r\nDE"...), dir, incr1)
		}},
		{"incremental file damaged below its size", incr1, func(t *testing.T, dir string, base, incr []byte) {
			sized(t, dir, len(base), len(incr))
			incr[len(incr)-12] ^= 1
			writeFile(t, incr, dir, incr1)
		}},
		{"empty incremental file", incr1, func(t *testing.T, dir string, base, incr []byte) {
			sized(t, dir, len(base), len(incr))
			writeFile(t, nil, dir, incr1)
		}},
		{"no checksum", manifest1, func(t *testing.T, dir string, base, _ []byte) {
			writeFile(t, []byte(strings.TrimSuffix(baseLine, "\n")+fmt.Sprintf(" size %d\n", len(base))+incrLine), dir, manifest1)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, _, _ := smallLog(t, false)
			base, incr := readFile(t, dir, base1), readFile(t, dir, incr1)
			c.do(t, dir, base, incr)
			agree(t, dir, c.file)
		})
	}
}

// agree compares the results of Check, Repair, and Open.
func agree(t *testing.T, dir, file string) {
	t.Helper()
	report, err := aof.Check(dir, stubBase())
	if err == nil {
		err = report.Err()
	}
	cut := len(report.Files) > 0 && report.Files[len(report.Files)-1].Torn > 0
	if _, planErr := aof.Repair(dir, stubBase(), aof.PlanOnly()); (planErr == nil) != (err == nil || cut) {
		t.Errorf("Repair with PlanOnly = %v after Check = %v, want them to agree", planErr, err)
	}
	var checked, opened *corrupt.Error
	errors.As(err, &checked)
	l := aof.New()
	found, err := l.Open(env(vfs.OS(), dir))
	if err == nil && found {
		_, err = l.Replay(context.Background(), &units{})
	}
	errors.As(err, &opened)
	switch {
	case file == "" || cut:
		if err != nil || (checked != nil) != cut {
			t.Errorf("Open = %v after Check = %v, want them to agree", err, checked)
		}
	case checked == nil || opened == nil:
		t.Errorf("Open = %v after Check = %v, want equal damage", err, checked)
	case checked.File != opened.File || checked.Offset != opened.Offset || checked.What != opened.What || checked.File != filepath.Join(dir, file):
		t.Errorf("Open = %v after Check = %v, want equal damage in %s", opened, checked, file)
	}
}
