package op

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// incrEx is INCREX of Redis 8.8 and Valkey 9.2:
//
//	INCREX key [NX | XX] [BYINT n | BYFLOAT f] [LBOUND n] [UBOUND n] [SATURATE]
//	    [EX s | PX ms | EXAT s | PXAT ms | PERSIST] [ENX]
//
// A sum outside the bounds changes nothing, or becomes the bound if SATURATE is given. ENX sets an
// expiry only on a key without one. Without an expiry option the key keeps its expiry.
type incrEx struct {
	exist       string
	byFloat     bool
	by          []byte
	least, most []byte // nil for the limits of the type
	saturate    bool
	unit        string // PERSIST too
	expiry      []byte
	enx         bool
}

func parseIncrEx(args [][]byte) (o incrEx, err error) {
	for i := 0; i < len(args); i++ {
		option := strings.ToUpper(string(args[i]))
		var to *[]byte
		switch option {
		case "NX", "XX":
			if o.exist != "" {
				return o, errSyntax
			}
			o.exist = option
		case "SATURATE":
			o.saturate = true
		case "ENX":
			o.enx = true
		case "BYINT", "BYFLOAT":
			o.byFloat = option == "BYFLOAT"
			to = &o.by
		case "LBOUND":
			to = &o.least
		case "UBOUND":
			to = &o.most
		case "PERSIST", "EX", "PX", "EXAT", "PXAT":
			if o.unit != "" {
				return o, errSyntax
			}
			if o.unit = option; option != "PERSIST" {
				to = &o.expiry
			}
		default:
			return o, errSyntax
		}
		if to == nil {
			continue
		}
		if i++; i == len(args) || *to != nil {
			return o, errSyntax
		}
		*to = args[i]
	}
	if o.enx && o.expiry == nil {
		return o, errSyntax
	}
	return o, nil
}

func replayIncrEx(x *Exec, p Place, args [][]byte) error {
	o, err := parseIncrEx(args)
	if err != nil {
		return err
	}
	old, err := x.str(p)
	if err != nil {
		return err
	}
	if o.exist != "" && old.exists != (o.exist == "XX") {
		return nil
	}
	at := old.at
	switch {
	case o.unit == "PERSIST":
		at = 0
	case o.expiry != nil:
		given, err := x.expiryOf(o.expiry, o.unit)
		if err != nil {
			return err
		}
		if !o.enx || at == 0 {
			at = given
		}
	}
	sum := o.intSum
	if o.byFloat {
		sum = o.floatSum
	}
	value, on, err := sum(old)
	if err != nil || !on {
		return err
	}
	return x.put(p, value, at)
}

// intSum adds integers. If the sum is out of bounds, it returns the bound, and ok is true only with
// SATURATE.
func (o *incrEx) intSum(old held) (value []byte, ok bool, err error) {
	least, most, by, n := int64(math.MinInt64), int64(math.MaxInt64), int64(1), int64(0)
	for _, arg := range []struct {
		text []byte
		to   *int64
	}{{o.least, &least}, {o.most, &most}, {o.by, &by}} {
		if arg.text != nil {
			if *arg.to, err = integer(arg.text); err != nil {
				return nil, false, err
			}
		}
	}
	if old.exists {
		if n, err = integer(old.value); err != nil || strconv.FormatInt(n, 10) != string(old.value) {
			return nil, false, ErrNotInteger
		}
	}
	sum := new(big.Int).Add(big.NewInt(n), big.NewInt(by))
	bound := big.NewInt(most)
	if out := sum.Cmp(bound) > 0; !out {
		if bound = big.NewInt(least); sum.Cmp(bound) >= 0 {
			return sum.Append(nil, 10), true, nil
		}
	}
	return bound.Append(nil, 10), o.saturate, nil
}

// floatSum adds as INCRBYFLOAT does.
func (o *incrEx) floatSum(old held) (value []byte, ok bool, err error) {
	sum := new(big.Float).SetPrec(longDouble)
	if old.exists {
		if sum, err = finite(old.value); err != nil {
			return nil, false, err
		}
	}
	by, err := finite(o.by)
	if err != nil {
		return nil, false, err
	}
	sum.Add(sum, by)
	for _, bound := range []struct {
		text []byte
		sign int // of a sum beyond it, compared with it
	}{{o.most, 1}, {o.least, -1}} {
		if bound.text == nil {
			continue
		}
		limit, err := finite(bound.text)
		if err != nil {
			return nil, false, err
		}
		if sum.Cmp(limit) == bound.sign {
			return []byte(floatText(limit)), o.saturate, nil
		}
	}
	return []byte(floatText(sum)), true, nil
}
