package op

import (
	"math"
	"math/big"
	"strings"
)

var (
	errNotFloat = clientError("value is not a valid float")
	errInfinite = clientError("increment would produce NaN or Infinity")
)

// longDouble is the precision of a server's additions: the 64-bit mantissa of an x86 long double.
const longDouble = 64

// incrByFloat adds as a server does. It logs the result as SET, because the precision of another
// reader can differ.
func incrByFloat(x *Exec, p Place, args [][]byte) error {
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
	if sum.IsInf() || by.IsInf() {
		return errInfinite
	}
	text := floatText(sum.Add(sum, by))
	if err := x.put(p, []byte(text), old.at); err != nil {
		return err
	}
	x.commandSet(p, []byte(text), old.at, old.exists)
	x.Reply.Text(text)
	return nil
}

// float parses a number as strtold does: decimal, hexadecimal after 0x, or infinite.
func float(text []byte) (*big.Float, error) {
	digits := strings.ToLower(strings.TrimLeft(string(text), "+-"))
	base := 10
	switch {
	case len(text) == 0 || len(text) > 256 || len(text)-len(digits) > 1:
		return nil, errNotFloat
	case digits == "inf" || digits == "infinity":
		return new(big.Float).SetInf(text[0] == '-'), nil
	case strings.HasPrefix(digits, "0x") && !strings.Contains(digits, "_"):
		base = 0
	case strings.ContainsAny(digits, "_xpn"):
		return nil, errNotFloat
	}
	f, _, err := big.ParseFloat(string(text), base, longDouble, big.ToNearestEven)
	if err != nil || f.IsInf() || f.MantExp(nil) > math.MaxInt16/2 {
		return nil, errNotFloat
	}
	return f, nil
}

// finite is float for a number that must be finite.
func finite(text []byte) (*big.Float, error) {
	f, err := float(text)
	if err == nil && f.IsInf() {
		err = errNotFloat
	}
	return f, err
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
