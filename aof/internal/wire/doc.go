// Package wire defines the lines that perdure writes into a log between commands, and where it
// writes them.
//
// Redis 7 and Valkey skip a line that begins with #. perdure uses such lines to protect the log:
//
//	opening line     identifies a file and its neighbor, and salts its checksums   opening.go
//	commit marker    ends a commit group and checksums it                          marker.go
//	padding          is written ahead of need, or keeps a marker inside a page     padding.go
//	timestamp        records the time before the first write of a second           timestamp.go
//
// A file of commands that perdure begins is
//
//	file    = opening group* padding*
//	group   = (record | timestamp | padding)* marker
//	record  = command | MULTI command* EXEC
//
// and a SELECT that perdure writes is in lowercase (AppendSelect), so that the SELECT of a server
// that has continued the file can be recognized.
//
// Other functions read these lines in files that a crash has left. ReadOpening and ClosingMarker
// read both ends of a file. TrustedSync searches after damage for markers that still verify, and so
// proves which bytes were durable. AfterMarkers skips markers. Paginate lays out a group that is
// written over padding.
//
// These invariants hold for every file that perdure has written alone:
//
//  1. Every byte is covered by the checksum of one marker, the opening line included. The digits of
//     a marker and padding at the end of the file are the exceptions.
//  2. A checksum is seeded with the number and the salt of the file and with the offset of the
//     group. The same bytes at another offset, or in another file, do not verify.
//  3. A marker and an opening line each lie within one page, because a kill tears a write at the
//     end of a page.
//  4. The bytes that a marker declares synced were durable when the marker was written.
//  5. Padding is not data. No sector that begins inside a log record that was written over padding
//     has the first byte of a command or a line.
//
// The package keeps no state, does not know the manifest or the tail file, and reads files only
// through io.ReaderAt. A Log writes the lines through its incremental file. The scanner verifies
// them. The manifest and the tail file use this checksum and this form of an id. docs/formats.md
// specifies the lines for other programs.
package wire
