package main

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// setThroughSave is the title of the timeline of measureSaving.
const setThroughSave = "Latency of Set through a save"

// Measures of the timeline, in pixels.
const (
	timelineWidth  = 900.0
	timelineLeft   = 70.0
	timelineRight  = 30.0
	timelineTop    = 70.0
	timelineBottom = 48.0
	panelHeight    = 150.0
	panelGap       = 34.0
)

// drawTimeline draws the worst operation of each step, from before a save to after it, on a
// logarithmic axis. Each peer has a panel, with one scale for all. The time of the save is shaded.
func (r *results) drawTimeline(title, path string) error {
	all := r.series()
	if len(all) == 0 {
		return nil
	}
	x := axis{low: math.Inf(1), high: math.Inf(-1), from: timelineLeft, to: timelineWidth - timelineRight}
	y := axis{low: math.Inf(1), high: 0, log: true}
	for _, s := range all {
		for _, p := range s.points {
			x.low, x.high = min(x.low, p.seconds), max(x.high, p.seconds)
			y.low, y.high = min(y.low, p.ns), max(y.high, p.ns)
		}
	}
	y.low, y.high = decade(y.low, math.Floor), decade(y.high, math.Ceil)
	height := timelineTop + float64(len(all))*(panelHeight+panelGap) - panelGap/2 + timelineBottom
	c := &canvas{width: timelineWidth, height: height}
	c.text(20, 30, atStart, ink, "bold", 16, title)
	c.text(20, 50, atStart, faint, "normal", 12, "the worst of each 10 ms; shaded: the save")
	for i, s := range all {
		y.to = timelineTop + panelGap/2 + float64(i)*(panelHeight+panelGap)
		y.from = y.to + panelHeight
		s.draw(c, x, y)
	}
	drawSeconds(c, x, y.from)
	return c.save(path)
}

// draw draws a panel.
func (s series) draw(c *canvas, x, y axis) {
	from, to := s.saving()
	c.rect(x.at(from), y.to, max(1, x.at(to)-x.at(from)), y.from-y.to, shade)
	drawDecades(c, x, y, "ns")
	fill := hex(peerColor)
	if strings.HasPrefix(s.peer, "perdure") {
		fill = hex(perdureColor)
	}
	var xy []float64
	for _, p := range s.points {
		xy = append(xy, x.at(p.seconds), y.at(p.ns))
	}
	c.polyline(xy, fill, 1)
	c.text(x.from, y.to-6, atStart, ink, "bold", 13, s.peer)
}

// series is the timeline of a peer.
type series struct {
	peer   string
	points []moment
}

// moment is a step of a timeline.
type moment struct {
	seconds float64 // since the start of the save
	ns      float64 // latency
	saving  bool
}

func (r *results) series() (all []series) {
	for _, name := range slices.Sorted(maps.Keys(r.Timelines)) {
		points := r.Timelines[name]
		begin := slices.IndexFunc(points, func(pt point) bool { return pt.Saving })
		if begin < 0 {
			continue
		}
		s := series{peer: name}
		for _, pt := range points {
			s.points = append(s.points, moment{(pt.At - points[begin].At).Seconds(), max(100, float64(pt.Worst)), pt.Saving})
		}
		all = append(all, s)
	}
	return all
}

// saving returns when the save began and ended.
func (s series) saving() (from, to float64) {
	for _, p := range s.points {
		if p.saving {
			to = p.seconds
		}
	}
	return 0, to
}

// decade rounds a value to a power of ten.
func decade(v float64, round func(float64) float64) float64 {
	return math.Pow(10, round(math.Log10(v)))
}

// drawDecades draws a rule for each power of ten.
func drawDecades(c *canvas, x, y axis, unit string) {
	for v := y.low; v <= y.high*1.01; v *= 10 {
		c.line(x.from, y.at(v), x.to, y.at(v), rule)
		c.text(x.from-8, y.at(v)+4, atEnd, faint, "normal", 12, format(unit, v))
	}
}

// drawSeconds draws a mark for each round number of seconds, below y.
func drawSeconds(c *canvas, x axis, y float64) {
	step := math.Pow(10, math.Floor(math.Log10(x.high-x.low)))
	if (x.high-x.low)/step < 3 {
		step /= 5
	}
	for n := int(math.Ceil(x.low / step)); float64(n)*step <= x.high; n++ {
		at := x.at(float64(n) * step)
		c.line(at, y, at, y+4, faint)
		c.text(at, y+18, atMiddle, faint, "normal", 12, strconv.FormatFloat(float64(n)*step, 'f', -1, 32))
	}
	c.text((x.from+x.to)/2, y+38, atMiddle, faint, "normal", 12, "seconds since the start of the save")
}
