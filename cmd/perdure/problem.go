package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// problem describes a problem of a file and its consequences.
type problem struct {
	Offset int64  `json:"offset"`
	What   string `json:"what"`
	Torn   bool   `json:"torn"`            // an ordinary crash explains it
	DB     *int   `json:"db,omitempty"`    // if known
	Key    string `json:"key,omitempty"`   // quoted as in Go; with --keys only
	Means  string `json:"means,omitempty"` // the effect on Open and on a server
	Next   string `json:"next,omitempty"`  // the next step for the user

	missing bool
}

func problemOf(e *perdure.CorruptError) *problem {
	if e == nil {
		return nil
	}
	what := e.What
	if e.Err != nil {
		what += ": " + errtext.Trim(e.Err)
	}
	return &problem{Offset: e.Offset, What: what, Torn: e.Torn, missing: errors.Is(e.Err, fs.ErrNotExist)}
}

// unsupported records an unknown record. keys is the number of keys before it.
func (f *checkedFile) unsupported(e *perdure.UnsupportedError, keys int64) {
	f.OK, f.Unsupported, f.Good = false, true, e.Offset
	f.Problem = &problem{
		Offset: e.Offset, What: "not supported: " + e.What, Next: e.WayOut,
		Means: "Open refuses the file and changes nothing; perdure dump prints the " + count(keys, "readable key"),
	}
	if f.Kind != string(formDump) && f.Kind != string(formZst) {
		f.Problem.Means = "Open refuses the log and changes nothing; the file has " + count(keys, "readable key")
	}
	if e.WayOut == "" {
		f.Problem.Next = "use a newer version of perdure, or export the keys with the program that wrote the file"
	}
}

// refused records a command that cannot be applied.
func (f *checkedFile) refused(e *appendlog.CommandError) {
	f.OK, f.command = false, true
	f.Unsupported = errors.Is(e.Err, perdure.ErrUnsupported)
	f.Good = e.Offset
	f.Problem = &problem{Offset: e.Offset, What: e.Name + ": " + errtext.Trim(e.Err)}
}

// explain sets the meaning of a problem and the next step. path is the user's argument.
func (f *checkedFile) explain(path string) {
	p := f.Problem
	if p == nil || p.Next != "" {
		return
	}
	const backup = "restore a backup with 'perdure restore BACKUP DIR'"
	switch {
	case p.missing && f.Kind == "manifest":
		p.Means = "the list of the log's files is lost; Open fails, and a server starts with an empty log"
		p.Next = "run 'perdure repair " + path + "' to rebuild it from the files that belong together"
	case p.missing:
		p.Means = "the manifest lists a missing file; Open fails, and a server does not start"
		p.Next = "put the file back, or " + backup
	case f.Kind == "manifest":
		p.Means = "the list of the log's files cannot be read; Open fails, and a server does not start"
		p.Next = "rebuild it from the files in its directory, with one line `file NAME seq N type b|i` for each, or " + backup
	case f.Kind == kindTail:
		p.Means = "the last writes that a killed process acknowledged cannot be read; Open fails instead of losing them silently"
		p.Next = "run 'perdure repair " + path + "' to rename and keep the file; the log then lacks about its last millisecond"
	case f.command:
		p.Means = "Open refuses the log and changes nothing"
		p.Next = "start the server that wrote the log, with aof-use-rdb-preamble yes, and run BGREWRITEAOF"
		if !f.Unsupported && strings.HasPrefix(p.What, "RESTORE") {
			p.Next = "a server also refuses this value, and continues without it; " + backup
		}
	case f.some:
		p.Means = "Open and some servers load the value unchanged; a server that refuses it does not start with this file"
		p.Next = "rewrite the value with a server that loads it before you use the file with one that does not"
	case f.trailing:
		p.Means = "Open and servers load the dump and ignore the bytes after it; no server writes them"
		p.Next = "inspect the bytes; perdure convert writes the dump without them"
	case f.odd:
		p.Means = "a server loads the file, possibly without this key, but never writes such a value; the program that wrote it has a bug"
		p.Next = "Open loads the value unchanged; find the program that wrote the file"
	case f.Torn > 0:
		p.Means = "a crash left an incomplete tail; Open truncates and reports it, a server truncates it or does not start"
		p.Next = "run 'perdure repair " + path + "' to truncate it and keep a copy of the tail"
	case f.repairable:
		p.Means = "the last file of the log has bytes that no crash explains; Open fails and changes nothing"
		p.Next = "inspect the offset; run 'perdure repair " + path + "' to truncate there and keep a copy of the tail"
	case f.Kind == string(formDump) || f.Kind == string(formZst):
		p.Means = "Open and servers refuse the dump and change nothing"
		p.Next = backup
	case f.Kind == string(formJSON):
		p.Means = "convert, dump, and restore refuse the file and write nothing"
		p.Next = "correct the line"
	default:
		p.Means = "truncating here would lose the data after it; Open fails and changes nothing"
		p.Next = backup + "; if a store or server is still running, write a new log: Rewrite, BGREWRITEAOF"
	}
}

