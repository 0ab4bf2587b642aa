package op

import (
	"bytes"
	"strings"

	"github.com/perduredb/perdure/internal/table"
)

// lcsOptions are the options of LCS.
type lcsOptions struct {
	length, ranges, lengths bool // LEN, IDX, WITHMATCHLEN
	least                   int64
}

var (
	errLCSOptions = clientError("If you want both the length and indexes, please just use IDX.")
	errLCSType    = clientError("The specified keys must contain string values")
	errLCSMemory  = clientError("Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
)

func (x *Exec) parseLCS(args [][]byte) (o lcsOptions, err error) {
	for i := 0; i < len(args); i++ {
		switch option := strings.ToUpper(string(args[i])); {
		case option == "IDX":
			o.ranges = true
		case option == "LEN":
			o.length = true
		case option == "WITHMATCHLEN":
			o.lengths = true
		case option == "MINMATCHLEN" && i+1 < len(args):
			i++
			if o.least, err = x.integer(args[i]); err != nil {
				return o, err
			}
			o.least = max(o.least, 0)
		default:
			return o, errSyntax
		}
	}
	if o.ranges && o.length {
		return o, errLCSOptions
	}
	return o, nil
}

// lcs is LCS key1 key2 [LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN]: the longest common subsequence
// of two strings. It takes time and memory proportional to the product of their lengths.
func lcs(x *Exec, db int, args [][]byte) error {
	a, b, err := x.lookAtTwo(db, args)
	if err != nil {
		return errLCSType
	}
	o, err := x.parseLCS(args[2:])
	if err != nil {
		return err
	}
	if uint64(len(a)+1)*uint64(len(b)+1) > maxCells {
		return errLCSMemory
	}
	t := newLCSTable(a, b)
	if o.length {
		x.Reply.Int(int64(t.at(len(a), len(b))))
		return nil
	}
	matches, common := t.walk(a, b)
	if !o.ranges {
		x.Reply.Bulk(common)
		return nil
	}
	kept := matches[:0]
	for _, m := range matches {
		if int64(m.n) >= o.least {
			kept = append(kept, m)
		}
	}
	x.Reply.Map(2)
	x.Reply.Text("matches")
	x.Reply.Array(len(kept))
	for _, m := range kept {
		x.replyMatch(m, o.lengths)
	}
	x.Reply.Text("len")
	x.Reply.Int(int64(len(common)))
	return nil
}

// maxCells is the limit of the table of LCS, which has 4 bytes for each pair of bytes.
const maxCells = 32 << 20

// lookAtTwo returns the strings at two keys, read atomically. If the shards are not locked, it
// copies the strings, because LCS takes too long to hold a lock.
func (x *Exec) lookAtTwo(db int, args [][]byte) (a, b []byte, err error) {
	if x.Unlocked {
		var keys table.KeySet
		keys.Set(x.Store.Table, 2, func(i int) string { return string(args[i]) })
		keys.Lock()
		defer keys.Unlock()
	}
	if a, err = x.look(x.Locate(db, string(args[0]))); err != nil {
		return nil, nil, err
	}
	if b, err = x.look(x.Locate(db, string(args[1]))); err != nil || !x.Unlocked {
		return a, b, err
	}
	// LCS refuses a string that is as long as the limit.
	return bytes.Clone(a[:min(len(a), maxCells)]), bytes.Clone(b[:min(len(b), maxCells)]), nil
}

func (x *Exec) replyMatch(m lcsMatch, length bool) {
	x.Reply.Array(2 + int(digit(length)))
	for _, from := range []int{m.a, m.b} {
		x.Reply.Array(2)
		x.Reply.Int(int64(from))
		x.Reply.Int(int64(from + m.n - 1))
	}
	if length {
		x.Reply.Int(int64(m.n))
	}
}

func digit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// lcsTable contains, for each pair of prefixes, the length of the longest common subsequence.
type lcsTable struct {
	width int
	cells []uint32
}

func newLCSTable(a, b []byte) *lcsTable {
	t := &lcsTable{width: len(b) + 1, cells: make([]uint32, (len(a)+1)*(len(b)+1))}
	for i := range a {
		for j := range b {
			cell := &t.cells[(i+1)*t.width+j+1]
			if a[i] == b[j] {
				*cell = t.at(i, j) + 1
			} else {
				*cell = max(t.at(i, j+1), t.at(i+1, j))
			}
		}
	}
	return t
}

func (t *lcsTable) at(i, j int) uint32 { return t.cells[i*t.width+j] }

// lcsMatch is a run of n equal bytes at offset a of the first string and b of the second.
type lcsMatch struct{ a, b, n int }

// walk returns the runs from the last to the first, and the common subsequence.
func (t *lcsTable) walk(a, b []byte) (runs []lcsMatch, common []byte) {
	i, j := len(a), len(b)
	common = make([]byte, t.at(i, j))
	for at := len(common); i > 0 && j > 0; {
		switch {
		case a[i-1] == b[j-1]:
			i, j, at = i-1, j-1, at-1
			common[at] = a[i]
			if last := len(runs) - 1; last >= 0 && runs[last].a == i+1 && runs[last].b == j+1 {
				runs[last] = lcsMatch{i, j, runs[last].n + 1}
			} else {
				runs = append(runs, lcsMatch{i, j, 1})
			}
		case t.at(i-1, j) > t.at(i, j-1):
			i--
		default:
			j--
		}
	}
	return runs, common
}
