package aof

import (
	"bytes"
	"slices"
)

// A redis-server that finds a torn command at the end of an increment cuts the file behind the last whole
// command, and with the torn one it takes the lines of ours that stand in between: the mark of the group
// before, which was acknowledged. If it then writes nothing, the next Open would take that group for torn.
//
// A process that is killed leaves a part of a write, and that ends where a page of the file does. So a group that
// goes over the end of a page begins with a SELECT, a whole command that keeps the mark before it; and the mark of
// a group never ends so close to the end of a page that this SELECT would be cut too, nor goes over that: a line of
// padding in front moves it behind. The mark of Close, over nothing, follows such a mark and needs less room than there is.
const (
	pageSize = 4096 // the smallest that is in use; a multiple of it ends where one of these does
	// leadSize is room for what a group begins with: a line #TS:, and the SELECT.
	leadSize = 64
	padLine  = "################################################################\r\n"
	minPad   = len("#\r\n")
)

// shield makes ready a group that will be sealed with the mark of a sync, and appended.
func (t *incr) shield(g *group, synced int64) {
	if len(g.buf) == 0 { // a mark over nothing stays that
		return
	}
	if g.db >= 0 && t.size/pageSize != (t.size+int64(g.size()))/pageSize {
		lead := appendSelect(nil, g.db, true)
		g.buf = slices.Insert(g.buf, 0, lead...)
		for i := range g.links {
			g.links[i].at += len(lead)
		}
	}
	mark := markLen(t.news(synced))
	g.buf = appendPad(g.buf, t.size+int64(g.size()+mark), mark)
}

// leaveRoom ends a file that was opened, and ends where a page of it does, with a group of nothing but padding. A crash
// leaves the file as it was, or with a torn tail.
func (l *Log) leaveRoom(tail *incr) error {
	g := group{buf: appendPad(nil, tail.size, 0), db: -1}
	if len(g.buf) == 0 || !l.marked {
		return nil
	}
	tail.shield(&g, 0)
	tail.seal(&g, 0)
	if _, err := tail.write(g.buf); err != nil {
		return err
	}
	if err := tail.file.Sync(); err != nil {
		return err
	}
	tail.durable = tail.size
	return nil
}

// appendPad appends the line that moves a mark of so many bytes, which would end at an offset, behind the end of a page, if it
// would end close to it or go over it.
func appendPad(dst []byte, end int64, mark int) []byte {
	over, n := int(end%pageSize), 0
	switch {
	case over > pageSize-leadSize:
		n = max(pageSize-over, minPad)
	case over > 0 && over < mark: // it would go over the end of the page
		n = max(mark-over, minPad)
	default:
		return dst
	}
	return append(dst, padLine[len(padLine)-n:]...)
}

// isPad tells whether text begins with a line of padding.
func isPad(text []byte) bool {
	text = text[:min(len(text), len(padLine))]
	rest := bytes.TrimLeft(text, "#")
	return len(rest) < len(text) && bytes.HasPrefix(rest, []byte("\r\n"))
}
