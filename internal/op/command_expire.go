package op

import (
	"math"
	"strings"
)

// The units of an expiry are named as SET names them: EX and PX are seconds and milliseconds from
// now, EXAT and PXAT since 1970.

// instant converts an argument into Unix milliseconds.
func (x *Exec) instant(arg []byte, unit string) (int64, error) {
	n, err := integer(arg)
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

// replayExpire applies EXPIRE, PEXPIRE, EXPIREAT, and PEXPIREAT. A time in the past does not delete
// the key, because during loading only the log's own DEL ends a key's life.
func replayExpire(unit string) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		at, err := x.instant(args[0], unit)
		if err != nil {
			return err
		}
		it, ok := p.find()
		apply := ok
		for _, arg := range args[1:] {
			on, err := expireFlag(strings.ToUpper(string(arg)), it.ExpireAtMs(), at)
			if err != nil {
				return err
			}
			apply = apply && on
		}
		if apply {
			_, err = x.expire(p, at)
		}
		return err
	}
}

// expireFlag evaluates NX, XX, GT, and LT. A missing expiry counts as infinitely late.
func expireFlag(flag string, old, at int64) (bool, error) {
	switch flag {
	case "NX":
		return old == 0, nil
	case "XX":
		return old != 0, nil
	case "GT":
		return old != 0 && at > old, nil
	case "LT":
		return old == 0 || at < old, nil
	}
	return false, errSyntax
}

// replayGetEx is GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST].
func replayGetEx(x *Exec, p Place, args [][]byte) error {
	var option string
	if len(args) > 0 {
		option = strings.ToUpper(string(args[0]))
	}
	switch option {
	case "":
		return nil
	case "PERSIST":
		if len(args) != 1 {
			return errSyntax
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
	at, err := x.expiryOf(args[1], option)
	if err != nil {
		return err
	}
	_, err = x.expire(p, at)
	return err
}
