package engine

import (
	"slices"

	"github.com/perduredb/perdure/internal/op"
)

// databases maps the database numbers of a replayed log to databases of the table. A SWAPDB changes
// only this mapping, and a FLUSHALL of empty databases does nothing. A log of a million such
// commands therefore does not take longer to read than one of other commands.
type databases struct {
	meant []int  // by number in the log: the table's number
	used  []bool // by the table's number: it may contain keys
}

func newDatabases(n int) databases {
	d := databases{make([]int, n), make([]bool, n)}
	for i := range d.meant {
		d.meant[i] = i
	}
	return d
}

// swapDB applies SWAPDB.
func (r *replayer) swapDB(args [][]byte) error {
	x := r.pipeline.exec()
	a, err := x.Database(args[0])
	if err != nil {
		return err
	}
	b, err := x.Database(args[1])
	if err != nil {
		return err
	}
	d := &r.databases
	d.meant[a], d.meant[b] = d.meant[b], d.meant[a]
	r.pipeline.dirty.Add(1)
	return nil
}

// swapNow swaps the databases of the table, so that their numbers are those of the log again.
func (r *replayer) swapNow() {
	d := &r.databases
	if slices.IsSorted(d.meant) {
		return
	}
	r.pipeline.settle()
	t := r.e.table
	t.LockAll()
	defer t.UnlockAll()
	for i := range d.meant {
		if from := d.meant[i]; from != i {
			for n := range t.NumShards() {
				t.ShardAt(n).SwapDB(i, from)
			}
			d.used[i], d.used[from] = d.used[from], d.used[i]
			d.meant[slices.Index(d.meant, i)], d.meant[i] = from, i
		}
	}
}

// flush applies FLUSHDB to some databases.
func (r *replayer) flush(numbers []int, args [][]byte) error {
	if err := op.FlushMode(args); err != nil {
		return err
	}
	d := &r.databases
	for _, n := range numbers {
		db := d.meant[n]
		if !d.used[db] {
			continue
		}
		d.used[db] = false
		err := r.locked(func(x *op.Exec) error {
			x.Clear(db)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// flushAll applies FLUSHALL. Function libraries are kept, as in a server.
func (r *replayer) flushAll(args [][]byte) error {
	if err := r.flush(r.databases.meant, args); err != nil {
		return err
	}
	r.e.ops.Types.Clear()
	return nil
}
