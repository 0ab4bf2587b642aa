package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// scaling is the result of the cores mode, to be sent from other machines.
type scaling struct {
	Machine  string
	Versions map[string]string
	Keys     int
	Procs    []int
	Curves   []curve
}

// curve is the rate of one operation of one peer by number of processors.
type curve struct {
	Peer, What string
	Rates      []float64 // per second
}

// coresPeers are perdure without and with a log, and the maps that a program would use instead.
var coresPeers = []string{"perdure/none", "perdure/everysec", "shardmap/none", "rwmap/none", "xsync/none"}

// cores measures Get and Set with 1, 2, 4, and more processors and as many goroutines, up to those
// of the machine, and then up to 8 to show what the kernel's scheduler costs. It writes cores.md,
// cores.json, and a picture for each operation.
func cores(s settings) error {
	r := scaling{Machine: machine(), Versions: newResults(s).Versions, Keys: s.keys, Procs: procsOf(runtime.NumCPU())}
	for _, name := range coresPeers {
		if !s.peers.MatchString(name) {
			continue
		}
		curves, err := coresOf(s, name, r.Procs)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r.Curves = append(r.Curves, curves...)
	}
	text := r.report()
	fmt.Print(text)
	if err := os.WriteFile(filepath.Join(s.out, "cores.md"), []byte(text), 0o644); err != nil {
		return err
	}
	out, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.out, "cores.json"), out, 0o644); err != nil {
		return err
	}
	return r.draw(s.out)
}

// procsOf returns powers of two up to the number of processors, which is the last unless it is
// below 8.
func procsOf(n int) (procs []int) {
	for p := 1; p < max(n, 8); p *= 2 {
		procs = append(procs, p)
	}
	return append(procs, max(n, 8))
}

// coresOperations are the operations of the cores mode. On one key, all goroutines want one lock.
var coresOperations = []struct {
	what, op string
	keys     func(n int) sequence
}{
	{"Get, uniform keys", opGet, func(n int) sequence { return uniform(0, n) }},
	{"Set, uniform keys", opSet, func(n int) sequence { return uniform(0, n) }},
	{"Get, Zipf", opGet, func(n int) sequence { return zipf(0, n) }},
	{"Set, one key", opSet, func(int) sequence { return uniform(0, 1) }},
}

// coresOf measures a peer in this process.
func coresOf(s settings, name string, procs []int) (curves []curve, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	dir, err := os.MkdirTemp(s.dir, "cores")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	p, err := openPeer(name, dir, s.keys)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := fill(p, s.keys); err != nil {
		return nil, err
	}
	for _, o := range coresOperations {
		c := curve{Peer: name, What: o.what}
		keys := o.keys(s.keys)
		for _, n := range procs {
			runtime.GOMAXPROCS(n)
			var rates []float64
			for range s.rounds {
				sc, err := trial{peer: p, do: operation(o.op, keys), workers: n, time: s.time}.run()
				if err != nil {
					return nil, err
				}
				rates = append(rates, 1e9/sc.nsPerOp())
			}
			c.Rates = append(c.Rates, median(rates))
		}
		curves = append(curves, c)
	}
	return curves, nil
}

func (r *scaling) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Speed by number of processors\n\n%d keys of %d bytes, values of %d. %s. As many goroutines as processors (GOMAXPROCS).\n",
		r.Keys, keySize, valueSize, r.Machine)
	for _, o := range coresOperations {
		fmt.Fprintf(&b, "\n## %s\n\n| peer |%s\n|---|%s\n", o.what, columns(r.Procs, " %d |"), strings.Repeat("---|", len(r.Procs)))
		for _, c := range r.Curves {
			if c.What != o.what {
				continue
			}
			fmt.Fprintf(&b, "| %s |", c.Peer)
			for _, rate := range c.Rates {
				fmt.Fprintf(&b, " %s (%.1f) |", format("rate", rate), rate/c.Rates[0])
			}
			fmt.Fprintln(&b)
		}
	}
	b.WriteString("\nIn parentheses: the factor relative to one processor.\n")
	return b.String()
}

// draw writes a picture for each operation.
func (r *scaling) draw(dir string) error {
	for i, o := range coresOperations {
		var curves []curve
		for _, c := range r.Curves {
			if c.What == o.what {
				curves = append(curves, c)
			}
		}
		if err := r.drawCurves(o.what, curves, filepath.Join(dir, fmt.Sprintf("cores-%d.svg", i+1))); err != nil {
			return err
		}
	}
	return nil
}

// Measures of the curves, in pixels.
const (
	curvesWidth  = 900.0
	curvesHeight = 420.0
	curvesLeft   = 70.0
	curvesRight  = 150.0 // for the names at the ends of the lines
	labelStep    = 16.0
)

// drawCurves draws rates against numbers of processors. Both axes are logarithmic, so that a rate
// in proportion to the processors is a straight line.
func (r *scaling) drawCurves(title string, curves []curve, path string) error {
	if len(curves) == 0 {
		return nil
	}
	x := axis{low: 1, high: float64(r.Procs[len(r.Procs)-1]), from: curvesLeft, to: curvesWidth - curvesRight, log: true}
	y := axis{low: math.Inf(1), high: 0, from: curvesHeight - timelineBottom, to: timelineTop, log: true}
	for _, c := range curves {
		for _, rate := range c.Rates {
			y.low, y.high = min(y.low, rate), max(y.high, rate)
		}
	}
	y.low, y.high = decade(y.low, math.Floor), decade(y.high, math.Ceil)
	c := &canvas{width: curvesWidth, height: curvesHeight}
	c.text(20, 30, atStart, ink, "bold", 16, title+": calls per second")
	c.text(20, 50, atStart, faint, "normal", 12, "all goroutines together; "+r.Machine)
	drawDecades(c, x, y, "rate")
	for _, n := range r.Procs {
		c.text(x.at(float64(n)), y.from+18, atMiddle, faint, "normal", 12, fmt.Sprint(n))
	}
	c.text((x.from+x.to)/2, y.from+38, atMiddle, faint, "normal", 12, "processors, and goroutines")
	var labels []label
	for i, each := range curves {
		var xy []float64
		for j, rate := range each.Rates {
			xy = append(xy, x.at(float64(r.Procs[j])), y.at(rate))
		}
		stroke := hex(colors[i%len(colors)])
		c.polyline(xy, stroke, 2)
		labels = append(labels, label{each.Peer, stroke, xy[len(xy)-1]})
	}
	drawLabels(c, labels)
	return c.save(path)
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
		c.text(curvesWidth-curvesRight+8, labels[i].y+4, atStart, labels[i].fill, "bold", 13, labels[i].text)
	}
}
