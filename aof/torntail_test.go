package aof_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
)

const (
	incr1      = "appendonlydir/appendonly.aof.1.incr.aof"
	manifestOf = "appendonlydir/appendonly.aof.manifest"
)

// serverManifest returns a manifest as a server writes it, without the pairs that the server does
// not know.
func serverManifest(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); words[0] == "file" {
			out.WriteString(strings.Join(words[:6], " ") + "\n")
		}
	}
	return out.String()
}

// listAlone writes a manifest with only the first incremental file, as a server may.
func listAlone(t testing.TB, dir string) {
	t.Helper()
	writeFile(t, []byte(incrLine), dir, manifestOf)
}

// openingLen is the length of the first line of an incremental file.
const openingLen = len("#p1:01234567 salt:0123456789abcdef store:0123456789abcdef link:0123456789abcdef gen:0123456789abcdef\r\n")

// endID matches the marker of Close, which has a random id.
var endID = regexp.MustCompile(`#p1:[0-9a-f]{8} sync:198 close:[0-9a-f]{16}\r\n`)

// TestFormat checks the example in the comment of package wire.
func TestFormat(t *testing.T) {
	const example = "#p1:50f93491 salt:0123456789abcdef store:fedcba9876543210 link:0000000000000000 gen:0000000000000001\r\n" +
		"#p1:46c1183f sync:102\r\n" +
		"*2\r\n$6\r\nselect\r\n$1\r\n0\r\n" +
		"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n" +
		"#p1:d44ea961 sync:125\r\n" +
		"#p1:ff97b4e3 sync:198\r\n"
	line, rest, _ := strings.Cut(example, "\n")
	mem := memLog(t, []byte(line+"\n"))
	l, _, _, err := open(mem, "/data", aof.Fsync(aof.Always))
	if err != nil {
		t.Fatal(err)
	}
	set(t, l, "k", "v")
	closeLog(t, l)
	if got := endID.ReplaceAllString(memFile(t, mem, incrName), "#p1:ff97b4e3 sync:198\r\n"); got != line+"\n"+rest {
		t.Fatalf("file = %q, want %q", got, line+"\n"+rest)
	}
}

// TestFilesHaveDifferentSalts checks that a group of one log is not valid in another log, even at
// the same offset of a file with an equal number.
func TestFilesHaveDifferentSalts(t *testing.T) {
	var lines []string
	var groups []string
	for range 2 {
		dir := t.TempDir()
		l, _, _ := mustOpen(t, dir, aof.Fsync(aof.Always))
		set(t, l, "k", "v")
		closeLog(t, l)
		line, group, _ := strings.Cut(string(readFile(t, dir, incr1)), "\n")
		if _, _, ok := wire.ParseOpening([]byte(line+"\n"), wire.NewSeed(1)); !ok {
			t.Errorf("first line = %q, want an opening line", line)
		}
		lines, groups = append(lines, line+"\n"), append(groups, group)
	}
	for i, line := range lines {
		for j, group := range groups {
			l, u, rec, err := open(memLog(t, []byte(line+group)), "/data")
			if err != nil || (len(u.got) == 1) != (i == j) || (rec.Cut == 0) != (i == j) {
				t.Errorf("file %d with the group of %d: records %q, report %+v, %v, want it truncated unless they are equal", i, j, u.got, rec, err)
			}
			closeLog(t, l)
		}
	}
}

