package engine

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/internal/xxh3"
)

// The conditions of SET, MSETEX and DELEX: NX and XX, and those of Redis 8.4 and Valkey 8.1 on the
// present value, of which the D compare a digest: XXH3 of 64 bits in 16 hexadecimal digits. An absent
// key differs from everything.

// isCondition reports whether an option compares the present value with an argument.
func isCondition(option string) bool {
	switch option {
	case "IFEQ", "IFNE", "IFDEQ", "IFDNE":
		return true
	}
	return false
}

// holds judges a condition on the value at a key. It is ErrWrongType when that is no string.
func (x *exec) holds(s *table.Shard, h uint64, db int, key, option string, arg []byte) (bool, error) {
	var digest uint64
	byDigest := option[2] == 'D'
	if byDigest {
		var err error
		if digest, err = strconv.ParseUint(string(arg), 16, 64); err != nil || len(arg) != 16 {
			return false, errSyntax
		}
	}
	old, err := x.str(s, h, db, key)
	if err != nil {
		return false, err
	}
	same := old.exists
	if byDigest {
		same = same && xxh3.Sum(old.value) == digest
	} else {
		same = same && bytes.Equal(old.value, arg)
	}
	return same == strings.HasSuffix(option, "EQ"), nil
}

// replayDelEx is Redis's DELEX key [IFEQ v | IFNE v | IFDEQ d | IFDNE d]. Servers log it as DEL.
func replayDelEx(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
	if len(args) > 0 {
		option := strings.ToUpper(string(args[0]))
		if len(args) != 2 || !isCondition(option) {
			return errSyntax
		}
		if on, err := x.holds(s, h, db, key, option, args[1]); err != nil || !on {
			return err
		}
	}
	return replayDel(x, s, h, db, key, nil)
}

// setOptions are what stands behind the value of SET, or the pairs of MSETEX.
type setOptions struct {
	nx, xx    bool
	condition string // IFEQ and its like, or ""
	compared  []byte
	keepTTL   bool
	unit      string // of expiry; "" for none
	expiry    []byte
}

// parseSetOptions reads them in any order. Of those that exclude each other one may stand; of an option
// that stands twice the last counts, as in a server.
func parseSetOptions(args [][]byte) (o setOptions, err error) {
	for i := 0; i < len(args); i++ {
		option := strings.ToUpper(string(args[i]))
		var argument []byte
		if needsArgument(option) {
			if i++; i == len(args) {
				return o, errSyntax
			}
			argument = args[i]
		}
		switch {
		case option == "GET":
			continue
		case option == "NX" && o.condition == "":
			o.nx = true
		case option == "XX" && o.condition == "":
			o.xx = true
		case isCondition(option) && !o.nx && !o.xx && o.condition == "":
			o.condition, o.compared = option, argument
		case option == "KEEPTTL" && o.unit == "":
			o.keepTTL = true
		case argument != nil && !isCondition(option) && (o.unit == "" || o.unit == option) && !o.keepTTL:
			o.unit, o.expiry = option, argument
		default:
			return o, errSyntax
		}
	}
	return o, nil
}

func needsArgument(option string) bool {
	switch option {
	case "EX", "PX", "EXAT", "PXAT":
		return true
	}
	return isCondition(option)
}

// wants reports whether NX and XX allow a key that exists or does not. Together they allow none: a
// server refuses that.
func (o *setOptions) wants(exists bool) bool { return !(o.nx && exists || o.xx && !exists) }

// at returns the expiry that a key gets which has another one now.
func (o *setOptions) at(x *exec, now int64) (int64, error) {
	switch {
	case o.keepTTL:
		return now, nil
	case o.unit != "":
		return x.expiryOf(o.expiry, o.unit)
	}
	return 0, nil
}

// replaySet is SET with every option of Redis 8.8 and Valkey 9.1.
func replaySet(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error {
	if len(args) == 1 {
		return x.put(s, h, db, key, args[0], 0)
	}
	o, err := parseSetOptions(args[1:])
	if err != nil {
		return err
	}
	it, exists := s.Find(db, h, key)
	var now int64
	if exists {
		now = it.ExpireAtMs()
	}
	at, err := o.at(x, now)
	if err != nil {
		return err
	}
	if !o.wants(exists) {
		return nil
	}
	if o.condition != "" {
		if on, err := x.holds(s, h, db, key, o.condition, o.compared); err != nil || !on {
			return err
		}
	}
	return x.put(s, h, db, key, args[0], at)
}

// replayMSetEx is MSETEX n key value ... [NX | XX] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL] of Redis
// 8.4 and Valkey 9.1. It sets all or, when NX or XX is not so of all keys, none.
func replayMSetEx(x *exec, db int, args [][]byte) error {
	pairs, o, err := parseMSetEx(args)
	if err != nil {
		return err
	}
	for i := 0; i < len(pairs); i += 2 {
		s, h := x.locateBytes(pairs[i])
		if _, exists := s.FindBytes(db, h, pairs[i]); !o.wants(exists) {
			return nil
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		s, h := x.locateBytes(pairs[i])
		var now int64
		if it, exists := s.FindBytes(db, h, pairs[i]); exists {
			now = it.ExpireAtMs()
		}
		at, err := o.at(x, now)
		if err != nil {
			return err
		}
		s.SetBytes(db, h, pairs[i], table.String, pairs[i+1], at)
		x.dirty++
	}
	return nil
}

// parseMSetEx takes the arguments of MSETEX apart.
func parseMSetEx(args [][]byte) (pairs [][]byte, o setOptions, err error) {
	n, err := integer(args[0])
	if err != nil || n < 1 || n > int64(len(args)-1)/2 {
		return nil, o, errSyntax
	}
	o, err = parseSetOptions(args[1+2*n:])
	if err == nil && o.condition != "" {
		err = errSyntax
	}
	return args[1 : 1+2*n], o, err
}
