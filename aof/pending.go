package aof

import (
	"time"

	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/clock"
)

// maxReused is the largest buffer capacity that is reused after a write; larger buffers are freed.
const maxReused = 4 << 20

// pending is the buffer of the records that were appended and are not written yet. Log.mu guards
// all fields.
type pending struct {
	buf      []byte
	links    []link    // large values that belong between the bytes of buf
	firstDB  int       // database that is selected before buf; -1 if buf begins with a SELECT
	lastDB   int       // database that is selected before the next record; -1 if none is
	reselect bool      // the next record begins with a SELECT in any case
	second   int64     // Unix second of the last timestamp annotation
	since    time.Time // time of the first byte, in Ring mode
	appended appendlog.Position
	spare    []byte // the previous buffer, to be reused as the next one
}

// begin appends what belongs before a record that begins in firstDB and ends in lastDB: a timestamp
// annotation, once a second, if stamps is set, and a SELECT if another database is selected. If
// always is set, every buffer begins with a SELECT. marked is set in a log with commit markers.
func (p *pending) begin(firstDB, lastDB int, stamps, always, marked bool) {
	empty := len(p.buf) == 0
	if stamps {
		if now := clock.Now().Unix(); now != p.second {
			p.second = now
			p.buf = wire.AppendTimestamp(p.buf, now)
		}
	}
	selects := p.lastDB != firstDB || p.reselect || empty && always
	p.reselect = false
	if empty {
		p.firstDB = p.lastDB
		if selects {
			p.firstDB = -1
		}
	}
	if selects {
		p.buf = wire.AppendSelect(p.buf, firstDB, marked)
	}
	p.lastDB = lastDB
}

// take detaches the buffer as a group, and installs the spare buffer in its place.
func (p *pending) take() group {
	g := group{buf: p.buf, links: p.links, first: p.firstDB, last: p.lastDB}
	p.buf, p.links, p.spare = p.spare[:0], nil, nil
	return g
}

// putBack prepends a detached group to the buffer.
func (p *pending) putBack(g group) {
	for _, k := range p.links {
		k.at += len(g.buf)
		g.links = append(g.links, k)
	}
	if len(g.buf) > 0 {
		p.firstDB = g.first
	}
	p.buf, p.links = append(g.buf, p.buf...), g.links
}

// reuse keeps a buffer that was written, to be the next one.
func (p *pending) reuse(buf []byte) {
	if cap(buf) <= maxReused {
		p.spare = buf[:0]
	}
}

// forget discards the buffer. It returns a group of the linked values, which the caller must
// release.
func (p *pending) forget() group {
	g := group{links: p.links}
	p.buf, p.links = nil, nil
	return g
}