// smallLog writes a log of a few groups. It returns its directory, its records, and the number of
// first bytes of the incremental file that are synced.
func smallLog(t testing.TB, closeIt bool) (dir string, list []string, synced int64) {
	dir = t.TempDir()
	l, _, _ := mustOpen(t, dir, aof.LogMode(aof.Direct), aof.Fsync(aof.No))
	step := func(durable bool, first, last int, unit []byte, s string) {
		if err := l.Commit(l.Append(first, last, unit), durable); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
		if durable {
			synced = int64(len(readFile(t, dir, incr1)))
		}
	}
	one := func(db int, args ...string) {
		step(len(list)%3 == 2, db, db, resp.AppendCommand(nil, args...),
			fmt.Sprintf("%d: %s", db, strings.Join(args, " ")))
	}
	one(0, "SET", "a", "1")
	one(0, "SET", "b", "22")
	first, last, unit := transaction(l, "0: INCR a", "2: SET c #p1:00000000", "0: DEL b")
	step(true, first, last, unit, "0: INCR a; 2: SET c #p1:00000000; 0: DEL b")
	one(1, "SET", "d", "multi\r\nline")
	p, s := command(l, 0, "SET", "e", "5")
	list = append(list, s)
	_ = p
	one(0, "SET", "f", "6")
	one(3, "SET", "g", "7")
	if closeIt {
		manifest := readFile(t, dir, manifestOf)
		closeLog(t, l)
		writeFile(t, manifest, dir, manifestOf) // it has the size that Close listed
		synced = int64(len(readFile(t, dir, incr1)))
	}
	return dir, list, synced
}

// loadBytes replays a copy of dir with data as its incremental file.
func loadBytes(dir string, data []byte) (*units, appendlog.ReplayReport, error) {
	if err := os.WriteFile(filepath.Join(dir, incr1), data, 0o600); err != nil {
		panic(err)
	}
	l := aof.New()
	u := &units{}
	if _, err := l.Open(env(vfs.OS(), dir)); err != nil {
		return u, appendlog.ReplayReport{}, err
	}
	recovery, err := l.Replay(context.Background(), u)
	return u, recovery, err
}

// isPrefix reports whether got is a prefix of list.
func isPrefix(got, list []string) bool {
	if len(got) > len(list) {
		return false
	}
	for i := range got {
		if got[i] != list[i] {
			return false
		}
	}
	return true
}

