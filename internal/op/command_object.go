package op

import (
	"math"
	"strings"

	"github.com/perduredb/perdure/internal/collection"
	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

func typeOf(x *Exec, p Place, _ [][]byte) error {
	it, ok := x.Find(p)
	if !ok {
		x.Reply.Line("none")
		return nil
	}
	x.Reply.Line(typeName(it))
	return nil
}

// opaqueName returns Redis's name for the type of an opaque value as the table stores it.
func opaqueName(value []byte) string { return rdb.TypeName(collection.Type(value)) }

// dump is DUMP key.
func dump(x *Exec, p Place, _ [][]byte) error {
	it, ok := x.Find(p)
	if !ok {
		x.Reply.Null()
		return nil
	}
	if !x.Reply.Fits(it.ValueLen()) {
		return errReply
	}
	t, value := snapshot.String, it.AppendValue(nil)
	if it.Kind() == table.Opaque {
		t, value = collection.Portable(collection.Payload(x.trees(p), value))
	}
	x.Reply.Bulk(rdb.AppendDump(nil, t, value))
	return nil
}

// embedded is the longest string that Redis stores in one piece with its header.
const embedded = 44

// shared is the reference count of Redis for small integers, which all keys share.
const shared = math.MaxInt32

var objectHelp = []string{
	"OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
	"ENCODING <key>",
	"    Return the kind of internal representation used in order to store the value",
	"    associated with a <key>.",
	"FREQ <key>",
	"    Return the access frequency index of the <key>. The returned integer is",
	"    proportional to the logarithm of the recent access frequency of the key.",
	"IDLETIME <key>",
	"    Return the idle time of the <key>, that is the approximated number of",
	"    seconds elapsed since the last access to the key.",
	"REFCOUNT <key>",
	"    Return the number of references of the value associated with the specified",
	"    <key>.",
	"HELP",
	"    Prints this help.",
}

var errFreq = clientError("An LFU maxmemory policy is not selected, access frequency not tracked. " +
	"Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.")

// object is OBJECT ENCODING|FREQ|IDLETIME|REFCOUNT key. The reply to ENCODING is the encoding that
// Redis would choose for a new value.
func object(x *Exec, db int, args [][]byte) error {
	name := strings.ToUpper(string(args[0]))
	switch name {
	case "HELP":
		if len(args) == 1 {
			x.Reply.Lines(objectHelp)
			return nil
		}
		return errSyntax
	case "ENCODING", "FREQ", "IDLETIME", "REFCOUNT":
		if len(args) != 2 {
			return errSyntax
		}
	default:
		return errSyntax // a server checks the name
	}
	p := x.Locate(db, string(args[1]))
	it, ok := x.Find(p)
	if !ok {
		x.Reply.Null()
		return nil
	}
	switch name {
	case "ENCODING":
		x.Reply.Text(x.encodingOf(p, it))
	case "FREQ":
		return errFreq
	case "IDLETIME":
		x.Reply.Int(0)
	case "REFCOUNT":
		n, isInt := it.Int()
		if it.Kind() == table.String && isInt && 0 <= n && n < 10000 {
			x.Reply.Int(shared)
		} else {
			x.Reply.Int(1)
		}
	}
	return nil
}

func (x *Exec) encodingOf(p Place, it table.Item) string {
	if stored := it.Opaque(); stored != nil {
		return collectionEncoding(x.opening(p, stored), typeName(it), stored)
	}
	if _, ok := it.Int(); ok {
		return "int"
	}
	if it.ValueLen() > embedded {
		return "raw"
	}
	return "embstr"
}

// collectionEncoding returns the encoding of a value of a type other than string.
func collectionEncoding(env collection.Env, kind string, stored []byte) string {
	switch kind {
	case "list":
		return "quicklist"
	case "hash":
		if h, err := collection.OpenHash(env, stored); err == nil {
			return h.Encoding()
		}
	case "set":
		if s, err := collection.OpenSet(env, stored); err == nil {
			return s.Encoding()
		}
	case "zset":
		if z, err := collection.OpenSortedSet(env, stored); err == nil {
			return z.Encoding()
		}
	}
	return kind
}
