package main

import (
	"cmp"
	"image/color"
	"math"
	"path/filepath"
	"slices"
	"strings"
)

// bars is a bar chart of one measurement, with a bar for each peer, from best to worst.
type bars struct {
	file, title string
	what        string // the measurement
	unit        string // of the axis; see scales
	value       func(float64) float64
	more        bool   // more is better
	mode        string // of the peers to show; all if empty
}

func perSecond(ns float64) float64 { return 1e9 / ns }
func same(v float64) float64       { return v }

var pictures = []bars{
	{"get.svg", "Get, uniform keys, 1 goroutine", "get uniform 1", "rate", perSecond, true, ""},
	{"get64.svg", "Get, uniform keys, 64 goroutines", "get uniform 64", "rate", perSecond, true, ""},
	{"set.svg", "Set, uniform keys, 1 goroutine", "set uniform 1", "rate", perSecond, true, ""},
	{"set64.svg", "Set, uniform keys, 64 goroutines", "set uniform 64", "rate", perSecond, true, ""},
	{"mixed.svg", "9 Gets to a Set, Zipf, 64 goroutines", "90/10 zipf 64", "rate", perSecond, true, ""},
	{"incr.svg", "Incr, 1 goroutine", "incr uniform 1", "rate", perSecond, true, ""},
	{"durable.svg", "Durable Set, 64 goroutines", "durable set 64", "rate", same, true, modeAlways},
	{"memory.svg", "Memory per key", "RAM a key", "bytes", same, false, ""},
	{"gc.svg", "Garbage collection with all keys held", "runtime.GC()", "ns", same, false, ""},
	{"save.svg", "Save of all keys, synced", "save", "ns", same, false, ""},
	{"open.svg", "Open with all keys", "open", "ns", same, false, ""},
}

var (
	perdureColor = color.RGBA{0xd0, 0x4a, 0x1e, 0xff}
	peerColor    = color.RGBA{0x8f, 0xa3, 0xb0, 0xff}
	colors       = []color.RGBA{perdureColor, {0x2a, 0x6f, 0x97, 0xff}, {0x5b, 0x8c, 0x3a, 0xff}, {0x7a, 0x4f, 0x9a, 0xff}, {0x99, 0x85, 0x1d, 0xff}}
)

// draw writes every picture with numbers into dir.
func (r *results) draw(dir string) error {
	for _, b := range pictures {
		if err := r.drawBars(b, filepath.Join(dir, b.file)); err != nil {
			return err
		}
	}
	return r.drawTimeline(setThroughSave, filepath.Join(dir, "saving.svg"))
}

// namedValue is a bar.
type namedValue struct {
	name string
	v    float64
}

// ranked returns the values of a picture, the best first.
func (r *results) ranked(b bars) (all []namedValue) {
	for _, name := range peerNames() {
		if m, ok := r.median(name, b.what); ok && strings.HasSuffix(name, b.mode) {
			all = append(all, namedValue{name, b.value(m)})
		}
	}
	slices.SortStableFunc(all, func(x, y namedValue) int {
		if b.more {
			x, y = y, x
		}
		return cmp.Compare(x.v, y.v)
	})
	return all
}

// Measures of a bar chart, in pixels.
const (
	barWidth  = 780.0
	barLeft   = 210.0 // the names end here
	barRight  = 90.0  // for the number after the longest bar
	barTop    = 64.0
	barHeight = 14.0
	barStep   = 24.0
)

func (r *results) drawBars(b bars, path string) error {
	all := r.ranked(b)
	if len(all) == 0 {
		return nil
	}
	most := 0.0
	for _, each := range all {
		most = max(most, each.v)
	}
	c := &canvas{width: barWidth, height: barTop + barStep*float64(len(all)) + 12}
	better := "less is better"
	if b.more {
		better = "more is better"
	}
	c.text(20, 30, atStart, ink, "bold", 16, b.title)
	c.text(20, 50, atStart, faint, "normal", 12, better)
	for i, each := range all {
		y := barTop + barStep*float64(i)
		fill, weight := hex(peerColor), "normal"
		if strings.HasPrefix(each.name, "perdure") {
			fill, weight = hex(perdureColor), "bold"
		}
		length := max(1, each.v/most*(barWidth-barLeft-barRight))
		c.text(barLeft-8, y+barHeight-2, atEnd, ink, weight, 13, each.name)
		c.rect(barLeft, y, length, barHeight, fill)
		c.text(barLeft+length+6, y+barHeight-2, atStart, ink, weight, 13, format(b.unit, each.v))
	}
	return c.save(path)
}

// axis maps values to pixels, in proportion or to their logarithms.
type axis struct {
	low, high float64 // values
	from, to  float64 // pixels
	log       bool
}

func (a axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		v, low, high = math.Log10(v), math.Log10(low), math.Log10(high)
	}
	return a.from + (v-low)/(high-low)*(a.to-a.from)
}
