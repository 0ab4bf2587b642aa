package aof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/aof/internal/ring"
	"github.com/perduredb/perdure/aof/internal/scan"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/vfs"
)

// replayResult is the result of a replay, as Start needs it.
type replayResult struct {
	recovery    appendlog.ReplayReport
	lastGood    int64  // size of the last file once it is truncated
	lastSize    int64  // size that the last file has
	marked      bool   // the last file has commit markers
	unmarked    bool   // bytes before lastGood are not covered by a commit marker
	unmarkedCRC uint32 // checksum of the bytes that no marker covers, if unmarked is set
	unmarkedDB  int    // database that is selected there
	closedFrom  int64  // offset of the clean-shutdown marker that ends the log, or 0
	closedAt    int64  // end of that marker
	sizes       []int64
	stopped     bool // the replay ended before the end of the log, because of Env.Until
	plan        ring.Plan
	neighbor    wire.Identity // identity of the last file
	before      wire.Identity // identity of the file before it
	newest      wire.Identity // identity of the newest file that records its store
	tailFileID  uint64        // id of the tail file that the commit markers report last; 0 if none
}

// Replay passes the contents of the log to r, in order. It changes nothing on disk. It returns a
// [*CorruptError] if the log is damaged, and also for a torn tail with Env.Strict or
// [LoadTruncated](false).
func (l *Log) Replay(ctx context.Context, r appendlog.Replayer) (report appendlog.ReplayReport, err error) {
	defer errtext.Name(&err)
	l.ctl.Lock()
	defer l.ctl.Unlock()
	l.mu.Lock()
	config, phase := l.config, l.phase
	l.mu.Unlock()
	if phase != phaseOpen || l.disk.manifest == nil {
		return appendlog.ReplayReport{}, fmt.Errorf("%w: there is nothing to replay", appendlog.ErrClosed)
	}
	p := &replayer{ctx: ctx, to: r, disk: l.disk, logger: l.env.Logger}
	p.strict = l.env.Strict || !config.loadTruncated
	p.until = scan.Until{On: !l.env.Until.IsZero(), Second: l.env.Until.Unix()}
	if err := p.run(); err != nil {
		return p.result.recovery, err
	}
	if newest := p.result.newest; newest.Store != 0 {
		l.store, l.gen = newest.Store, max(1, newest.Gen)
		p.result.recovery.Store = wire.FormatID(l.store)
	}
	l.mu.Lock()
	l.replay = p.result
	l.phase = phaseReplayed
	l.mu.Unlock()
	return p.result.recovery, nil
}

// replayer replays the files of one log.
type replayer struct {
	ctx      context.Context
	to       appendlog.Replayer
	disk     *layout
	logger   *slog.Logger
	strict   bool
	until    scan.Until
	stamps   int64
	tailFile *ring.File
	total    int64
	done     int64  // bytes of the files before the current one
	before   string // path of the file before the current one
	result   replayResult
}

func (p *replayer) run() error {
	files := p.disk.manifest.Files()
	if err := p.readTailFile(files); err != nil {
		return err
	}
	for _, f := range files {
		info, err := p.disk.fs.Lstat(p.disk.path(&f))
		if err != nil {
			return err
		}
		p.total += info.Size()
		p.result.recovery.Time = info.ModTime()
	}
	p.to.Progress(0, p.total)
	for i, f := range files {
		if err := p.file(&f, i == len(files)-1); err != nil {
			return err
		}
		p.result.recovery.Files++
		if p.result.stopped {
			break
		}
	}
	return p.judgeUntil()
}

// judgeUntil returns an error if the log cannot be recovered to the time limit.
func (p *replayer) judgeUntil() error {
	r := &p.result.recovery
	switch {
	case !p.until.On:
		return nil
	case p.result.stopped:
		padding, err := p.padding()
		if err != nil {
			return err
		}
		r.LeftOut = p.total - padding - r.Size
		r.LeftOutFile, r.LeftOutOffset = p.disk.path(p.disk.manifest.At(r.Files-1)), p.result.lastGood
		if r.Files == 1 && r.Commands == 0 && r.Size <= int64(wire.OpeningLen) {
			return fmt.Errorf("%w: %s: it begins later", appendlog.ErrUntil, r.LeftOutFile)
		}
	case p.stamps == 0 && r.Commands > 0:
		return fmt.Errorf("%w: %s: it lacks %s lines: see Timestamps, or aof-timestamp-enabled",
			appendlog.ErrUntil, p.disk.dir, wire.TimestampPrefix)
	}
	return nil
}

