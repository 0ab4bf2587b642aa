package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/rdb"
)

// replayer applies a log to the table while the store is not serving yet. Nothing expires during
// the replay: only the log's own DEL ends a key's life. finish must be called.
type replayer struct {
	e         *Engine
	pipeline  *pipeline
	keys      int64 // of bases
	done      int64
	all       int64
	projected int // number of calls of project that took effect
	databases databases
}

func newReplayer(e *Engine) *replayer {
	return &replayer{e: e, pipeline: newPipeline(e, e.table), databases: newDatabases(e.table.Databases())}
}

// finish ends the replay. It returns err, or the failure of a command that explains it.
func (r *replayer) finish(err error) error {
	r.swapNow()
	f := r.pipeline.close()
	if f == nil {
		if err == nil {
			r.report()
		}
		return err
	}
	if errors.Is(f.err, op.ErrNoMemory) {
		return fmt.Errorf("%w: %s: replaying commands from offset %d on", op.ErrNoMemory, r.pipeline.files[f.op.file], f.op.offset)
	}
	return &appendlog.CommandError{
		File: r.pipeline.files[f.op.file], Offset: f.op.offset, Name: f.op.code.command().Name, Err: f.err,
	}
}

// Base implements appendlog.Replayer.
func (r *replayer) Base(ctx context.Context, f io.Reader, size int64) (appendlog.BaseInfo, error) {
	r.swapNow()
	r.pipeline.settle() // commands of a file before it
	for i := range r.databases.used {
		r.databases.used[i] = true
	}
	l := newLoader(r.e, r.e.table, &r.e.ops.Types)
	l.source, l.dropExpired, l.base, l.total = FromAOF, false, r.done, r.all
	var header rdb.Header
	n, err := rdb.Decode(ctx, f, size, l, rdb.HeaderTo(&header))
	if err = l.finish(err); err == nil {
		err = r.tooLate(header.Created)
	}
	base := appendlog.BaseInfo{Size: n, Origin: header.Origin}
	if err != nil {
		return base, err
	}
	r.keys += l.keys
	r.e.extras = append(r.e.extras, l.extras...)
	r.e.counts.loadedKeys.Store(r.keys)
	return base, nil
}

// tooLate returns an error if a base was written after Options.Until.
func (r *replayer) tooLate(created time.Time) error {
	until := r.e.opts.Until
	if until.IsZero() || created.IsZero() || created.Unix() <= until.Unix() {
		return nil
	}
	return fmt.Errorf("%w: its base is of %s", appendlog.ErrUntil, created.UTC().Format(time.DateTime))
}

// Progress implements appendlog.Replayer.
func (r *replayer) Progress(done, total int64) {
	r.done, r.all = done, total
	r.project()
	r.report()
}

// report passes on the progress of the replay. It counts the keys in the table, which the workers
// fill with a delay.
func (r *replayer) report() {
	report := r.e.opts.LoadProgress
	if report == nil {
		return
	}
	p := LoadProgress{Source: FromAOF, Done: r.done, Total: r.all}
	for db := range r.e.table.Databases() {
		p.Keys += r.e.table.Len(db)
	}
	report(p)
}

// project prepares the table for the keys that the rest of the log will add, if it resembles the
// part already read. It does so at 1/128 and at 1/16 of the log, and trusts the projection as far
// as the number of keys that a dump declares: see firstHint. The second time rearranges the keys
// that came before it. The first time therefore suffices for a million keys, which saves 4% of the
// processor time of their replay. A log that only changes existing keys adds too few for this to
// matter.
func (r *replayer) project() {
	if r.projected == 2 || r.done < r.all>>(7-3*r.projected) {
		return
	}
	r.projected++
	trusted := int64(firstHint)
	for db := range r.e.table.Databases() {
		keys := r.e.table.Len(db)
		if keys == 0 {
			continue
		}
		projected := int64(float64(keys) * float64(r.all) / float64(r.done))
		projected = min(projected, max(hintFactor*keys, trusted))
		trusted = max(0, trusted-projected)
		r.pipeline.reserve(db, projected)
	}
}

// Apply implements appendlog.Replayer. finish reports a command that fails later, in the pipeline.
func (r *replayer) Apply(unit []appendlog.Command) error {
	for i := range unit {
		if err := r.apply(&unit[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *replayer) apply(c *appendlog.Command) error {
	o := step{code: stepSet, offset: c.Offset, file: r.pipeline.source(c.File), db: uint16(c.DB)}
	valid := c.DB >= 0 && c.DB < r.e.table.Databases()
	if valid {
		o.db = uint16(r.databases.meant[c.DB])
	}
	if valid && len(c.Args) == 3 && string(c.Args[0]) == "SET" {
		return r.add(&o, c.Args[1], c.Args[2:])
	}
	cmd, err := op.CommandOf(c.Args)
	switch {
	case err == nil && !valid:
		err = fmt.Errorf("%w: %d", op.ErrDatabase, c.DB)
	case err == nil && cmd.One == nil:
		err = r.many(cmd, c.DB, c.Args[1:])
	case err == nil && cmd.Name == "MOVE": // names a database
		r.swapNow()
		o.db = uint16(c.DB)
		r.mayUse(c.Args[1:])
	}
	switch {
	case err == errStop:
		return err
	case errors.Is(err, op.ErrNoMemory):
		return fmt.Errorf("%w: %s: replaying commands from offset %d on", op.ErrNoMemory, c.File, c.Offset)
	case err != nil:
		return &appendlog.CommandError{Name: op.Printable(c.Args[0]), Offset: c.Offset, Err: err}
	case cmd.One == nil:
		return nil
	}
	o.code = stepCommand + stepCode(cmd.Number)
	step := cmd.Step(c.Args)
	for args := c.Args[1:]; len(args) > 0; args = args[step:] {
		if err := r.add(&o, args[0], args[1:step]); err != nil {
			return err
		}
	}
	return nil
}

// add passes a command on one key to the pipeline.
func (r *replayer) add(o *step, key []byte, args [][]byte) error {
	o.hash = r.e.table.HashBytes(key)
	r.databases.used[o.db] = true
	if !r.pipeline.add(o, key, args...) {
		return errStop
	}
	return nil
}

// mayUse records the databases that a command names.
func (r *replayer) mayUse(args [][]byte) {
	for _, arg := range args {
		if db, err := r.pipeline.exec().Database(arg); err == nil {
			r.databases.used[db] = true
		}
	}
}

// many applies a command that may access any key, after all earlier commands.
func (r *replayer) many(cmd *op.Command, db int, args [][]byte) error {
	switch cmd.Name {
	case "SWAPDB":
		return r.swapDB(args)
	case "FLUSHDB":
		return r.flush([]int{db}, args)
	case "FLUSHALL":
		return r.flushAll(args)
	}
	r.swapNow()
	r.databases.used[db] = true
	r.mayUse(args)
	return r.locked(func(x *op.Exec) error { return cmd.Many(x, db, args) })
}

// locked calls f with every shard locked, after all earlier commands were applied.
func (r *replayer) locked(f func(x *op.Exec) error) error {
	r.pipeline.settle()
	if r.pipeline.failed.Load() != nil {
		return errStop
	}
	r.e.table.LockAll()
	defer r.e.table.UnlockAll()
	x := r.pipeline.exec()
	err := f(x)
	r.pipeline.dirty.Add(x.Dirty)
	return err
}
