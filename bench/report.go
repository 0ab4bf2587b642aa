package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// table is one table of the report, with a row for each peer and a column for each measurement.
type table struct {
	title, note string
	columns     []column
}

type column struct{ head, what string }

// tables returns the tables of the report.
func tables() []table {
	var all []table
	titles := map[string]string{
		opGet: "Get", opSet: "Set", opIncr: "Incr", opMixed: "Nine Gets to a Set",
	}
	for _, op := range []string{opGet, opSet, opMixed, opIncr} {
		t := table{title: titles[op], note: "Wall time per operation, by distribution of keys and number of goroutines."}
		for _, d := range distributions {
			for _, w := range []int{1, 2, 64} {
				t.columns = append(t.columns, column{fmt.Sprintf("%s, %d", d.name, w), fmt.Sprintf("%s %s %d", op, d.name, w)})
			}
		}
		t.columns = append(t.columns, column{"allocations", op + " allocations"}, column{"missing", op + " missing"})
		all = append(all, t)
	}
	durable := table{title: "Durable Set", note: fmt.Sprintf("By number of goroutines, over at most %d keys. For scale: fdatasync.", durableKeys)}
	for _, w := range []int{1, 2, 64} {
		name := fmt.Sprintf("durable set %d", w)
		durable.columns = append(durable.columns, column{fmt.Sprint(w), name},
			column{"p50", name + " p50"}, column{"p99", name + " p99"}, column{"worst", name + " max"})
	}
	return append(all, durable,
		table{"Memory", "Key and value are 80 bytes of it.", []column{
			{"RAM a key", "RAM a key"}, {"Go heap a key", "heap a key"}, {"runtime.GC()", "runtime.GC()"}}},
		table{"Files", "save: synced, but for fastcache's. open: with the files in the page cache; of perdure and redis a dump in mode " +
			"none and a log of plain commands in everysec; badger, bbolt and pebble load nothing then.", []column{
			{"save", "save"}, {"open", "open"}, {"on disk", "on disk"}}},
		table{"Saving beside writers", "pause: perdure's barrier, Redis's fork. Latency of one goroutine; memory under two.", []column{
			{"save", "background save"}, {"pause", "pause"}, {"Set p50", "set saving p50"}, {"p99.9", "set saving p99.9"},
			{"worst", "set saving worst"}, {"idle p99.9", "set idle p99.9"}, {"idle worst", "set idle worst"},
			{"extra memory", "extra memory saving"}}})
}

// report returns all results as Markdown.
func (r *results) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# perdure and its peers\n\n%s", r.header())
	for _, t := range tables() {
		r.writeTable(&b, t)
	}
	r.writeFailures(&b)
	return b.String()
}

// header describes how and where the measurements were taken.
func (r *results) header() string {
	var versions []string
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		versions = append(versions, name+" "+r.Versions[name])
	}
	text := fmt.Sprintf("%d keys of %d bytes, values of %d; medians of %d interleaved rounds (lowest-highest); each operation %v a round. "+
		"%s, %s. %s.", r.Keys, keySize, valueSize, r.Rounds, r.Time, r.Taken.Format("2006-01-02 15:04 MST"), r.Machine,
		strings.Join(versions, ", "))
	return wrapped(text) + "\n"
}

// wrapped breaks a text into lines of at most 100 columns.
func wrapped(text string) string {
	var b strings.Builder
	width := 0
	for _, word := range strings.Fields(text) {
		switch {
		case width > 0 && width+1+len(word) > 100:
			b.WriteByte('\n')
			width = 0
		case width > 0:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += len(word)
	}
	return b.String() + "\n"
}

func (r *results) writeTable(b *strings.Builder, t table) {
	var rows []string
	used := make([]bool, len(t.columns))
	for _, peer := range peerNames() {
		row, any := "| "+peer, false
		for i, c := range t.columns {
			s := r.sample(peer, c.what)
			row += " | " + s.String()
			any = any || s != nil
			used[i] = used[i] || s != nil
		}
		if any {
			rows = append(rows, row+" |")
		}
	}
	if len(rows) == 0 {
		return
	}
	head, rule := "| peer", "|---"
	for _, c := range t.columns {
		head, rule = head+" | "+c.head, rule+"|---"
	}
	fmt.Fprintf(b, "## %s\n\n%s\n\n%s |\n%s|\n%s\n\n", t.title, t.note, head, rule, strings.Join(rows, "\n"))
}

func (r *results) writeFailures(b *strings.Builder) {
	for _, f := range r.Failures {
		fmt.Fprintf(b, "- not measured: %s\n", f)
	}
}

// String returns the median with lowest and highest, or a dash.
func (s *sample) String() string {
	if s == nil {
		return "-"
	}
	m := format(s.Unit, median(s.Values))
	low, high := format(s.Unit, slices.Min(s.Values)), format(s.Unit, slices.Max(s.Values))
	if low == high {
		return m
	}
	return fmt.Sprintf("%s (%s-%s)", m, low, high)
}

// scale is a unit and the smallest number that uses it.
type scale struct {
	from float64
	unit string
}

var scales = map[string][]scale{
	"ns":    {{1e9, " s"}, {1e6, " ms"}, {1e3, " us"}, {1, " ns"}},
	"rate":  {{1e6, " M/s"}, {1e3, " k/s"}, {1, " /s"}},
	"size":  {{1 << 30, " GiB"}, {1 << 20, " MiB"}, {1 << 10, " KiB"}, {1, " B"}},
	"bytes": {{1, " B"}},
	"count": {{1, ""}},
	"share": {{0.01, " %"}},
}

// format formats v with three digits and its unit.
func format(unit string, v float64) string {
	all := scales[unit]
	s := all[len(all)-1]
	for _, each := range all {
		if v >= each.from {
			s = each
			break
		}
	}
	v /= s.from
	digits := 2
	for limit := 10.0; digits > 0 && v >= limit; limit *= 10 {
		digits--
	}
	text := fmt.Sprintf("%.*f", digits, v)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + s.unit
}
