package integration_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// errBroken is the error of a component of the caller.
var errBroken = errors.New("perdure: component is broken")

// otherFS is a file system that is not a store's.
type otherFS struct{ snapshot.FS }

// wantNamed fails the test unless the text of err begins with the name of the library, has it once,
// and err matches target. A nil target is not checked.
func wantNamed(t *testing.T, what string, err, target error) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), "perdure: ") || strings.Count(err.Error(), "perdure: ") != 1 {
		t.Errorf("%s: error %q, want one that begins with perdure: and has it once", what, err)
	}
	if target != nil && !errors.Is(err, target) {
		t.Errorf("%s: error %q, want one that matches %q", what, err, target)
	}
}

// second returns the error of a call with two results.
func second[V any](_ V, err error) error { return err }

func place(t *testing.T, content string, path ...string) string {
	t.Helper()
	file := filepath.Join(path...)
	ok(t, os.MkdirAll(filepath.Dir(file), 0o700))
	ok(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// damagedDump ends inside its first record.
const damagedDump = "REDIS0009\xfa"

func TestErrorsOfRDBFunctionsNameLibraryOnce(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	bad, none := place(t, damagedDump, dir, "bad.rdb"), filepath.Join(dir, "none")
	wrong := rdb.Filename("x") // no function of the codec accepts it
	list, err := rdb.NewList([]byte("element"))
	ok(t, err)
	kind, payload, err := rdb.EncodeValue(list, 9)
	ok(t, err)
	input := func() io.Reader { return strings.NewReader(damagedDump) }

	wantNamed(t, "Check", second(rdb.Check(ctx, input(), -1)), snapshot.ErrTorn)
	wantNamed(t, "Check, option", second(rdb.Check(ctx, input(), -1, wrong)), rdb.ErrOption)
	wantNamed(t, "Check, canceled", second(rdb.Check(canceled(), input(), -1)), context.Canceled)
	wantNamed(t, "Check, Read", second(rdb.Check(ctx, iotest.ErrReader(errBroken), -1)), errBroken)
	wantNamed(t, "CheckFile", second(rdb.CheckFile(bad)), snapshot.ErrTorn)
	wantNamed(t, "CheckFile, missing", second(rdb.CheckFile(none)), fs.ErrNotExist)
	wantNamed(t, "Decode", second(rdb.Decode(ctx, input(), -1, loader{})), snapshot.ErrTorn)
	wantNamed(t, "Decode, canceled", second(rdb.Decode(canceled(), input(), -1, loader{})), context.Canceled)
	wantNamed(t, "Decode, Loader", second(rdb.Decode(ctx, bytes.NewReader(oneKey(t)), -1, loader{})), errBroken)
	wantNamed(t, "DecodeValue, option", second(rdb.DecodeValue(kind, payload, wrong)), rdb.ErrOption)
	wantNamed(t, "DecodeValue, limit", second(rdb.DecodeValue(kind, payload, rdb.MaxValue(3))), rdb.ErrLimit)
	wantNamed(t, "DecodeValue, type", second(rdb.DecodeValue(200, payload)), rdb.ErrUnsupported)
	wantNamed(t, "Entry.Decode", second((&rdb.Entry{Entry: snapshot.Entry{Type: kind}}).Decode()), snapshot.ErrTorn)
	_, _, err = rdb.EncodeValue(nil, 9)
	wantNamed(t, "EncodeValue", err, rdb.ErrUnsupported)
	_, _, err = rdb.ParseDump(nil)
	wantNamed(t, "ParseDump", err, snapshot.ErrTorn)
	wantNamed(t, "NewList", second(rdb.NewList()), nil)
	wantNamed(t, "NewSet", second(rdb.NewSet()), nil)
	wantNamed(t, "NewHash", second(rdb.NewHash(rdb.HashField{ExpireAtMs: -1})), nil)
	wantNamed(t, "NewSortedSet", second(rdb.NewSortedSet()), nil)
	wantNamed(t, "NewStream", second(rdb.NewStream(rdb.StreamItem{})), nil)
	wantNamed(t, "Encode, option", second(rdb.Encode(ctx, io.Discard, nil, wrong)), rdb.ErrOption)
}

func TestErrorsOfRDBReaderAndWriterNameLibraryOnce(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	wrong := rdb.Filename("x")
	wantNamed(t, "NewReader, option", second(rdb.NewReader(nil, 0, wrong)), rdb.ErrOption)
	wantNamed(t, "OpenReader, missing", second(rdb.OpenReader(filepath.Join(dir, "none"))), fs.ErrNotExist)
	r, err := rdb.OpenReader(place(t, damagedDump, dir, "bad.rdb"))
	ok(t, err)
	for _, err := range r.Entries(canceled()) {
		wantNamed(t, "Entries, canceled", err, context.Canceled)
	}
	first := second(r.Header(ctx))
	wantNamed(t, "Header", first, snapshot.ErrTorn)
	for _, err := range r.Records(ctx) {
		if wantNamed(t, "Records", err, snapshot.ErrTorn); err != first {
			t.Errorf("Records after Header: error %q, want the same error %q", err, first)
		}
	}
	ok(t, r.Close())
	r, err = rdb.NewReader(strings.NewReader(damagedDump), -1)
	ok(t, err)
	ok(t, r.Close())
	wantNamed(t, "Header after Close", second(r.Header(ctx)), fs.ErrClosed)

	wantNamed(t, "NewWriter, option", second(rdb.NewWriter(nil, wrong)), rdb.ErrOption)
	w, err := rdb.NewWriter(io.Discard)
	ok(t, err)
	wantNamed(t, "Write, record", w.Write(nil), rdb.ErrUnsupported)
	wantNamed(t, "Write, database", w.Write(&rdb.Entry{Entry: snapshot.Entry{DB: -1}}), nil)
	wantNamed(t, "WriteValue", w.WriteValue(&rdb.Entry{}, nil), rdb.ErrUnsupported)
	ok(t, second(w.Close()))
	wantNamed(t, "Write after Close", w.Write(&rdb.Entry{}), fs.ErrClosed)
	wantNamed(t, "WriteValue after Close", w.WriteValue(&rdb.Entry{}, nil), fs.ErrClosed)
	wantNamed(t, "Close after Close", second(w.Close()), fs.ErrClosed)
	w, err = rdb.NewWriter(brokenWriter{})
	ok(t, err)
	wantNamed(t, "Close, broken Writer", second(w.Close()), errBroken)
}

func TestErrorsOfDumpNameLibraryOnce(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	d := rdb.New()
	wantNamed(t, "Stat before Open", second(d.Stat()), fs.ErrClosed)
	wantNamed(t, "Load before Open", second(d.Load(ctx, loader{})), fs.ErrClosed)
	wantNamed(t, "Save before Open", second(d.Save(ctx, nil)), fs.ErrClosed)
	env := snapshot.Env{Dir: dir, Logger: slog.New(slog.DiscardHandler)}
	wantNamed(t, "Open, zero Dump", new(rdb.Dump).Open(env), rdb.ErrOption)
	ok(t, d.Open(env))
	wantNamed(t, "Configure", d.Configure(rdb.Option{}), rdb.ErrOption)
	wantNamed(t, "Stat, missing", second(d.Stat()), fs.ErrNotExist)
	wantNamed(t, "Load, missing", second(d.Load(ctx, loader{})), fs.ErrNotExist)
	place(t, "REDISx", dir, "dump.rdb")
	wantNamed(t, "Stat", second(d.Stat()), snapshot.ErrCorrupt)
	wantNamed(t, "Load", second(d.Load(ctx, loader{})), snapshot.ErrCorrupt)
}

func TestErrorsOfSnapshotFunctionsNameLibraryOnce(t *testing.T) {
	fsys := dirfs.New(vfs.NewMem("/data"))
	broken := func(io.Writer) error { return errBroken }
	wantNamed(t, "Replace, directory", second(snapshot.Replace(fsys, "/none", "x", broken)), fs.ErrNotExist)
	wantNamed(t, "Replace", second(snapshot.Replace(fsys, "/data", "x", broken)), errBroken)
	wantNamed(t, "RemoveTemps", snapshot.RemoveTemps(fsys, "/none"), fs.ErrNotExist)
	wantNamed(t, "Validate", snapshot.Rule{}.Validate(), snapshot.ErrRule)
	for name, err := range map[string]error{
		"EntryError":   &snapshot.EntryError{Err: errBroken},
		"DirSyncError": &snapshot.DirSyncError{Err: errBroken},
		"CorruptError": &snapshot.CorruptError{Err: errBroken},
	} {
		if strings.Contains(err.Error(), "perdure: ") {
			t.Errorf("%s: text %q of an error that a function wraps, want no perdure:", name, err)
		}
	}
}

func TestErrorsOfAppendlogFunctionsNameLibraryOnce(t *testing.T) {
	reader := func(text string) *appendlog.Reader { return appendlog.NewReader(strings.NewReader(text), "x", 0) }
	r := reader("*1\r\n$4\r\nPI")
	_, first := r.Next()
	wantNamed(t, "Next", first, snapshot.ErrTorn)
	if _, err := r.Next(); err != first {
		t.Errorf("a second Next: error %q, want the same error %q", err, first)
	}
	if _, err := reader("").Next(); err != io.EOF {
		t.Errorf("Next at the end = %v, want io.EOF", err)
	}
	ping := frame("PING")
	wantNamed(t, "ReplayCommands", second(appendlog.ReplayCommands(reader("*x"), replayer{})), snapshot.ErrCorrupt)
	wantNamed(t, "ReplayCommands, Apply", second(appendlog.ReplayCommands(reader(ping), replayer{errBroken})), errBroken)
	refused := &appendlog.CommandError{Name: "PING", Err: errBroken}
	err := second(appendlog.ReplayCommands(reader(ping), replayer{refused}))
	wantNamed(t, "ReplayCommands, CommandError", err, errBroken)
	if want := "perdure: x: offset 0: PING: component is broken"; err.Error() != want {
		t.Errorf("ReplayCommands = %q, want %q", err, want)
	}
}

func TestErrorsOfAOFFunctionsNameLibraryOnce(t *testing.T) {
	dir := t.TempDir()
	other := aof.OnFS(otherFS{})
	bad := place(t, "file nonsense\n", dir, "bad.aof.manifest")
	damaged := place(t, "*x", dir, "damaged.aof")
	missing := place(t, "file m.aof.1.base.rdb seq 1 type b\n", dir, "m.aof.manifest")
	wantNamed(t, "Check, missing", second(aof.Check(filepath.Join(dir, "none"))), fs.ErrNotExist)
	wantNamed(t, "Check, two manifests", second(aof.Check(dir)), nil)
	wantNamed(t, "Check, manifest", second(aof.Check(bad)), snapshot.ErrCorrupt)
	wantNamed(t, "Check, file system", second(aof.Check(damaged, other)), aof.ErrOptions)
	report, err := aof.Check(damaged)
	ok(t, err)
	wantNamed(t, "Report.Err", report.Err(), snapshot.ErrCorrupt)
	wantNamed(t, "Repair, manifest", second(aof.Repair(bad)), snapshot.ErrCorrupt)
	wantNamed(t, "Repair, missing file", second(aof.Repair(missing)), aof.ErrNotRepairable)
	wantNamed(t, "LostManifest", second(aof.LostManifest(otherFS{}, dir)), aof.ErrOptions)
}

func TestErrorsOfLogNameLibraryOnce(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	env := snapshot.Env{Dir: dir, Logger: slog.New(slog.DiscardHandler)}
	wantNamed(t, "Open, option", second(aof.New(aof.RingSize(1)).Open(env)), aof.ErrOptions)
	wantNamed(t, "Open, zero Log", second(new(aof.Log).Open(env)), aof.ErrOptions)
	wantNamed(t, "Open, file system", second(aof.New().Open(snapshot.Env{FS: otherFS{}})), aof.ErrOptions)
	l := aof.New()
	wantNamed(t, "Configure before Open", l.Configure(aof.Fsync(aof.No)), appendlog.ErrClosed)
	wantNamed(t, "BeginRewrite before Open", second(l.BeginRewrite()), appendlog.ErrClosed)
	ok(t, second(l.Open(env)))
	wantNamed(t, "a second Open", second(l.Open(env)), appendlog.ErrClosed)
	wantNamed(t, "Replay without a log", second(l.Replay(ctx, replayer{})), appendlog.ErrClosed)
	wantNamed(t, "Start without Replay", l.Start(), appendlog.ErrClosed)
	w, err := l.BeginRewrite()
	ok(t, err)
	wantNamed(t, "a second BeginRewrite", second(l.BeginRewrite()), appendlog.ErrRewriteRunning)
	w.Cut()
	broken := func(io.Writer) error { return errBroken }
	base := appendlog.Base{Commands: broken, RDB: func(w io.Writer, _ string) error { return broken(w) }}
	wantNamed(t, "Rewrite.Commit", w.Commit(ctx, base), errBroken)
	wantNamed(t, "a second Rewrite.Commit", w.Commit(ctx, base), appendlog.ErrClosed)
	ok(t, l.Close())
	wantNamed(t, "Start after Close", l.Start(), appendlog.ErrClosed)
	wantNamed(t, "Configure after Close", l.Configure(aof.Fsync(aof.No)), appendlog.ErrClosed)

	place(t, "*x", dir, "appendonly.aof")
	l = aof.New()
	ok(t, second(l.Open(env)))
	wantNamed(t, "Replay", second(l.Replay(ctx, replayer{})), snapshot.ErrCorrupt)
	ok(t, l.Close())
}

// oneKey returns a dump with one key.
func oneKey(t *testing.T) []byte {
	t.Helper()
	var p bytes.Buffer
	w, err := rdb.NewWriter(&p)
	ok(t, err)
	ok(t, w.Write(&rdb.Entry{Entry: snapshot.Entry{Key: []byte("k")}}))
	ok(t, second(w.Close()))
	return p.Bytes()
}

// loader refuses every entry.
type loader struct{ snapshot.Loader }

func (loader) Ordered(string)             {}
func (loader) Expect(int, int64, int64)   {}
func (loader) Progress(int64, int64)      {}
func (loader) Extra(snapshot.Extra) error { return errBroken }
func (loader) Load(snapshot.Entry) error  { return errBroken }

// replayer returns its error for every unit.
type replayer struct{ err error }

func (replayer) Progress(int64, int64)             {}
func (r replayer) Apply([]appendlog.Command) error { return r.err }
func (r replayer) Base(context.Context, io.Reader, int64) (appendlog.BaseInfo, error) {
	return appendlog.BaseInfo{}, r.err
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }
