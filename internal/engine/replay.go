package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/rdb"
)

// replayer applies a log to the table while the store is not serving yet. Nothing expires
// meanwhile: a key's life ends by the log's own DEL.
type replayer struct {
	e    *Engine
	keys int64
	done int64
	all  int64
}

// Base implements aof.Replayer.
func (r *replayer) Base(ctx context.Context, f io.Reader, size int64) (int64, error) {
	l := &loader{e: r.e, source: FromAOF, base: r.done, total: r.all}
	n, err := rdb.Decode(ctx, f, size, l)
	r.keys += l.keys
	r.e.counts.loadedKeys.Store(r.keys)
	return n, err
}

// Progress implements aof.Replayer.
func (r *replayer) Progress(done, total int64) {
	r.done, r.all = done, total
	if report := r.e.opts.LoadProgress; report != nil {
		report(LoadProgress{Source: FromAOF, Done: done, Total: total, Keys: r.keys})
	}
}

// Apply implements aof.Replayer.
func (r *replayer) Apply(unit []aof.Command) error {
	for _, c := range unit {
		if err := r.apply(c); err != nil {
			return err
		}
	}
	return nil
}

func (r *replayer) apply(c aof.Command) error {
	name, ok := lookup(c.Args[0])
	if !ok {
		return fmt.Errorf("unknown command %q", printable(c.Args[0]))
	}
	cmd := commands[name]
	if n := len(c.Args) - 1; n < cmd.min || cmd.max >= 0 && n > cmd.max {
		return fmt.Errorf("%s with %d arguments", name, n)
	}
	if c.DB < 0 || c.DB >= r.e.table.Databases() {
		return fmt.Errorf("%w: %d", ErrDatabase, c.DB)
	}
	x := r.e.newExec()
	defer r.e.free(x)
	x.replaying = true
	if err := r.run(x, cmd, c); err != nil {
		if errors.Is(err, errSyntax) {
			return fmt.Errorf("%s: %w", name, err)
		}
		return fmt.Errorf("%s cannot be applied: %w", name, err)
	}
	r.e.addDirty(0, x.dirty)
	return nil
}

// run applies one command with every shard it may touch locked, which the table asks for even
// though nobody else is there.
func (r *replayer) run(x *exec, cmd command, c aof.Command) error {
	if cmd.keys == oneKey || cmd.one != nil && len(c.Args) == 2 {
		s, h := x.locateBytes(c.Args[1])
		s.Lock()
		defer s.Unlock()
		return cmd.one(x, s, h, c.DB, string(c.Args[1]), c.Args[2:])
	}
	r.e.table.LockAll()
	defer r.e.table.UnlockAll()
	return cmd.many(x, c.DB, c.Args[1:])
}

// lookup gives the upper-case name of a known command.
func lookup(name []byte) (string, bool) {
	if len(name) > 16 {
		return "", false
	}
	if _, ok := commands[string(name)]; ok {
		return string(name), true
	}
	upper := strings.ToUpper(string(name))
	_, ok := commands[upper]
	return upper, ok
}

// printable shortens what may be no name at all. A name is no key or value, and may be shown.
func printable(name []byte) string {
	const most = 32
	if len(name) > most {
		return string(name[:most]) + "..."
	}
	return string(name)
}
