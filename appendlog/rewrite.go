package appendlog

import (
	"context"
	"io"
)

// Rewrite replaces the history of a log by one base. A store calls Cut and then Commit, or Abort.
// There is one Rewrite at a time; it ends with Abort or when Commit returns.
type Rewrite interface {
	// Cut marks the point in time of the base: units appended before it are in the base, and units
	// appended after it follow the base. The store calls it once, with every lock held that a
	// writer takes, so it works in memory and does not wait for a disk.
	Cut()

	// Commit writes the base through b and returns when the log consists, durably, of the base and
	// the units appended since Cut. A crash at any time leaves the old log with every unit, or the
	// new one. Append and Commit of the log go on during the call.
	//
	// On an error, ctx's and b's included, the log is as complete as before, with the units
	// appended since Cut, and another Rewrite can begin. A log that had failed stays failed.
	Commit(ctx context.Context, b Base) error

	// Abort cancels a Rewrite on which Cut was not called. Abort of a Rewrite that has ended
	// does nothing.
	Abort()
}

// Base writes the whole data set, as of the Cut of a Rewrite, in the form that the log asks for. A
// log calls one of the functions, once.
type Base struct {
	// RDB writes an RDB file. It stores origin, at most 128 bytes of text, so that a later
	// Replayer.Base can return it.
	RDB func(w io.Writer, origin string) error
	// Commands writes RESP commands, with the log's own AppendSelect where needed. Each Write has
	// whole commands.
	Commands func(w io.Writer) error
}

// BaseInfo describes an RDB at the start of a file.
type BaseInfo struct {
	Size   int64  // bytes; commands may follow
	Origin string // as Base.RDB stored it; "" if it did not
}
