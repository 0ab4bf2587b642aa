package op

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/internal/glob"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/table"
)

// step reads the keys of one segment of a database.
func (x *Exec) step(db int, cursor table.Cursor, buf *table.ScanBuffer) (next table.Cursor, more bool) {
	if x.Unlocked {
		return x.Store.Table.Scan(db, cursor, buf)
	}
	return x.Store.Table.ScanLocked(db, cursor, buf)
}

// alive reports whether an entry of a scan has not expired.
func (x *Exec) alive(en table.Entry) bool { return en.ExpireAtMs == 0 || x.Now() <= en.ExpireAtMs }

// keys is KEYS pattern. The number of keys is known at the end, so it collects the elements first.
func keys(x *Exec, db int, args [][]byte) error {
	pattern, n := string(args[0]), 0
	found := &resp.Reply{}
	buf := &table.ScanBuffer{KeysOnly: true}
	var cursor table.Cursor
	for more := true; more; {
		cursor, more = x.step(db, cursor, buf)
		for _, en := range buf.Entries() {
			if x.alive(en) && glob.Match(pattern, en.Key) {
				found.Bulk(en.Key)
				n++
			}
		}
		if !x.Reply.Fits(len(found.Buf)) {
			return errReply
		}
	}
	x.Reply.Array(n)
	x.Reply.Buf = append(x.Reply.Buf, found.Buf...)
	return nil
}

// scanOptions are the options of SCAN.
type scanOptions struct {
	pattern string // "" for all
	count   int64
	kind    string // "" for all
}

// parseScan parses the options of a scan. Only that of keys selects a type.
func (x *Exec) parseScan(args [][]byte, keys bool) (o scanOptions, err error) {
	o.count = 10
	for i := 0; i < len(args); i += 2 {
		if i+1 == len(args) {
			return o, errSyntax
		}
		switch strings.ToUpper(string(args[i])) {
		case "COUNT":
			if o.count, err = x.integer(args[i+1]); err != nil {
				return o, err
			}
			if o.count < 1 {
				return o, errSyntax
			}
		case "MATCH":
			o.pattern = string(args[i+1])
		case "TYPE":
			if !keys {
				return o, errSyntax
			}
			o.kind = strings.ToLower(string(args[i+1]))
		default:
			return o, errSyntax
		}
	}
	return o, nil
}

var errCursor = clientError("invalid cursor")

// parseCursor parses a cursor as strtoul does, which accepts a sign, and nothing at all.
func parseCursor(text string) (n uint64, err error) {
	if text == "" {
		return 0, nil
	}
	digits, negative := strings.CutPrefix(text, "-")
	if !negative {
		digits = strings.TrimPrefix(text, "+")
	}
	if n, err = strconv.ParseUint(digits, 10, 64); err != nil {
		return 0, errCursor
	}
	if negative {
		n = -n
	}
	return n, nil
}

// scan is SCAN cursor [MATCH pattern] [COUNT n] [TYPE t]. A cursor is the one of the table. A reply
// has the keys of whole segments, and can have more than COUNT keys, or fewer.
func scan(x *Exec, db int, args [][]byte) error {
	number, err := parseCursor(Shown(args[0], len(args[0])))
	if err != nil {
		return err
	}
	r, seen := &scanReply{}, int64(0)
	if r.o, err = x.parseScan(args[1:], true); err != nil {
		return err
	}
	buf := &table.ScanBuffer{KeysOnly: r.o.kind == "" || r.o.kind == "string"}
	cursor, more := table.Cursor(number), true
	for more && seen < r.o.count {
		cursor, more = x.step(db, cursor, buf)
		for _, en := range buf.Entries() {
			if seen++; x.alive(en) && r.wants(en.Key) && r.o.wants(en) {
				r.add(en.Key)
			}
		}
		if !x.Reply.Fits(len(r.Buf)) {
			return errReply
		}
	}
	if !more {
		cursor = 0
	}
	x.replyScan(uint64(cursor), r)
	return nil
}

// wants reports whether the type selects an entry.
func (o *scanOptions) wants(en table.Entry) bool {
	switch {
	case o.kind == "":
		return true
	case en.Kind == table.String:
		return o.kind == "string"
	case o.kind == "string":
		return false
	}
	return opaqueName(en.Value) == o.kind
}

// randomKey is RANDOMKEY. It starts a scan at a random position, and chooses among the keys of the
// first segment that has one.
func randomKey(x *Exec, db int, _ [][]byte) error {
	buf := &table.ScanBuffer{KeysOnly: true}
	for _, cursor := range []table.Cursor{table.Cursor(rand.Uint64()), 0} {
		for more := true; more; {
			cursor, more = x.step(db, cursor, buf)
			entries := buf.Entries()
			for _, i := range rand.Perm(len(entries)) {
				if x.alive(entries[i]) {
					x.Reply.Bulk(entries[i].Key)
					return nil
				}
			}
		}
	}
	x.Reply.Null()
	return nil
}

func dbSize(x *Exec, db int, _ [][]byte) error {
	x.Reply.Int(x.Store.Table.Len(db))
	return nil
}
