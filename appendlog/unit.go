package appendlog

import (
	"strconv"

	"github.com/perduredb/perdure/internal/resp"
)

// Multi and Exec enclose the commands of a transaction.
const (
	Multi = "*1\r\n$5\r\nMULTI\r\n"
	Exec  = "*1\r\n$4\r\nEXEC\r\n"
)

// AppendCommand appends one command in RESP to dst and returns the result. The first argument is
// the name of the command.
func AppendCommand[T string | []byte](dst []byte, args ...T) []byte {
	dst = resp.AppendHeader(dst, len(args))
	for _, a := range args {
		dst = resp.AppendBulk(dst, a)
	}
	return dst
}

// AppendSelect appends the command that selects a database to dst and returns the result.
func AppendSelect(dst []byte, db int) []byte {
	return AppendCommand(dst, "SELECT", strconv.Itoa(db))
}

// AppendUnit appends a unit that works on database db to dst and returns the result. It inserts a
// SELECT before the unit unless selected is db. Selected is the database that is selected before
// the unit: lastDB of the previous Append, 0 at the start of a file, or -1 if it is not known.
func AppendUnit(dst []byte, selected, db int, unit []byte) []byte {
	if selected != db {
		dst = AppendSelect(dst, db)
	}
	return append(dst, unit...)
}
