package op

import (
	"math"
	"strings"
)

// The units of an expiry are named as SET names them: EX and PX are seconds and milliseconds from
// now, EXAT and PXAT since 1970.

// instant converts an argument into Unix milliseconds.
func (x *Exec) instant(arg []byte, unit string) (int64, error) {
	n, err := x.integer(arg)
	if err != nil {
		return 0, err
	}
	if unit[0] == 'E' {
		if n > math.MaxInt64/1000 || n < math.MinInt64/1000 {
			return 0, ErrTTL
		}
		n *= 1000
	}
	if !strings.HasSuffix(unit, "AT") {
		now := x.Now()
		if n > math.MaxInt64-now {
			return 0, ErrTTL
		}
		n += now
	}
	return n, nil
}

// expiryOf is instant for SET and the other commands that accept only positive numbers.
func (x *Exec) expiryOf(arg []byte, unit string) (int64, error) {
	at, err := x.instant(arg, unit)
	if n, _ := integer(arg); err == nil && n <= 0 {
		err = ErrTTL
	}
	return at, err
}

// expireIn is EXPIRE, PEXPIRE, EXPIREAT, and PEXPIREAT, with the flags NX, XX, GT, and LT. During a
// replay a time in the past does not delete the key, because only the log's own DEL ends a key's
// life.
func expireIn(unit string) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		flags, err := parseExpireFlags(args[1:], x.Replaying)
		if err != nil {
			return err
		}
		at, err := x.instant(args[0], unit)
		if err != nil {
			return err
		}
		it, ok := x.Find(p)
		if !ok || !flags.allow(it.ExpireAtMs(), at) {
			x.Reply.Int(0)
			return nil
		}
		if _, err := x.expire(p, at); err != nil {
			return err
		}
		x.Reply.Int(1)
		return nil
	}
}

// expireFlags are the conditions of an EXPIRE.
type expireFlags struct{ nx, xx, gt, lt bool }

// parseExpireFlags parses conditions. During a replay it accepts those that exclude each other.
func parseExpireFlags(args [][]byte, replaying bool) (f expireFlags, err error) {
	for _, arg := range args {
		switch strings.ToUpper(string(arg)) {
		case "NX":
			f.nx = true
		case "XX":
			f.xx = true
		case "GT":
			f.gt = true
		case "LT":
			f.lt = true
		default:
			if replaying {
				return f, errSyntax // does not show the argument
			}
			return f, clientError("Unsupported option " + Shown(arg, len(arg)))
		}
	}
	switch {
	case replaying:
	case f.nx && (f.xx || f.gt || f.lt):
		return f, errNXWithOthers
	case f.gt && f.lt:
		return f, errGTWithLT
	}
	return f, nil
}

// The texts are those of Redis.
var (
	errNXWithOthers = clientError("NX and XX, GT or LT options at the same time are not compatible")
	errGTWithLT     = clientError("GT and LT options at the same time are not compatible")
)

// allow reports whether the conditions allow to replace the expiry old by at. A missing expiry, 0,
// counts as infinitely late.
func (f *expireFlags) allow(old, at int64) bool {
	switch {
	case f.nx && old != 0, f.xx && old == 0:
		return false
	case f.gt && (old == 0 || at <= old), f.lt && old != 0 && at >= old:
		return false
	}
	return true
}

// getEx is GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST].
func getEx(x *Exec, p Place, args [][]byte) error {
	if len(args) == 0 {
		return get(x, p, nil)
	}
	option := strings.ToUpper(string(args[0]))
	switch option {
	case "PERSIST":
		if len(args) != 1 {
			return errSyntax
		}
		if err := get(x, p, nil); err != nil {
			return err
		}
		_, err := x.persist(p)
		return err
	case "EX", "PX", "EXAT", "PXAT":
		if len(args) != 2 {
			return errSyntax
		}
	default:
		return errSyntax
	}
	if err := get(x, p, nil); err != nil || !x.Has(p) && !x.Replaying {
		return err
	}
	at, err := x.expiryOf(args[1], option)
	if err != nil {
		return err
	}
	_, err = x.expire(p, at)
	return err
}

// ttl is TTL, PTTL, EXPIRETIME, and PEXPIRETIME. unit is the number of milliseconds of the result's
// unit.
func ttl(unit int64, absolute bool) oneFunc {
	return func(x *Exec, p Place, _ [][]byte) error {
		it, ok := x.Find(p)
		at := it.ExpireAtMs()
		switch {
		case !ok:
			x.Reply.Int(-2)
			return nil
		case at == 0:
			x.Reply.Int(-1)
			return nil
		case !absolute:
			at = max(at-x.Now(), 0)
		}
		x.Reply.Int(at/unit + (at%unit+unit/2)/unit) // rounded, without an overflow
		return nil
	}
}
