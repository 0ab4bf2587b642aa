// Package manifest reads and writes the manifest of a log, and composes the names of its files.
//
// A manifest is a text file with one line per file of the log. It decides which files are the log:
// a file that it does not list is not part of it. Manifest lists the files, File is one line, and
// manifest.go specifies the format:
//
//	file appendonly.aof.2.base.rdb seq 2 type b size 1048 crc 0123456789abcdef
//	file appendonly.aof.1.incr.aof seq 1 type h
//	file appendonly.aof.2.incr.aof seq 2 type i size 102 id fedcba9876543210
//	#p1:50f93491
//
// Redis and Valkey also read the file, and skip perdure's pairs and its checksum. When they write
// the manifest again, they drop both. So every pair is optional when a manifest is read, and a
// manifest of a server is accepted.
//
// The pairs repeat properties that the listed files must have. A File compares them with a file
// that was found under its name (the methods CheckSize, CheckRDB, CheckTrailer, CheckIdentity,
// CheckBaseEnd, and CheckGood), and returns a *corrupt.Error that names the file and the offset.
// Open and Check call these methods as soon as each property is known.
//
// Invariants of every manifest, parsed or written:
//
//  1. It lists at least one file and at most one base file.
//  2. Every name is a plain file name, and is listed once.
//  3. The sequence numbers of the incremental files increase.
//  4. A manifest that records a size ends with its checksum.
//
// Write installs a manifest atomically and durably. That step is the commit of every change of a
// log's files: before it, a crash leaves the old log, and after it, the new one. The caller must
// make the listed files durable before it calls Write, and may delete obsolete files only after it.
//
// The package does not open the listed files, and it does not know the log's directory. A Log, a
// Check, and a Repair do. A Manifest is not safe for concurrent changes. Its owner changes a copy
// and installs that.
package manifest
