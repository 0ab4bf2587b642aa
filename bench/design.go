package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// bar is a row of the design's list of targets, with the target and the result.
type bar struct {
	What  string
	Peers string // results of the other stores in this run
	Ours  string
	Bar   string
	Met   bool
}

// million is the number of keys for targets that do not depend on -keys.
const million = 1_000_000

// designJobs returns the jobs of a round. Jobs to compare are next to each other.
func designJobs(s settings) (jobs []job) {
	at := func(measure string, keys int, j job, peers ...string) {
		j.Measure, j.Keys, j.Time, j.Dir = measure, keys, s.time, s.dir
		for _, j.Peer = range peers {
			jobs = append(jobs, j)
		}
	}
	one, getSet := []int{1}, []string{opGet, opSet}
	small := min(s.keys, million)
	at("memory", s.keys, job{}, "perdure/none", "shardmap/none", "fastcache/none", "redis/none")
	at("throughput", small, job{Workers: one, Operations: getSet}, "perdure/none", "shardmap/none", "shardmap-ref/none",
		"perdure/everysec", "perdure-direct/everysec", "pebble/everysec", "buntdb/everysec", "redis-pipe/everysec")
	at("disk", s.keys, job{}, "disk")
	at("durable", s.keys, job{Workers: []int{64}}, "perdure/always", "pebble/always", "buntdb/always", "redis-pipe/always")
	at("saving", s.keys/10, job{Tag: " of a tenth"}, "perdure/none")
	at("saving", s.keys, job{}, "perdure/none", "redis/none")
	at("files", s.keys, job{}, "perdure/none", "redis/none", "perdure/everysec", "redis/everysec")
	at("files", small, job{Tag: " small"}, "perdure/none", "perdure/everysec", "buntdb/no")
	return jobs
}

// design measures the targets and prints them row by row.
func design(s settings) error {
	r := newResults(s)
	for round := range s.rounds {
		for _, j := range designJobs(s) {
			r.take(round, j)
		}
	}
	text := designReport(r)
	fmt.Print(text)
	if err := writeJSON(filepath.Join(s.out, "design.json"), r); err != nil {
		return err
	}
	if err := r.drawTimeline(filepath.Join(s.out, "design-saving.svg")); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.out, "design.md"), []byte(text), 0o644)
}

func designReport(r *results) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The targets of the design\n\n%s| what | peers, same run | perdure | target | met |\n|---|---|---|---|---|\n", r.header())
	for _, row := range designBars(r) {
		met := "**no**"
		if row.Met {
			met = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", row.What, row.Peers, row.Ours, row.Bar, met)
	}
	b.WriteString("\n")
	r.writeFailures(&b)
	return b.String()
}

func designBars(r *results) []bar {
	small := min(r.Keys, million)
	return []bar{
		r.atMost(105, fmt.Sprintf("RAM a key, %d keys", r.Keys), "perdure/none", "RAM a key",
			"shardmap/none", "fastcache/none", "redis/none"),
		r.atMost(5e6, fmt.Sprintf("runtime.GC() holding %d keys", r.Keys), "perdure/none", "runtime.GC()", "shardmap/none"),
		r.speed(1.0, fmt.Sprintf("Get, %d random keys, no log", small), "get uniform 1"),
		r.speed(1.2, fmt.Sprintf("Set, %d random keys, no log", small), "set uniform 1"),
		r.direct(),
		r.ring(),
		r.always(),
		r.pause(),
		r.atMost(64<<20, "extra memory, BGSave under full write load", "perdure/none", "extra memory saving", "redis/none"),
		r.fraction(6, fmt.Sprintf("Save, %d keys, fsync included", r.Keys), "perdure/none", "redis/none", "save"),
		r.fraction(5, fmt.Sprintf("load %d keys, RDB", r.Keys), "perdure/none", "redis/none", "open"),
		r.fraction(8, fmt.Sprintf("load %d keys, AOF", r.Keys), "perdure/everysec", "redis/everysec", "open"),
		r.open(small),
	}
}

// atMost returns a target that perdure's median must not exceed.
func (r *results) atMost(limit float64, what, our, measured string, peers ...string) bar {
	s := r.sample(our, measured)
	row := bar{What: what, Peers: r.list(measured, peers...), Ours: s.String()}
	if s != nil {
		row.Bar, row.Met = "<= "+format(s.Unit, limit), median(s.Values) <= limit
	}
	return row
}

