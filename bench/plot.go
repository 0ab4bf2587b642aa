package main

import (
	"image/color"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// bars is a bar chart of one measurement, with a bar for each peer. perdure's bars are highlighted.
type bars struct {
	file, title, axis string
	what              string
	value             func(float64) float64 // converts the number to the unit of the axis
}

func perSecond(ns float64) float64 { return 1e3 / ns }
func millis(ns float64) float64    { return ns / 1e6 }
func seconds(ns float64) float64   { return ns / 1e9 }
func same(v float64) float64       { return v }

var pictures = []bars{
	{"get.svg", "Get, uniform keys, 1 goroutine", "million a second", "get uniform 1", perSecond},
	{"get64.svg", "Get, uniform keys, 64 goroutines", "million a second", "get uniform 64", perSecond},
	{"set.svg", "Set, uniform keys, 1 goroutine", "million a second", "set uniform 1", perSecond},
	{"set64.svg", "Set, uniform keys, 64 goroutines", "million a second", "set uniform 64", perSecond},
	{"mixed.svg", "Nine Gets to a Set, zipf, 64 goroutines", "million a second", "90/10 zipf 64", perSecond},
	{"incr.svg", "Incr, 1 goroutine", "million a second", "incr uniform 1", perSecond},
	{"durable.svg", "Durable Set, 64 goroutines", "a second", "durable set 64", same},
	{"memory.svg", "RAM a key", "bytes", "RAM a key", same},
	{"gc.svg", "runtime.GC() with all keys held", "ms", "runtime.GC()", millis},
	{"save.svg", "Save", "s", "save", seconds},
	{"open.svg", "Open", "s", "open", seconds},
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
	return r.drawTimeline(filepath.Join(dir, "saving.svg"))
}

func (r *results) drawBars(b bars, path string) error {
	var names []string
	var labels plotter.XYLabels
	perdure, others := plotter.Values{}, plotter.Values{}
	all := peerNames()
	slices.Reverse(all) // the chart draws the first name at the bottom
	for _, name := range all {
		m, ok := r.median(name, b.what)
		if !ok {
			continue
		}
		v := b.value(m)
		m, o := 0.0, v
		if len(name) > 7 && name[:7] == "perdure" {
			m, o = v, 0
		}
		perdure, others = append(perdure, m), append(others, o)
		labels.XYs = append(labels.XYs, plotter.XY{X: v, Y: float64(len(names))})
		labels.Labels = append(labels.Labels, " "+format("count", v))
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.X.Min = b.title, b.axis, 0
	for i, values := range []plotter.Values{perdure, others} {
		chart, err := plotter.NewBarChart(values, vg.Points(12))
		if err != nil {
			return err
		}
		chart.Horizontal, chart.LineStyle.Width = true, 0
		chart.Color = []color.RGBA{perdureColor, peerColor}[i]
		p.Add(chart)
	}
	text, err := plotter.NewLabels(labels)
	if err != nil {
		return err
	}
	for i := range text.TextStyle {
		text.TextStyle[i].YAlign = -0.5
	}
	p.Add(text)
	p.NominalY(names...)
	p.X.Max *= 1.12 // room for the numbers
	return p.Save(16*vg.Centimeter, vg.Length(len(names))*vg.Points(18)+vg.Points(80), path)
}

// drawTimeline plots the latency of the slowest Set in each interval of 10 ms, before, during, and
// after a save. The latency axis is logarithmic.
func (r *results) drawTimeline(path string) error {
	if len(r.Timelines) == 0 {
		return nil
	}
	p := plot.New()
	p.Title.Text = "Set through a save: the worst of each 10 ms"
	p.X.Label.Text, p.Y.Label.Text = "seconds since the start of the save; thick: saving", "latency, us"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Legend.Top = true
	for i, name := range slices.Sorted(maps.Keys(r.Timelines)) {
		points := r.Timelines[name]
		begin := slices.IndexFunc(points, func(pt point) bool { return pt.Saving })
		if begin < 0 {
			continue
		}
		whole := line(points, points[begin].At, func(point) bool { return true })
		saving := line(points, points[begin].At, func(pt point) bool { return pt.Saving })
		for j, xys := range []plotter.XYs{whole, saving} {
			l, err := plotter.NewLine(xys)
			if err != nil {
				return err
			}
			l.Color, l.Width = colors[i%len(colors)], vg.Points([]float64{0.5, 1.5}[j])
			p.Add(l)
			if j == 1 {
				p.Legend.Add(name, l)
			}
		}
	}
	return p.Save(24*vg.Centimeter, 12*vg.Centimeter, path)
}

func line(points []point, zero time.Duration, keep func(point) bool) (xys plotter.XYs) {
	for _, pt := range points {
		if keep(pt) {
			us := max(0.1, float64(pt.Worst.Nanoseconds())/1e3)
			xys = append(xys, plotter.XY{X: (pt.At - zero).Seconds(), Y: us})
		}
	}
	return xys
}
