// Package rdb reads and writes Redis's dump files, and Valkey's: the RDB format.
//
// Decode and Encode are a pure codec: bytes in, entries out, and back, without clock, files or
// store. New gives the Snapshotter that keeps a data set in a dump.rdb. Check reports what a dump
// holds and whether a server would take it. AppendDump and ParseDump do the same for single
// values, as the payload of RESTORE.
//
// Strings are decoded. Values of every other type are carried as the exact bytes of the file, checked
// to their last element, so that a dump that is read and written again loses nothing; DecodeValue
// gives what is in them. What has
// expired, what occurs twice and how many databases there are is the business of who loads.
//
// The functions may be called from any goroutine; a Dump belongs to one at a time.
package rdb
