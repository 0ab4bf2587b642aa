package op

import (
	"errors"
	"math"
	"math/big"
	"strings"
)

var errNotFloat = errors.New("value is not a float")

// longDouble is the precision of a server's additions: the 64-bit mantissa of an x86 long double.
const longDouble = 64

// replayIncrByFloat adds as a server does. Servers log the result as SET, so the command occurs
// only in logs written by other programs.
func replayIncrByFloat(x *Exec, p Place, args [][]byte) error {
	old, err := x.str(p)
	if err != nil {
		return err
	}
	sum := new(big.Float).SetPrec(longDouble)
	if old.exists {
		if sum, err = float(old.value); err != nil {
			return err
		}
	}
	by, err := float(args[0])
	if err != nil {
		return err
	}
	return x.put(p, []byte(floatText(sum.Add(sum, by))), old.at)
}

// float parses a finite decimal number.
func float(text []byte) (*big.Float, error) {
	if len(text) == 0 || len(text) > 256 || strings.ContainsAny(string(text), "_xXpPnN") {
		return nil, errNotFloat
	}
	f, _, err := big.ParseFloat(string(text), 10, longDouble, big.ToNearestEven)
	if err != nil || f.IsInf() || f.MantExp(nil) > math.MaxInt16/2 {
		return nil, errNotFloat
	}
	return f, nil
}

// floatText formats with 17 digits after the decimal point and removes trailing zeros.
func floatText(f *big.Float) string {
	text := f.Text('f', 17)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		return "0"
	}
	return text
}