func (f *checkedFile) printProblem(b *strings.Builder) {
	word := "damaged"
	switch {
	case f.Torn > 0:
		word = "torn"
	case f.odd || f.some || f.trailing:
		word = "odd"
	case f.Unsupported:
		word = "unsupported"
	case f.command:
		word = "refused"
	}
	p := f.Problem
	fmt.Fprintf(b, "  %-8s %s: offset %d: %s\n", word, f.File, p.Offset, p.What)
	if f.Size > 0 && f.Kind != string(formZst) {
		state := "intact"
		if f.Unsupported {
			state = "supported"
		}
		fmt.Fprintf(b, "           %s up to offset %d of %d\n", state, f.Good, f.Size)
	}
	if p.DB != nil {
		key := p.Key
		if key == "" {
			key = "key hidden; use --keys to show it"
		}
		fmt.Fprintf(b, "           database %d, %s\n", *p.DB, key)
	}
	fmt.Fprintf(b, "           means: %s\n           next: %s\n", p.Means, p.Next)
}

// findKey finds the database of damage in a dump and, if show is set, the key. The damaged key is
// the one after the last intact key. findKey reads the dump again to find the last intact key, and
// once more without decoding values, to get past the damaged key. If that fails, it names the last
// intact key.
func (a *app) findKey(f *checkedFile, show bool, with func(func(io.Reader, int64) error) error) {
	whole := &keyFinder{}
	pass := func(k *keyFinder, opts ...rdb.Option) {
		// An error at the end is expected. Only the keys before it matter.
		_ = with(func(r io.Reader, size int64) error {
			_, err := rdb.Decode(context.Background(), r, size, k, opts...)
			return err
		})
	}
	pass(whole)
	past := &keyFinder{stop: whole.n + 1}
	if f.odd {
		past.odd = true
		past.stop = 0
	}
	if f.some {
		past.stop, past.at = 0, f.Problem.Offset
	}
	pass(past, rdb.Validate(false))
	switch {
	case past.found:
		f.Problem.place(past.db, "key ", past.key, show)
	case whole.n > 0:
		f.Problem.place(whole.db, "after key ", whole.key, show)
	}
}

// place records the database and the key of a problem.
func (p *problem) place(db int, what, key string, show bool) {
	p.DB = &db
	if show {
		p.Key = what + strconv.QuoteToASCII(key)
	}
}

// keyFinder keeps the n-th key of a dump, the first key with an odd value, or the key at an offset.
type keyFinder struct {
	n, stop int64
	at      int64 // the offset of the value to find; 0 means none
	odd     bool
	found   bool
	db      int
	key     string
}

// Load implements [snapshot.Loader].
func (k *keyFinder) Load(e snapshot.Entry) error {
	k.n++
	if k.at > 0 { // the value belongs to the last key before the offset
		if e.Offset >= k.at {
			return errEnough
		}
		k.db, k.key, k.found = e.DB, string(e.Key), true
		return nil
	}
	k.db, k.key = e.DB, string(e.Key)
	if k.odd {
		_, err := rdb.DecodeValue(e.Type, e.Value)
		k.found = err != nil && !errors.Is(err, rdb.ErrUnsupported)
	} else {
		k.found = k.n == k.stop
	}
	if k.found {
		return errEnough
	}
	return nil
}

func (*keyFinder) Expect(int, int64, int64)   {}
func (*keyFinder) Ordered(string)             {}
func (*keyFinder) Extra(snapshot.Extra) error { return nil }
func (*keyFinder) Progress(int64, int64)      {}
