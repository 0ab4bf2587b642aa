package main

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
)

// Measures of the timeline, in pixels.
const (
	timelineWidth  = 900.0
	timelineHeight = 420.0
	timelineLeft   = 70.0
	timelineRight  = 150.0 // for the names at the ends of the lines
	timelineTop    = 70.0
	timelineBottom = 48.0
	labelStep      = 16.0
)

// drawTimeline plots the latency of the slowest Set in each interval, before, during, and after a
// save. The latency axis is logarithmic. The line of a peer is thick during its save, and the name
// of the peer is at its end.
func (r *results) drawTimeline(path string) error {
	series := r.series()
	if len(series) == 0 {
		return nil
	}
	x := axis{low: math.Inf(1), high: math.Inf(-1), from: timelineLeft, to: timelineWidth - timelineRight}
	y := axis{low: math.Inf(1), high: 0, from: timelineHeight - timelineBottom, to: timelineTop, log: true}
	for _, s := range series {
		for _, p := range s.points {
			x.low, x.high = min(x.low, p.seconds), max(x.high, p.seconds)
			y.low, y.high = min(y.low, p.ns), max(y.high, p.ns)
		}
	}
	y.low, y.high = decade(y.low, math.Floor), decade(y.high, math.Ceil)
	c := &canvas{width: timelineWidth, height: timelineHeight}
	c.text(20, 30, atStart, ink, "bold", 16, "Latency of Set through a save")
	c.text(20, 50, atStart, faint, "normal", 12, "the worst of each 10 ms; the line is thick while the save runs")
	drawAxes(c, x, y)
	var labels []label
	for i, s := range series {
		stroke := hex(colors[i%len(colors)])
		c.polyline(s.pixels(x, y, false), stroke, 1)
		c.polyline(s.pixels(x, y, true), stroke, 2.5)
		labels = append(labels, label{s.peer, stroke, y.at(s.points[len(s.points)-1].ns)})
	}
	drawLabels(c, labels)
	return c.save(path)
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

// pixels returns the line through the points, or through those during the save.
func (s series) pixels(x, y axis, saving bool) (xy []float64) {
	for _, p := range s.points {
		if !saving || p.saving {
			xy = append(xy, x.at(p.seconds), y.at(p.ns))
		}
	}
	return xy
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

// drawAxes draws the decades of latency, and a mark for each round number of seconds.
func drawAxes(c *canvas, x, y axis) {
	drawDecades(c, x, y, "ns")
	step := math.Pow(10, math.Floor(math.Log10(x.high-x.low)))
	if (x.high-x.low)/step < 3 {
		step /= 5
	}
	for n := math.Ceil(x.low / step); n*step <= x.high; n++ {
		at := x.at(n * step)
		c.line(at, y.from, at, y.from+4, faint)
		c.text(at, y.from+18, atMiddle, faint, "normal", 12, strconv.FormatFloat(n*step, 'f', -1, 32))
	}
	c.text((x.from+x.to)/2, y.from+38, atMiddle, faint, "normal", 12, "seconds since the start of the save")
}

// label is the name of a peer at the end of its line.
type label struct {
	text, fill string
	y          float64
}

// drawLabels draws the names in the order of their lines, far enough apart to be read.
func drawLabels(c *canvas, labels []label) {
	slices.SortFunc(labels, func(a, b label) int { return cmp.Compare(a.y, b.y) })
	for i := range labels {
		if i > 0 {
			labels[i].y = max(labels[i].y, labels[i-1].y+labelStep)
		}
		c.text(timelineWidth-timelineRight+8, labels[i].y+4, atStart, labels[i].fill, "bold", 13, labels[i].text)
	}
}
