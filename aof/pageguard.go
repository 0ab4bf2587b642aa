package aof

import (
	"github.com/perduredb/perdure/aof/internal/wire"
	"slices"
)

// This file implements the page-boundary guard. A redis-server that finds a torn command at the end
// of an incremental file truncates the file after the last whole command. It removes perdure's
// lines between that command and the torn one too: the marker of the group before, which was
// acknowledged. If the server then writes nothing, the next Open would regard that group as torn.
// If one of perdure's lines is torn, the server appends to that line.
//
// A killed process leaves a part of a write that ends at a page boundary of the file. Therefore:
//
//   - A group that crosses a page boundary begins with a SELECT. That is a whole command, which
//     preserves the marker before it.
//   - A marker is in one page, and leaves room after it for that SELECT and for the clean-shutdown
//     marker: see alignMarker.
//   - No other line crosses a page boundary, except #TS: lines if Timestamps is on.

// guardPage prepares a group that will be sealed with a marker declaring synced, and appended.
func (t *incrFile) guardPage(g *group, synced int64) {
	if len(g.buf) == 0 { // an empty commit marker gets no SELECT
		return
	}
	if g.first >= 0 && t.size/wire.PageSize != (t.size+int64(g.size()))/wire.PageSize {
		lead := wire.AppendSelect(nil, g.first, true)
		g.buf = slices.Insert(g.buf, 0, lead...)
		for i := range g.links {
			g.links[i].at += len(lead)
		}
	}
	t.alignMarker(g, synced, false)
}

// alignMarker prepares a group for the marker that follows it. If the page has no room for the
// marker and for the start of the next group, alignMarker inserts padding lines up to the next
// page. A line has at least two bytes. So if one byte is left, alignMarker inserts a SELECT of the
// database that is already selected. Over padding it inserts a line even then, because padding and
// a line follow whatever a kill leaves of it.
func (t *incrFile) alignMarker(g *group, synced int64, over bool) {
	at := int((t.size + int64(g.size())) % wire.PageSize)
	switch left := wire.PageSize - at; {
	case at+wire.MarkerLen(t.undeclared(synced), g.note) <= wire.PageSize-wire.LeadSize:
	case left == 1 && !over:
		g.buf = wire.AppendSelect(g.buf, g.last, true)
	default:
		g.buf = wire.AppendPadding(g.buf, max(left, wire.MinLine))
	}
}
