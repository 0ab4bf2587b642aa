package op

import (
	"errors"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/internal/collection"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

var (
	errBusyKey    = errors.New("the key exists, and REPLACE is not given")
	errPayload    = errors.New("payload not valid")
	errRestoreTTL = clientError("Invalid TTL value, must be >= 0")
)

// restoreOptions are the options of RESTORE: [REPLACE] [ABSTTL] [IDLETIME s] [FREQ f]. The last two
// are hints for eviction, which the store does not record.
type restoreOptions struct{ replace, absolute bool }

func (x *Exec) parseRestoreOptions(args [][]byte) (o restoreOptions, err error) {
	idle, freq := false, false
	for i := 0; i < len(args); i++ {
		switch option := strings.ToUpper(string(args[i])); {
		case option == "REPLACE":
			o.replace = true
		case option == "ABSTTL":
			o.absolute = true
		case option == "IDLETIME" && i+1 < len(args) && !freq, option == "FREQ" && i+1 < len(args) && !idle:
			i++
			n, err := x.integer(args[i])
			switch {
			case err != nil && x.Replaying:
				return o, errSyntax
			case err != nil:
				return o, err
			case option == "IDLETIME" && n < 0:
				return o, clientError("Invalid IDLETIME value, must be >= 0")
			case option == "FREQ" && (n < 0 || n > 255):
				return o, clientError("Invalid FREQ value, must be >= 0 and <= 255")
			}
			idle, freq = idle || option == "IDLETIME", freq || option == "FREQ"
		default:
			return o, errSyntax
		}
	}
	return o, nil
}

func restore(x *Exec, p Place, args [][]byte) error {
	o, err := x.parseRestoreOptions(args[2:])
	if err != nil {
		return err
	}
	if !o.replace && x.Has(p) {
		return errBusyKey
	}
	at, err := x.restoreExpiry(args[0], o.absolute)
	if err != nil {
		return err
	}
	v := x.restoring(p, args[1])
	defer v.discard()
	switch {
	case v.err != nil && (x.Replaying || v.err == ErrNoMemory):
		return v.err
	case v.err != nil:
		return errPayload
	}
	if at != 0 && !x.Replaying && at <= x.Now() { // it would be expired at once
		x.delete(p)
		x.Reply.Line("OK")
		return nil
	}
	if err := x.storeRestored(p, v, at); err != nil {
		return err
	}
	x.Dirty++
	ms := strconv.AppendInt(nil, at, 10)
	x.commandOn(p, "RESTORE", [][]byte{ms, args[1], []byte("REPLACE"), []byte("ABSTTL")})
	x.Reply.Line("OK")
	return nil
}

// restoreExpiry parses the expiry of RESTORE, which is relative unless ABSTTL is given. 0 means
// none.
func (x *Exec) restoreExpiry(arg []byte, absolute bool) (at int64, err error) {
	at, err = x.integer(arg)
	switch {
	case err != nil && !x.Replaying:
		return 0, err
	case err != nil || at < 0:
		if x.Replaying {
			return 0, ErrTTL
		}
		return 0, errRestoreTTL
	case at != 0 && !absolute && !x.Replaying:
		return at + x.Now(), nil // can overflow, as in Redis: the key is then expired
	case at != 0 && !absolute:
		return x.instant(arg, "PX")
	}
	return at, nil
}

// restored is the value of a RESTORE.
type restored struct {
	env    collection.Env
	value  []byte // a string, or the stored form of another type; nil once it is stored
	isText bool   // a string
	err    error
}

// PrepareRestore parses the payload of a RESTORE and converts its value before a lock is taken.
func (x *Exec) PrepareRestore(payload []byte) {
	env := collection.Env{Space: x.Store.Table.Trees(), Small: x.Store.SmallCollection}
	x.large.restored = restoredFrom(env, payload)
}

// restoring returns the value of a payload for a place, which PrepareRestore may have prepared.
func (x *Exec) restoring(p Place, payload []byte) *restored {
	if x.large != nil && x.large.restored != nil {
		v := x.large.restored
		x.large.restored = nil
		return v
	}
	return restoredFrom(x.undoable(p), payload)
}

func restoredFrom(env collection.Env, payload []byte) *restored {
	v := &restored{env: env}
	var t snapshot.Type
	if t, v.value, v.err = ParseRestore(payload); v.err != nil {
		return v
	}
	if v.isText = t == snapshot.String; !v.isText {
		v.value, v.err = Converted(env, collection.AppendStored(nil, t, v.value))
	}
	return v
}

// discard drops the trees of a value that was not stored.
func (v *restored) discard() {
	if v != nil && v.value != nil && v.err == nil && !v.isText {
		collection.Discard(v.env, v.value)
	}
}

// storeRestored stores the value of a RESTORE.
func (x *Exec) storeRestored(p Place, v *restored, at int64) (err error) {
	if v.isText {
		x.remember(p.Shard)
		err = p.set(table.String, v.value, at)
	} else {
		err = x.putInstead(p, v.value, at)
	}
	if err == nil {
		v.value = nil
	}
	return err
}

// longPayload is the size above which the value of a collection is converted when it is loaded or
// restored, because the first command would take long otherwise. A smaller value keeps its bytes
// until then.
const longPayload = 4 << 10

// Converted returns a value of another type than string in the form in which commands use it, if it
// is long. A value that cannot be converted is returned unchanged.
func Converted(env collection.Env, value []byte) ([]byte, error) {
	if len(value) <= longPayload || collection.IsStored(value) {
		return value, nil
	}
	stored, err := collection.Convert(env, value)
	switch {
	case errors.Is(err, ErrNoMemory):
		return nil, err
	case err != nil:
		return value, nil
	}
	return stored, nil
}

// ParseRestore parses the payload of a RESTORE. The payload is inside a command, so errors are
// wrapped to show that their offsets are relative to the payload.
func ParseRestore(payload []byte) (t snapshot.Type, value []byte, err error) {
	t, value, err = rdb.ParseDump(payload)
	if err != nil {
		err = &PayloadError{Type: payloadType(payload), Err: err}
	}
	return t, value, err
}

// A PayloadError is an error in the payload of a RESTORE in a log. Offsets in Err are relative to
// the payload.
type PayloadError struct {
	Type string // Redis's name for the type in the payload; or ""
	Err  error
}

// Error returns a text with the offset of the error in the payload.
func (e *PayloadError) Error() string {
	if e.Type == "" {
		return "payload: " + errtext.Trim(e.Err)
	}
	return "payload of a " + e.Type + ": " + errtext.Trim(e.Err)
}

// Unwrap returns the error of the codec.
func (e *PayloadError) Unwrap() error { return e.Err }

func payloadType(payload []byte) string {
	if len(payload) == 0 {
		return ""
	}
	return rdb.TypeName(snapshot.Type(payload[0]))
}
