// Package rdb reads and writes Redis's dump files, and Valkey's: the RDB format.
//
// A Reader gives a dump to a tool record by record, and a Writer writes one; Decode and Encode carry a
// whole data set between a dump and a store. All of these are a pure codec: bytes in, entries out, and
// back, without clock or store. New gives the Snapshotter that keeps a data set in a dump.rdb. Check reports what a dump
// holds and whether a server would take it. AppendDump and ParseDump do the same for single
// values, as the payload of RESTORE.
//
// Strings are decoded. Values of every other type are carried as the exact bytes of the file, checked
// to their last element, so that a dump that is read and written again loses nothing; DecodeValue
// and Entry.Decode give what is in them. What has expired, what occurs twice and how many databases
// there are is the business of who loads.
//
// The functions may be called from any goroutine; a Reader, a Writer or a Dump belongs to
// one at a time.
package rdb
