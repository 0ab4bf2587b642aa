package appendlog

import (
	"context"
	"io"
)

// A Rewrite replaces the contents of a log by one base. A store calls Cut and then Commit, or
// Abort. Only one Rewrite exists at a time. It ends with Abort or when Commit returns.
type Rewrite interface {
	// Cut sets the point in time of the base. Units appended before it are in the base, and units
	// appended after it follow the base. The store calls Cut once, while it holds every lock that a
	// writer takes, so Cut works in memory and does not wait for a disk.
	Cut()

	// Commit writes the base through b and returns when the log durably consists of the base and
	// the units appended since Cut. A crash at any time leaves the old log with every unit, or the
	// new one. The log's Append and Commit work during the call.
	//
	// On an error, including one of ctx or b, the log is as complete as before, with the units
	// appended since Cut, and another Rewrite can begin. A log that had failed remains failed.
	Commit(ctx context.Context, b Base) error

	// Abort cancels a Rewrite on which Cut was not called. Abort of a Rewrite that has ended
	// does nothing.
	Abort()
}

// A Base writes the whole data set, as of the Cut of a Rewrite, in the form that the log requests.
// A log calls one of the functions, once.
type Base struct {
	// RDB writes an RDB file. It stores origin, at most 128 bytes of text, so that a later
	// Replayer.Base can return it.
	RDB func(w io.Writer, origin string) error
	// Commands writes RESP commands, with the log's own AppendSelect where needed. Each Write
	// consists of whole commands.
	Commands func(w io.Writer) error
}

// A BaseInfo describes an RDB at the start of a file.
type BaseInfo struct {
	Size   int64  // bytes of the RDB; commands may follow
	Origin string // origin that Base.RDB stored, or ""
}
