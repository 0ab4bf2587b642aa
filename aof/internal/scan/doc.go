// Package scan reads the log records of one file, verifies them, and decides how the file ends.
//
// A Scanner reads the commands of a base file or an incremental file from an offset to the end, or
// to the first problem. It emits whole log records: one command, or the commands of a transaction.
// It holds back the records that perdure wrote until the commit marker of their group verifies. It
// emits the records of another program as they come, because no checksum covers them. Result
// describes what was read:
//
//	0        start of the last group      Good              end of the file
//	| groups with markers | records of a server, emitted | torn or damaged |
//
// A scan has one of three ends. The file is whole, perhaps with padding at its end. Or it has a
// problem, and Judge classifies it with all that the rest of the file proves (verdict.go):
//
//	Torn      a crash explains it; Open truncates the file at Good
//	Damaged   no crash explains it; Open refuses the file, and Repair can truncate it
//	Refused   truncating it would lose bytes that were known to be durable
//
// Or the scan has reached the time limit Until, and stops at the first record after that time
// (until.go).
//
// Memory is bounded. A group or a transaction of more than 128 Ki commands is not held; it is read
// a second time once it is known to be whole (reread.go).
//
// Invariants:
//
//  1. Records are emitted once, in the order of the file.
//  2. A record of perdure that no valid marker covers is never emitted, unless a server has loaded
//     it before: then a SELECT in capitals follows it.
//  3. Truncated at Good, a file is whole, and a scan of it emits the same records.
//
// The package reads one file at a time and changes none. It does not know the other files of the
// log: a replay, a check, and a rebuild of the manifest decide what a Result means for the log.
package scan
