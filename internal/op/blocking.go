package op

import (
	"math"
	"math/big"
	"strings"
	"time"
)

// A blocking command, such as BLPOP, that finds no element sets Waits. The engine can then let it
// wait, and execute it again for the key that gets an element.

// none replies that there is no element.
func (x *Exec) none() {
	x.Waits = true
	x.Reply.NullArray()
}

// Moves reports whether a blocking command moves an element to another key.
func (c *Command) Moves() bool { return c.Keys == twoKeys }

// WaitsFor returns the name of the type that has the elements of a blocking command.
func (c *Command) WaitsFor() string {
	if strings.HasPrefix(c.Name, "BZ") {
		return "zset"
	}
	return "list"
}

// EachWaited calls fn with the keys whose elements a blocking command pops. A key given twice is
// passed twice.
func (c *Command) EachWaited(words [][]byte, fn func(key []byte)) {
	if c.Moves() {
		fn(words[1])
		return
	}
	c.EachKey(words, fn)
}

// OnlyKey returns the words of a blocking command for one of its keys.
func (c *Command) OnlyKey(words [][]byte, key string) [][]byte {
	switch at := c.Keys.Count; {
	case c.Moves():
		return words
	case at != 0:
		n, _ := integer(words[at])
		only := append([][]byte{}, words[:at]...)
		only = append(only, []byte("1"), []byte(key))
		return append(only, words[at+1+int(n):]...)
	}
	return [][]byte{words[0], []byte(key), words[len(words)-1]}
}

// Timeout returns the time after which a blocking command no longer waits. 0 means that it waits
// without a limit.
func (c *Command) Timeout(words [][]byte) time.Duration {
	arg := words[len(words)-1]
	if c.Keys.Count == 2 {
		arg = words[1]
	}
	d, _ := timeout(arg) // the command has checked it
	return d
}

// timeout parses the timeout of a blocking command, in seconds. It is rounded up to milliseconds.
// More than a century means 0.
func timeout(arg []byte) (time.Duration, error) {
	f, err := float(arg)
	switch {
	case err != nil:
		return 0, clientError("timeout is not a float or out of range")
	case f.Cmp(big.NewFloat(-0.001)) <= 0, f.Cmp(big.NewFloat(math.MaxInt64/1000)) > 0:
		// In Redis, a high number overflows.
		return 0, clientError("timeout is negative")
	}
	seconds, _ := f.Float64()
	const century = 100 * 365 * 24 * 3600
	if seconds > century {
		return 0, nil
	}
	return time.Duration(math.Ceil(seconds*1000)) * time.Millisecond, nil
}