// padding returns the number of bytes of padding at the end of the newest file.
func (p *replayer) padding() (n int64, err error) {
	file, err := p.disk.fs.Open(p.disk.path(p.disk.manifest.Last()))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Size()
	if err != nil {
		return 0, err
	}
	return wire.PaddingAfter(file, 0, size)
}

// file replays one file.
func (p *replayer) file(f *manifest.File, last bool) (err error) {
	path := p.disk.path(f)
	file, err := p.disk.fs.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Size()
	if err != nil {
		return err
	}
	if last {
		if p.result.closedFrom, p.result.closedAt, err = onDisk(file, f.Seq, size); err != nil {
			return err
		}
	}
	offset, err := p.begin(f, file, path, size)
	if err != nil {
		return err
	}
	src := io.NewSectionReader(file, offset, size-offset)
	w := scan.New(src, path, f.Seq, offset, func(unit []appendlog.Command) error {
		if err := p.to.Apply(unit); err != nil {
			return at(path, unit[0].Offset, err)
		}
		return nil
	})
	w.Step = stepper(p.ctx, func(offset int64) { p.to.Progress(p.done+offset, p.total) })
	w.Until, w.Listed = p.until, f.Size()
	found, err := w.Run()
	if err != nil {
		return err
	}
	p.stamps += found.Timestamps
	p.result.stopped = found.Stopped
	if !found.Stopped {
		if err := f.CheckGood(path, found.Good, found.ListedCRC); err != nil {
			return err
		}
	}
	if found.HasRing {
		p.result.tailFileID = found.Ring
	}
	if err := p.classify(file, path, w.Seed, size, w.Start, &found, last); err != nil {
		return err
	}
	p.add(&found, size, found.Good-offset-found.Covered)
	if last && !found.Stopped {
		if err := p.replayTailFile(file, f, &found); err != nil {
			return err
		}
	}
	return p.ctx.Err()
}

// begin checks that a file is the one that the manifest lists, and that it is the neighbor of the
// file before it. It replays the RDB at the start of the file, and returns the offset of its end.
func (p *replayer) begin(f *manifest.File, file io.ReaderAt, path string, size int64) (int64, error) {
	if err := f.CheckTrailer(path, file, size); err != nil {
		return 0, err
	}
	id, _, err := wire.ReadOpening(file, f.Seq)
	if err != nil {
		return 0, err
	}
	if err := f.CheckIdentity(path, id); err != nil {
		return 0, err
	}
	base, err := p.preamble(file, path, size)
	if err != nil {
		return 0, err
	}
	if err := f.CheckRDB(path, base.Size > 0); err != nil {
		return 0, err
	}
	if base.Size > 0 {
		id = wire.BaseIdentity(base.Origin)
	}
	id.Bare = base.Size == 0 && id.Salt == 0
	if err := f.CheckBaseEnd(path, file, id, size); err != nil {
		return 0, err
	}
	return base.Size, p.neighbors(id, path)
}

// neighbors compares the identity of a file with that of the file before it.
func (p *replayer) neighbors(id wire.Identity, path string) error {
	if err := id.CheckFollows(path, p.result.neighbor, p.before); err != nil {
		return err
	}
	p.result.before, p.result.neighbor, p.before = p.result.neighbor, id, path
	if id.Store != 0 {
		p.result.newest = id
	}
	return nil
}

