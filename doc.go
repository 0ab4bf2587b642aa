// Package perdure is an in-memory key-value store that survives: data lives in RAM and is served
// at in-process speed, and it lives on disk in Redis's own files, so that redis-server and
// valkey-server open what perdure wrote and perdure opens what they wrote.
//
//	s, err := perdure.Open("data")
//	if err != nil { ... }
//	defer s.Close()
//	err = s.Set("user:1", []byte("Ada"), perdure.TTL(time.Hour))
//	n, err := s.Incr("visits")
//
// # What survives
//
// By default every write goes to an append-only log before it returns, and the log is forced to
// disk every second; a snapshot is saved by rules as well, and at Close. A killed process loses
// nothing it acknowledged. What a power failure may take depends on the fsync policy:
//
//	aof.Always     nothing that was acknowledged
//	aof.EverySec   at most the last two seconds
//	aof.No         what came after the last Sync, Rewrite or Save
//	no log         what came after the last completed snapshot
//
// After any crash Open works unaided and gives a state that the store was in, transactions whole
// or absent; what was cut off a torn log is reported by Recovery. Log lines carry checksums, so a
// damaged file is an error with file and offset and never quietly other data.
//
// # Types
//
// Strings and integers are perdure's own. Lists, sets, hashes, sorted sets, streams and modules in
// a file that Redis wrote are carried along untouched: they can be deleted, expire, and are saved
// again byte for byte, and Get answers ErrWrongType.
//
// # Concurrency
//
// Everything may be called from any goroutine. Keys are spread over shards with a lock each;
// saving and rewriting go on beside readers and writers, with no fork and no pause that grows with
// the data. The data set is kept outside the Go heap where the system allows, so that the garbage
// collector does not see it.
//
// The subpackages: aof and rdb make the log and the snapshots, and check and repair files without
// a store. appendlog and snapshot define what a log and a Snapshotter are, for those that a program
// writes itself, and storetest tests them.
package perdure
