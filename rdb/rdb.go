// Package rdb reads and writes the RDB format: the dump files of Redis and Valkey.
//
// A [Reader] reads a dump record by record, and a [Writer] writes one. [Decode] and [Encode] copy a
// whole data set between a dump and a store. All four are a pure codec: they convert between bytes
// and entries and use neither a clock nor a store. [New] returns the Snapshotter that stores a data
// set in a dump.rdb. [Check] reports the contents of a dump and whether a server would load it.
// [AppendDump] and [ParseDump] encode and decode single values, as the payload of RESTORE.
//
// Strings are decoded. Values of all other types are preserved byte for byte and checked to their
// last element, so reading a dump and writing it again loses nothing. [DecodeValue] and
// [Entry.Decode] decode their contents. The caller that loads a dump handles expired keys,
// duplicate keys, and the number of databases.
//
// The functions and the methods of a [Dump] may be called from any goroutine. Only one goroutine at
// a time may use a Reader or a Writer.
package rdb
