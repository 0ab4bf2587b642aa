package aof

import (
	"bytes"
	"slices"
)

// A redis-server that finds a torn command at the end of an increment cuts the file behind the last whole
// command, and with the torn one it takes the lines of ours that stand in between: the mark of the group
// before, which was acknowledged. If it then writes nothing, the next Open would take that group for torn. And where
// a line of ours is torn, the server goes on in that line.
//
// A process that is killed leaves a part of a write, and that ends where a page of the file does. So
//
//   - a group that goes over the end of a page begins with a SELECT, a whole command that keeps the mark before it;
//   - a mark stands in one page, and leaves room behind it for that SELECT, and for the mark of Close: see placeMark;
//   - no other line goes over the end of a page, but #TS: lines where those are wanted.
const (
	pageSize = 4096 // the smallest that is in use; a multiple of it ends where one of these does
	// leadSize is room for a mark of Close, and what the next group begins with: a line #TS:, and the SELECT.
	leadSize = maxMark + 56
	// maxPad is the most that placeMark puts in front of a mark.
	maxPad = leadSize + maxMark
)

// shield makes ready a group that will be sealed with the mark of a sync, and appended.
func (t *incr) shield(g *group, synced int64) {
	if len(g.buf) == 0 { // a mark over nothing stays that
		return
	}
	if g.first >= 0 && t.size/pageSize != (t.size+int64(g.size()))/pageSize {
		lead := appendSelect(nil, g.first, true)
		g.buf = slices.Insert(g.buf, 0, lead...)
		for i := range g.links {
			g.links[i].at += len(lead)
		}
	}
	t.placeMark(g, synced, false)
}

// placeMark makes ready a group for the mark of a sync, which is to follow it: where the mark, and what the next group may
// begin with, have no room in the page, lines of filler lead to the next one. No line is one byte long. There a
// SELECT leads to it, of the database that is selected anyway; over filler a line does, since what a kill leaves
// of that is followed by filler, and a line.
func (t *incr) placeMark(g *group, synced int64, over bool) {
	at := int((t.size + int64(g.size())) % pageSize)
	switch left := pageSize - at; {
	case at+markLen(t.news(synced), g.note) <= pageSize-leadSize:
	case left == 1 && !over:
		g.buf = appendSelect(g.buf, g.last, true)
	default:
		g.buf = appendLines(g.buf, max(left, minLine))
	}
}

// padLen is how long that is which placeMark has put in front of a mark, where text begins with it.
func padLen(text []byte) (n int) {
	if bytes.HasPrefix(text, []byte(selectOurs)) {
		return max(0, commandLen(text))
	}
	for line := range bytes.Lines(text) {
		if !isFiller(line) {
			break
		}
		n += len(line)
	}
	return n
}
