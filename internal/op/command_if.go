package op

import (
	"strconv"
	"strings"

	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/internal/xxh3"
)

// The conditions of SET, MSETEX, and DELEX are NX and XX, and those of Redis 8.4 and Valkey 8.1 on
// the present value. Conditions with a D compare a digest: the 64-bit XXH3 in 16 hexadecimal
// digits. A missing key differs from every value.

// isCondition reports whether an option compares the present value with an argument.
func isCondition(option string) bool {
	switch option {
	case "IFEQ", "IFNE", "IFDEQ", "IFDNE":
		return true
	}
	return false
}

// holds reports whether a condition is true for the value at a key. It returns ErrWrongType if the
// key does not hold a string.
func (x *Exec) holds(p Place, option string, arg []byte) (bool, error) {
	var digest uint64
	byDigest := option[2] == 'D'
	if byDigest {
		var err error
		if digest, err = strconv.ParseUint(string(arg), 16, 64); err != nil || len(arg) != 16 {
			return false, errSyntax
		}
	}
	it, same := p.find()
	switch {
	case same && it.Kind() != table.String:
		return false, ErrWrongType
	case same && byDigest:
		same = xxh3.Sum(it.AppendValue(nil)) == digest
	case same:
		same = it.Equal(arg)
	}
	return same == strings.HasSuffix(option, "EQ"), nil
}

// replayDelEx applies the DELEX key [IFEQ v | IFNE v | IFDEQ d | IFDNE d] of Redis. Servers log it
// as DEL.
func replayDelEx(x *Exec, p Place, args [][]byte) error {
	if len(args) > 0 {
		option := strings.ToUpper(string(args[0]))
		if len(args) != 2 || !isCondition(option) {
			return errSyntax
		}
		if on, err := x.holds(p, option, args[1]); err != nil || !on {
			return err
		}
	}
	x.delete(p)
	return nil
}

// replayDelIfEq applies Valkey's DELIFEQ key value.
func replayDelIfEq(x *Exec, p Place, args [][]byte) error {
	return replayDelEx(x, p, [][]byte{[]byte("IFEQ"), args[0]})
}

// setOptions are the options after the value of SET, or after the pairs of MSETEX.
type setOptions struct {
	nx, xx    bool
	get       bool
	condition string // IFEQ, IFNE, IFDEQ, IFDNE, or ""
	compared  []byte
	keepTTL   bool
	unit      string // of expiry; "" for none
	expiry    []byte
}

// parseSetOptions parses the options in any order. Options that exclude each other are a syntax
// error, except NX with XX: see wants. If an option occurs twice, the last one applies, as in a
// server.
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
			o.get = true
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

// wants reports whether NX and XX allow a write, depending on whether the key exists. NX and XX
// together allow none; a server refuses that.
func (o *setOptions) wants(exists bool) bool { return !(o.nx && exists || o.xx && !exists) }

// at returns the new expiry of a key whose present expiry is now.
func (o *setOptions) at(x *Exec, now int64) (int64, error) {
	switch {
	case o.keepTTL:
		return now, nil
	case o.unit != "":
		return x.expiryOf(o.expiry, o.unit)
	}
	return 0, nil
}

// set is SET with every option of Redis 8.8 and Valkey 9.1 for a log, and with those of Redis 7.0
// for a client.
func set(x *Exec, p Place, args [][]byte) error {
	if len(args) == 1 {
		if err := x.setTo(p, args[0], 0); err != nil {
			return err
		}
		x.Reply.Line("OK")
		return nil
	}
	o, err := parseSetOptions(args[1:])
	if err == nil && !x.Replaying && (o.condition != "" || o.nx && o.xx) {
		err = errSyntax
	}
	if err != nil {
		return err
	}
	it, exists := x.Find(p)
	at, err := o.at(x, it.ExpireAtMs())
	if err != nil {
		return err
	}
	if o.get {
		if err := x.replyValue(p, it, exists); err != nil {
			return err
		}
	}
	if !o.wants(exists) {
		if !o.get {
			x.Reply.Null()
		}
		return nil
	}
	if o.condition != "" {
		if on, err := x.holds(p, o.condition, o.compared); err != nil || !on {
			return err
		}
	}
	if err := x.put(p, args[0], at); err != nil {
		return err
	}
	x.commandSet(p, args[0], at, o.keepTTL)
	if !o.get {
		x.Reply.Line("OK")
	}
	return nil
}

// replayMSetEx applies MSETEX n key value ... [NX | XX] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]
// of Redis 8.4 and Valkey 9.1. It sets all keys, or none if NX or XX is not satisfied for every
// key.
func replayMSetEx(x *Exec, db int, args [][]byte) error {
	pairs, o, err := parseMSetEx(args)
	if err != nil {
		return err
	}
	for i := 0; i < len(pairs); i += 2 {
		if _, exists := x.Locate(db, string(pairs[i])).find(); !o.wants(exists) {
			return nil
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		p := x.Locate(db, string(pairs[i]))
		var now int64
		if it, exists := p.find(); exists {
			now = it.ExpireAtMs()
		}
		at, err := o.at(x, now)
		if err != nil {
			return err
		}
		if err := x.put(p, pairs[i+1], at); err != nil {
			return err
		}
	}
	return nil
}

// parseMSetEx parses the arguments of MSETEX.
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