// add adds a replayed file to the result.
func (p *replayer) add(found *scan.Result, size, unverified int64) {
	r := &p.result
	r.sizes = append(r.sizes, found.Good)
	r.lastGood, r.lastSize = found.Good, size
	r.marked = found.Markers > 0
	r.unmarked, r.unmarkedCRC, r.unmarkedDB = found.Foreign, found.GoodCRC, found.GoodDB
	r.recovery.Commands += found.Commands
	r.recovery.Size += found.Good
	r.recovery.Unverified += unverified
	p.done += size
	p.to.Progress(p.done, p.total)
}

// preamble passes an RDB at the start of a file to the Replayer and returns its description, with
// size 0 for a file without a preamble.
func (p *replayer) preamble(file io.ReaderAt, path string, size int64) (appendlog.BaseInfo, error) {
	rdb, err := wire.IsRDB(file)
	if err != nil || !rdb {
		return appendlog.BaseInfo{}, err
	}
	r := &countingReader{Reader: io.NewSectionReader(file, 0, size), step: func(n int64) {
		p.to.Progress(p.done+n, p.total)
	}}
	base, err := p.to.Base(p.ctx, r, size)
	if err != nil {
		return appendlog.BaseInfo{}, corrupt.InFile(err, path)
	}
	return base, checkBase(&base, path, size)
}

// checkBase returns an error if the reported size of an RDB is impossible for the file.
func checkBase(b *appendlog.BaseInfo, path string, size int64) error {
	if b.Size < 0 || b.Size > size {
		return fmt.Errorf("%s: base of %d bytes in a file of %d", path, b.Size, size)
	}
	return nil
}

// countingReader reports the number of bytes read, every scan.StepSize bytes.
type countingReader struct {
	io.Reader
	step        func(n int64)
	n, reported int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	if r.n-r.reported >= scan.StepSize {
		r.reported = r.n
		r.step(r.n)
	}
	return n, err
}

// classify classifies an incomplete file as torn (truncate and use it) or damaged (return an
// error).
func (p *replayer) classify(
	file io.ReaderAt, path string, seed wire.Seed, size, start int64, found *scan.Result, last bool,
) error {
	if found.Problem == nil {
		return nil
	}
	verdict, err := scan.Judge(file, seed, size, found, start)
	if err != nil {
		return err
	}
	problem := found.Problem
	if problem.File == "" {
		problem.File = path
	}
	if !last || verdict != scan.Torn {
		problem.Torn = false // no crash of this log explains it
		return problem
	}
	if p.strict {
		problem.Torn = true
		return problem
	}
	padding, err := wire.PaddingAfter(file, found.Good, size)
	if err != nil {
		return err
	}
	r := &p.result.recovery
	r.File, r.Offset, r.Reason = path, found.Good, problem.What
	r.Cut = size - padding - found.Good
	return nil
}

// onDisk makes sure that the last file is read from the disk, and returns the result of
// closedInOrder. After a failed sync the page cache contains bytes that the disk lacks: only the
// clean-shutdown marker, or everything since an earlier sync.
func onDisk(file vfs.File, seq, size int64) (synced, closedAt int64, err error) {
	file.DropCache(max(0, size-int64(wire.MaxMarker)))
	synced, err = closedInOrder(file, seq, size)
	if err == nil && synced == 0 {
		file.DropCache(0)
		return 0, 0, nil
	}
	return synced, size, err
}

// closedInOrder returns the offset of the clean-shutdown marker if a file ends with one, or 0. That
// empty commit marker declares everything before it synced. Its writer may have been killed before
// the marker itself was durable.
func closedInOrder(file io.ReaderAt, seq, size int64) (int64, error) {
	_, seed, err := wire.ReadOpening(file, seq)
	if err != nil {
		return 0, err
	}
	_, offset, err := wire.ClosingMarker(file, seed, size)
	return offset, err
}

// stepper returns a step function for a scan. It reports progress and returns the error of ctx.
func stepper(ctx context.Context, progress func(done int64)) func(int64) error {
	return func(offset int64) error {
		progress(offset)
		return ctx.Err()
	}
}

// at adds the file and the offset to an error of Apply.
func at(file string, offset int64, err error) error {
	var command *appendlog.CommandError
	if errors.As(err, &command) {
		command.File = file
		return err
	}
	return fmt.Errorf("%s: offset %d: %w", file, offset, err)
}
