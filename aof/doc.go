// Package aof implements the append-only log in the multi-part file layout of Redis 7 and Valkey.
// The log records every write as a command, in commit order.
//
// A log is a directory. Its manifest lists one base file, which holds a point-in-time snapshot of
// the data set, and the incremental files written since. The caller writes and reads the contents
// of an RDB base file. The package does not interpret them, and it does not run commands.
//
// A [Log] is safe for concurrent use. Appends take effect in the order of the calls. [Check] and
// [Repair] work on the files of a log that is not open.
package aof
