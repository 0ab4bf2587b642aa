// Package perdure is an in-memory, durable key-value store. Data stays in memory and is served in
// process. On disk it is kept in Redis's own file formats. redis-server and valkey-server can open
// perdure's files, and perdure can open theirs.
//
//	s, err := perdure.Open("data")
//	if err != nil { ... }
//	defer s.Close()
//	err = s.Set("user:1", []byte("Ada"), perdure.TTL(time.Hour))
//	n, err := s.Incr("visits")
//
// # Durability
//
// By default every write goes to an append-only log before it returns, and the log is fsynced every
// second. In addition, a snapshot is saved automatically by rules, and at Close. A killed process
// loses no acknowledged write. The fsync policy ([aof.Always], [aof.EverySec], or [aof.No])
// determines what a power failure can lose:
//
//	aof.Always     no acknowledged write
//	aof.EverySec   at most the last two seconds
//	aof.No         the writes after the last Sync, Rewrite or Save
//	no log         the writes after the last completed snapshot
//
// After any crash, [Open] recovers without manual repair to a state that the store was in.
// Transactions are atomic, and [Store.Recovery] reports any bytes truncated from a torn log. Log
// lines carry checksums. A damaged file is reported as a [*CorruptError] with the file and offset;
// it never yields wrong data silently.
//
// # Types
//
// The methods of a store are for strings and integers. [Store.HashAt], [Store.ListAt],
// [Store.SetAt], and [Store.SortedSetAt] return the collection at a key, with methods for its type:
//
//	n, err := s.HashAt("session:7").IncrBy("visits", 1)
//
// A method for another type than that of the key's value returns [ErrWrongType]. Streams and module
// values in a file written by Redis are preserved byte for byte. Values of all types can be deleted
// and can expire.
//
// # Concurrency
//
// Every function and method can be called from any goroutine, unless its type says otherwise. Keys
// are spread over shards with one lock each. Saves and rewrites run concurrently with readers and
// writers, with no fork and no pause that grows with the data. The data set is kept outside the Go
// heap where the operating system allows it, so that the garbage collector does not scan it.
//
// The subpackages aof and rdb implement the log and the snapshots, and check and repair files
// without a store. Packages appendlog and snapshot define the interfaces of a log and a
// Snapshotter, for programs that implement their own. Package storetest tests such implementations.
package perdure