// list returns the results of peers on one line.
func (r *results) list(what string, peers ...string) string {
	var each []string
	for _, p := range peers {
		each = append(each, p+" "+r.sample(p, what).String())
	}
	return strings.Join(each, "; ")
}

// speed compares with the map, and both sides copy. It also shows the map that returns references.
func (r *results) speed(least float64, what, measured string) bar {
	times, ok := r.ratio("shardmap/none", "perdure/none", measured)
	ref, _ := r.ratio("shardmap-ref/none", "perdure/none", measured)
	return bar{
		What:  what,
		Peers: r.list(measured, "shardmap/none", "shardmap-ref/none"),
		Ours:  fmt.Sprintf("%v: %.2fx the map's speed, %.2fx that of the map without copies", r.sample("perdure/none", measured), times, ref),
		Bar:   fmt.Sprintf(">= %.1fx", least),
		Met:   ok && times >= least,
	}
}

// direct returns the target for Direct mode, where a Set is a write(2).
func (r *results) direct() bar {
	const measured = "set uniform 1"
	row := r.atMost(1300, "Set, everysec, 1 goroutine, Direct", "perdure-direct/everysec", measured,
		"pebble/everysec", "buntdb/everysec", "redis-pipe/everysec")
	times, _ := r.ratio("perdure-direct/everysec", "perdure/none", measured)
	row.Ours += fmt.Sprintf(": %.2fx perdure's Set without a log", times)
	return row
}

// ring returns the target for Ring mode, where a Set is a copy to mapped memory.
func (r *results) ring() bar {
	const measured, most = "set uniform 1", 1.35
	times, ok := r.ratio("perdure/everysec", "perdure/none", measured)
	return bar{
		What:  "Set, everysec, 1 goroutine, Ring",
		Peers: "as above",
		Ours:  fmt.Sprintf("%v: %.2fx perdure's Set without a log", r.sample("perdure/everysec", measured), times),
		Bar:   fmt.Sprintf("<= %.2fx perdure's Set without a log", most),
		Met:   ok && times <= most,
	}
}

// always scales the target if the disk is slower than the disk that the target was set for.
func (r *results) always() bar {
	const measured, rate, disk = "durable set 64", 300_000, 100_000
	sync, _ := r.median("disk", "fdatasync p50")
	limit := rate * min(1, disk/max(sync, 1))
	s := r.sample("perdure/always", measured)
	row := bar{
		What:  fmt.Sprintf("Set, always, 64 goroutines; fdatasync takes %v", r.sample("disk", "fdatasync p50")),
		Peers: r.list(measured, "pebble/always", "buntdb/always", "redis-pipe/always"),
		Ours:  s.String(),
		Bar:   fmt.Sprintf(">= %s, scaled to fdatasync over %s", format("rate", limit), format("ns", disk)),
	}
	row.Met = s != nil && median(s.Values) >= limit
	return row
}

// pause shows the barrier next to the barrier of a store with 1/10 of the keys. The barrier must
// not grow with the keys.
func (r *results) pause() bar {
	row := bar{
		What: "barrier of BGSave; worst Set during the save",
		Peers: fmt.Sprintf("redis fork %v, worst Set %v", r.sample("redis/none", "pause"),
			r.sample("redis/none", "set saving worst")),
		Ours: fmt.Sprintf("barrier %v, with 10%% of the keys %v; worst Set %v, without a save %v",
			r.sample("perdure/none", "pause"), r.sample("perdure/none", "pause of a tenth"),
			r.sample("perdure/none", "set saving worst"), r.sample("perdure/none", "set idle worst")),
		Bar: "barrier <= 500 us",
	}
	m, ok := r.median("perdure/none", "pause")
	row.Met = ok && m <= 500_000
	return row
}

// fraction returns a target for a time relative to a peer's time.
func (r *results) fraction(least float64, what, our, peer, measured string) bar {
	times, ok := r.ratio(peer, our, measured)
	return bar{
		What:  what,
		Peers: r.list(measured, peer),
		Ours:  fmt.Sprintf("%v: 1/%.1f", r.sample(our, measured), times),
		Bar:   fmt.Sprintf("<= 1/%g", least),
		Met:   ok && times >= least,
	}
}

func (r *results) open(keys int) bar {
	limit := 0.4e9 * float64(keys) / million
	row := r.atMost(limit, fmt.Sprintf("Open, %d keys", keys), "perdure/none", "open small", "buntdb/no")
	row.Ours = fmt.Sprintf("%s from a dump; %v from plain commands", row.Ours, r.sample("perdure/everysec", "open small"))
	return row
}
