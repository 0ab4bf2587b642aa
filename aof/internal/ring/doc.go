// Package ring implements the tail file, the mirror of the records that a log in Ring mode has not
// written yet.
//
// The tail file is mapped into memory, so it outlives a killed process: the kernel has every byte
// that was stored. A write returns once its record is there, and the log is written about 1 ms
// later. After a kill the next Open finds the missing records in the tail file. After a power
// failure the contents are worthless, which the boot id in the file shows.
//
// The package has two halves that share the format (file.go) and nothing else:
//
//	Create, Ring   write the file of a running log       create.go, ring.go
//	Read, File     read the file that a process left     file.go
//	NewPlan, Plan  find the bytes that the log lacks     plan.go
//
// A Ring is a mirror. It copies the bytes of the log's pending buffer, and the log is never written
// from it. Its file consists of a head, three headers, and three regions:
//
//	0           head: magic, sizes, id of the file, id of the boot; never changed
//	512 ...     headers of the regions: generation, length and checksum, log position
//	4096 ...    the regions
//
// Each buffer has a region. While the log writes one buffer, the next one fills another region, and
// a rewrite divides a buffer in two. So three regions suffice; a buffer that gets none is safe when
// it is written. A region records where in the log its bytes belong, before the log writes them
// there and after. A flag that they are written is not needed: a Plan compares the region with the
// log.
//
// Invariants of the file, at every instruction of the writer:
//
//  1. The first 512 bytes are durable before the file has its name, and never change.
//  2. A region is valid up to the length in its header. Length and checksum change with one store.
//  3. A region is published only when everything before it in the log is safe: written, or in an
//     earlier region that did not overflow.
//  4. Generations increase, and a region is not reused before its bytes are in the log.
//
// A Ring is not safe for concurrent use; the lock of the Log guards it. A failed store ends the use
// of a Ring, never the log, because the log still has the buffer. The commit markers of the log
// report the id of the tail file in use, so that Open detects a missing or a wrong file.
package ring
