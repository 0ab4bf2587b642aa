// Package aof keeps the append-only log: every write, as a command, in order, in the files that
// Redis 7 and Valkey use.
//
// A log is a directory. Its manifest names one base file, which holds the whole data set at one
// instant, and the increments written since. The package knows nothing of what an RDB base
// contains: its caller writes and reads it. It does not run commands either.
//
// A Log may be used from any goroutine; appends are ordered as they are called. Check and Repair
// work on the files of a log that nobody has open.
package aof