func TestPrefixesOfLog(t *testing.T) {
	dir, list, _ := smallLog(t, true)
	data, manifest := readFile(t, dir, incr1), readFile(t, dir, manifestOf)
	last := 0
	for n := 0; n <= len(data); n++ {
		writeFile(t, manifest, dir, manifestOf)
		u, recovery, err := loadBytes(dir, data[:n])
		if n < openingLen { // durable before the manifest listed the file
			if !errors.As(err, new(*aof.CorruptError)) {
				t.Fatalf("%d bytes: Open = %v, want a CorruptError", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d bytes: Open = %v, want nil", n, err)
		}
		if !isPrefix(u.got, list) || len(u.got) < last {
			t.Fatalf("%d bytes: records = %q, want a prefix that grows", n, u.got)
		}
		last = len(u.got)
		if recovery.Cut+recovery.Size != int64(n+baseSize(t, dir)) {
			t.Fatalf("%d bytes: report = %+v, want all bytes counted", n, recovery)
		}
		if n%7 > 0 {
			continue
		}
		// Continuing there loses nothing and leaves a whole log.
		l, u, _ := mustOpen(t, dir)
		more := append(u.got, set(t, l, "new", "n"))
		closeLog(t, l)
		l, u, recovery = mustOpen(t, dir)
		want(t, u, more)
		if recovery.Cut != 0 || recovery.Unverified != 0 {
			t.Fatalf("%d bytes: report = %+v, want nothing truncated", n, recovery)
		}
		closeLog(t, l)
	}
	if last != len(list) {
		t.Fatalf("the whole log yields %d records, want %d", last, len(list))
	}
}

func baseSize(t testing.TB, dir string) int {
	return len(readFile(t, dir, "appendonlydir/appendonly.aof.1.base.rdb"))
}

func TestBitFlips(t *testing.T) {
	for _, closed := range []bool{true, false} {
		dir, list, synced := smallLog(t, closed)
		data := readFile(t, dir, incr1)
		var refused, same, torn int
		for i := range data {
			for bit := i % stride(); bit < 8; bit += stride() {
				data[i] ^= 1 << bit
				u, recovery, err := loadBytes(dir, data)
				data[i] ^= 1 << bit
				switch {
				case err != nil:
					refused++
					if !errors.Is(err, corrupt.ErrCorrupt) {
						t.Fatalf("byte %d bit %d: Open = %v, want ErrCorrupt", i, bit, err)
					}
				case recovery.Cut > 0:
					torn++
					// After Close only the last marker may be lost, because the data that it
					// declares durable was synced.
					lost := recovery.Offset < synced
					if closed {
						lost = len(u.got) < len(list)
					}
					if !isPrefix(u.got, list) || lost {
						t.Fatalf("byte %d bit %d: torn at %d, synced %d: records = %q, want a prefix", i, bit, recovery.Offset, synced, u.got)
					}
				default:
					same++
					want(t, u, list)
				}
			}
		}
		t.Logf("closed %v: %d flips: %d refused, %d cut, %d without effect",
			closed, len(data)*8, refused, torn, same)
	}
}

// TestMovedGroup checks that whole groups at another offset are not accepted.
func TestMovedGroup(t *testing.T) {
	dir, list, _ := smallLog(t, true)
	data := readFile(t, dir, incr1)
	var ends []int // end of each group
	for i := 0; i < len(data); {
		n := bytes.IndexByte(data[i:], '\n') + 1
		if bytes.HasPrefix(data[i:], []byte("#p1:")) && !bytes.HasPrefix(data[i:], []byte("#p1:00000000\r")) {
			ends = append(ends, i+n)
		}
		i += n
	}
	for i := 1; i+2 < len(ends); i++ {
		a, b, c := ends[i-1], ends[i], ends[i+1]
		for name, moved := range map[string][]byte{
			"swapped":  bytes.Join([][]byte{data[:a], data[b:c], data[a:b], data[c:]}, nil),
			"left out": bytes.Join([][]byte{data[:a], data[b:]}, nil),
			"twice":    bytes.Join([][]byte{data[:b], data[a:]}, nil),
			"at end":   bytes.Join([][]byte{data, data[a:b]}, nil),
		} {
			u, recovery, err := loadBytes(dir, moved)
			if err == nil && (recovery.Cut == 0 || !isPrefix(u.got, list)) {
				t.Errorf("group %d %s: records = %q, want an error or a truncated prefix", i, name, u.got)
			}
		}
	}
}

func TestForeignTail(t *testing.T) {
	foreign := string(resp.AppendCommand(nil, "SELECT", "0")) + string(resp.AppendCommand(nil, "set", "x", "1"))
	inMulti := appendlog.Multi + foreign + appendlog.Exec
	half := string(resp.AppendCommand(nil, "SET", "y", "2"))
	selectOurs := string(resp.AppendCommand(nil, "select", "0"))
	for _, c := range []struct {
		name, tail string
		units      string // records that a replay yields; "refused" for an error
		cut        int
	}{
		{"whole", foreign, "0: set x 1", 0},
		{"transaction", inMulti, "0: set x 1", 0},
		{"timestamps", "#TS:1\r\n" + foreign + "#TS:2\r\n", "0: set x 1", 0},
		{"torn command", foreign + half[:9], "0: set x 1", 9},
		{"torn annotation", foreign + "#TS:12", "0: set x 1", 6},
		{"open transaction", foreign + appendlog.Multi + half, "0: set x 1", len(appendlog.Multi + half)},
		{"torn exec", foreign + appendlog.Multi + half + appendlog.Exec[:6], "0: set x 1", len(appendlog.Multi + half + appendlog.Exec[:6])},
		{"zeros", foreign + strings.Repeat("\x00", 5000), "0: set x 1", 5000},
		{"zeros in a command", foreign + half[:20] + strings.Repeat("\x00", 5000), "0: set x 1", 5020},
		{"perdure, then foreign", selectOurs + half + foreign, "0: SET y 2|0: set x 1", 0},
		{"perdure, torn", selectOurs + half, "", len(selectOurs + half)},
		{"perdure, torn in a command", selectOurs + half + half[:7], "", len(selectOurs+half) + 7},
		{"damage", foreign + "!!!" + half, "refused", 0},
		{"exec alone", foreign + appendlog.Exec, "refused", 0},
		{"open transactions", foreign + appendlog.Multi + half + appendlog.Multi + half, "0: set x 1", len(appendlog.Multi + half + appendlog.Multi + half)},
		{"transaction in one that a server left open", foreign + appendlog.Multi + half + appendlog.Multi + half + appendlog.Exec,
			"0: set x 1|0: SET y 2; 0: SET y 2", 0},
		{"wrong marker after it", foreign + "#p1:00000000\r\n", "0: set x 1", 14},
		{"wrong marker inside", foreign + "#p1:00000000\r\n" + half, "refused", 0},
		{"no command", foreign + "*0\r\n", "refused", 0},
		{"line ends", foreign + "*1\n$4\nPING\n", "refused", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, list, _ := smallLog(t, true)
			data := append(readFile(t, dir, incr1), c.tail...)
			u, recovery, err := loadBytes(dir, data)
			if c.units == "refused" {
				if !errors.Is(err, corrupt.ErrCorrupt) || errors.Is(err, corrupt.ErrTorn) {
					t.Fatalf("Open = %v with records %q, want ErrCorrupt and not ErrTorn", err, u.got)
				}
				if !bytes.Equal(readFile(t, dir, incr1), data) {
					t.Fatal("a refused Open changed the file, want it unchanged")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.units != "" {
				list = append(list, strings.Split(c.units, "|")...)
			}
			want(t, u, list)
			if recovery.Cut != int64(c.cut) || (recovery.Unverified == 0) != (c.units == "") {
				t.Fatalf("report = %+v, want %d bytes truncated", recovery, c.cut)
			}
			// The log continues there, with the tail declared durable.
			l, _, _ := mustOpen(t, dir)
			list = append(list, set(t, l, "z", "3"))
			closeLog(t, l)
			_, u, recovery = mustOpen(t, dir)
			want(t, u, list)
			if recovery.Cut != 0 || recovery.Unverified != 0 {
				t.Fatalf("report = %+v, want nothing truncated or unverified", recovery)
			}
		})
	}
}

func TestStrict(t *testing.T) {
	dir, _, _ := smallLog(t, false)
	data := readFile(t, dir, incr1)
	writeFile(t, data[:len(data)-3], dir, incr1)
	_, _, _, err := open(vfs.OS(), dir, aof.LoadTruncated(false))
	if !errors.Is(err, corrupt.ErrTorn) {
		t.Fatal(err)
	}
	e := env(vfs.OS(), dir)
	e.Strict = true
	if _, _, _, err = openEnv(e); !errors.Is(err, corrupt.ErrTorn) {
		t.Fatal(err)
	}
	if !bytes.Equal(readFile(t, dir, incr1), data[:len(data)-3]) {
		t.Fatal("a refused Open changed the file, want it unchanged")
	}
}

func TestApplyErrorNamesPlace(t *testing.T) {
	dir, _, _ := smallLog(t, true)
	l := aof.New()
	boom := errors.New("unknown command")
	u := &units{fail: func(s string) error {
		if s == "0: SET b 22" {
			return boom
		}
		return nil
	}}
	if _, err := l.Open(env(vfs.OS(), dir)); err != nil {
		t.Fatal(err)
	}
	_, err := l.Replay(context.Background(), u)
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), incr1+": offset ") {
		t.Fatal(err)
	}
}

func TestShortFileThatIsNotLast(t *testing.T) {
	dir, _, _ := smallLog(t, true)
	manifest := "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n" +
		"file appendonly.aof.2.incr.aof seq 2 type i\n"
	writeFile(t, []byte(manifest), dir, "appendonlydir/appendonly.aof.manifest")
	writeFile(t, nil, dir, "appendonlydir/appendonly.aof.2.incr.aof")
	data := readFile(t, dir, incr1)
	if u, _, err := loadBytes(dir, data); err != nil || len(u.got) == 0 {
		t.Fatal(err)
	}
	for _, n := range []int{len(data) - 1, len(data) - 40, 3} {
		_, _, err := loadBytes(dir, data[:n])
		if !errors.Is(err, corrupt.ErrCorrupt) || errors.Is(err, corrupt.ErrTorn) {
			t.Fatalf("%d bytes: Open = %v, want ErrCorrupt and not ErrTorn", n, err)
		}
		if len(readFile(t, dir, incr1)) != n {
			t.Fatal("a refused Open changed the file, want it unchanged")
		}
	}
}
