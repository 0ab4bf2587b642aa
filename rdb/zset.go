package rdb

import (
	"encoding/binary"
	"iter"
	"math"
	"strconv"

	"github.com/perduredb/perdure/internal/corrupt"
)

// SortedSet is a sorted set. It references the payload that it was decoded from.
type SortedSet struct{ view }

// ScoredMember is a member of a sorted set.
type ScoredMember struct {
	Member []byte
	Score  float64 // never NaN; it may be infinite
}

// Len returns the number of members.
func (z *SortedSet) Len() int { return z.n }

// All yields the members in file order: by score, ascending in the packed encodings and descending
// in the others. Member is valid until the next iteration and must not be modified.
func (z *SortedSet) All() iter.Seq[ScoredMember] {
	return func(yield func(ScoredMember) bool) { z.walk(&eachScored{yield: yield}) }
}

// eachScored is the visitor of [SortedSet.All].
type eachScored struct {
	deaf
	yield func(ScoredMember) bool
}

func (e *eachScored) member(p []byte, score float64) error {
	return stopUnless(e.yield(ScoredMember{p, score}))
}

// scored walks a member with a binary score.
func (w *walker) scored() error {
	at := w.r.offset()
	m, err := w.r.str(&w.first, w.limit)
	if err != nil {
		return err
	}
	p, err := w.r.bytes(8)
	if err != nil {
		return err
	}
	score := math.Float64frombits(binary.LittleEndian.Uint64(p))
	if math.IsNaN(score) {
		return corrupt.New(w.r.offset()-8, "want a score, found NaN")
	}
	return w.withOffset(at, w.visitor.member(m.bytes(w.r), score))
}

// textScored walks a member with a decimal score.
func (w *walker) textScored() error {
	at := w.r.offset()
	m, err := w.r.str(&w.first, w.limit)
	if err != nil {
		return err
	}
	scoreAt := w.r.offset()
	size, err := w.r.byte()
	if err != nil {
		return err
	}
	score, ok := 0.0, size != 253
	switch size {
	case 253:
	case 254:
		score = math.Inf(1)
	case 255:
		score = math.Inf(-1)
	default:
		p, err := w.r.bytes(int(size))
		if err != nil {
			return err
		}
		score, ok = parseScore(p)
	}
	if !ok {
		return corrupt.New(scoreAt, "want a score, found something else")
	}
	return w.withOffset(at, w.visitor.member(m.bytes(w.r), score))
}

// parseScore parses a decimal score.
func parseScore(p []byte) (float64, bool) {
	if len(p) > 400 { // %f of the greatest number has 309 digits
		return 0, false
	}
	for _, b := range p { // syntax that Go accepts and C does not, or NaN
		if b == '_' || b == 'x' || b == 'X' || b == 'p' || b == 'P' {
			return 0, false
		}
	}
	score, err := strconv.ParseFloat(string(p), 64)
	return score, err == nil && !math.IsNaN(score)
}

// scores passes the contents of c to the visitor as members and scores.
func (w *walker) scores(c *pack) error {
	for c.more() {
		at, member := c.at, c.text(&w.digits)
		if err := c.want("a score after a member"); err != nil {
			return err
		}
		score := float64(c.Int)
		if !c.IsInt {
			var ok bool
			if score, ok = parseScore(c.Bytes); !ok {
				return flawed(c.at, "want a score, found something else")
			}
		}
		if err := w.visitor.member(member, score); err != nil {
			return placed(err, at)
		}
	}
	return c.err
}
