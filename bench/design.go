package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	at("memory", s.keys, job{}, "perdure/none", "shardmap/none", "fastcache/none", "redis/none", "valkey/none")
	at("throughput", small, job{Workers: one, Operations: getSet}, "perdure/none", "shardmap/none", "shardmap-ref/none",
		"perdure/everysec", "perdure-direct/everysec", "pebble/everysec", "buntdb/everysec", "redis-pipe/everysec")
	at("insert", small, job{}, "perdure-direct/everysec", "pebble/everysec", "perdure/everysec", "buntdb/everysec")
	at("verbs", small, job{Workers: one}, "perdure/none", "shardmap/none", "ttlmap/none", "perdure/everysec", "rwmap/none",
		"xsync/none", "otter/none", "perdure-direct/everysec")
	for _, j := range shapeJobs(s.keys) {
		at(j.Measure, j.Keys, j, j.Peer)
	}
	at("disk", s.keys, job{}, "disk")
	at("durable", s.keys, job{Workers: []int{64}}, "perdure/always", "pebble/always", "redis/always", "buntdb/always", "redis-pipe/always")
	at("durable", s.keys, job{Workers: one}, "perdure/always")
	at("saving", s.keys/10, job{Tag: " of a tenth"}, "perdure/none")
	at("saving", s.keys, job{}, "perdure/none", "redis/none", "valkey/none")
	at("files", s.keys, job{}, "perdure/none", "redis/none", "valkey/none", "perdure/everysec", "redis/everysec", "valkey/everysec")
	at("files", small, job{Tag: " small"}, "perdure/none", "perdure/everysec", "buntdb/no")
	return slices.DeleteFunc(jobs, func(j job) bool { return strings.HasPrefix(j.Peer, "valkey/") && os.Getenv(valkeyVariable) == "" })
}

// design measures the targets and prints them row by row.
func design(s settings) error {
	r := newResults(s)
	for round := range s.rounds {
		for _, j := range designJobs(s) {
			if s.only.MatchString(j.Measure) && s.peers.MatchString(j.Peer) {
				r.take(round, j)
			}
		}
	}
	text := designReport(r)
	fmt.Print(text)
	if err := writeJSON(filepath.Join(s.out, "design.json"), r); err != nil {
		return err
	}
	if err := r.drawTimeline(setThroughSave, filepath.Join(s.out, "design-saving.svg")); err != nil {
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
	r.writeVerbs(&b)
	r.writeShapes(&b)
	r.writeFailures(&b)
	return b.String()
}

func designBars(r *results) []bar {
	small := min(r.Keys, million)
	rows := append(verbBars(r), []bar{
		r.memory(),
		r.atMost(5e6, fmt.Sprintf("runtime.GC() holding %d keys", r.Keys), "perdure/none", "runtime.GC()", "shardmap/none"),
		r.speed(1.0, fmt.Sprintf("Get, %d random keys, no log", small), "get uniform 1"),
		r.speed(1.2, fmt.Sprintf("Set, %d random keys, no log", small), "set uniform 1"),
		r.timesAtMost(0.5, "Set, everysec, Direct, overwriting", "perdure-direct/everysec", "pebble/everysec", "set uniform 1"),
		r.timesAtMost(0.8, "Set, everysec, Direct, inserting into an empty store", "perdure-direct/everysec", "pebble/everysec", "insert"),
		r.ring(),
		r.alwaysPeer(2, "pebble/always", "64 goroutines"),
		r.alwaysPeer(0.9, "redis/always", "64 connections, one command each"),
		r.alwaysPeer(0, "redis-pipe/always", "64 pipelines of 64 commands: 4,096 writes in flight"),
		r.besideDisk("Set, always, 64 goroutines; the disk has 64 records in one write and one fdatasync", "durable set 64", 64,
			1/0.7, func(rate float64) float64 { return 64e9 / rate }),
		r.besideDisk("Set, always, 1 goroutine; the disk has one record; p50", "durable set 1 p50", 1, 1.15, same),
		r.pause(),
		r.atMost(64<<20, "extra memory, BGSave under full write load", "perdure/none", "extra memory saving", "redis/none"),
		r.fraction(6, fmt.Sprintf("Save, %d keys, fsync included", r.Keys), "perdure/none", "redis/none", "save"),
		r.fraction(5, fmt.Sprintf("load %d keys, RDB", r.Keys), "perdure/none", "redis/none", "open"),
		r.fraction(8, fmt.Sprintf("load %d keys, AOF", r.Keys), "perdure/everysec", "redis/everysec", "open"),
		r.open(small),
	}...)
	if r.sample("valkey/none", "save") == nil {
		return rows
	}
	return append(rows,
		r.timesAtMost(0.9, "RAM a key and Valkey's", "perdure/none", "valkey/none", "RAM a key"),
		r.fraction(7, "Save and Valkey's", "perdure/none", "valkey/none", "save"),
		r.fraction(7, "load of an RDB and Valkey's", "perdure/none", "valkey/none", "open"),
		r.fraction(10, "load of an AOF and Valkey's", "perdure/everysec", "valkey/everysec", "open"))
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

// memory returns the target for the memory of a key, which is one for 8 million keys or more.
func (r *results) memory() bar {
	row := r.atMost(98, fmt.Sprintf("RAM a key, %d keys", r.Keys), "perdure/none", "RAM a key",
		"shardmap/none", "fastcache/none", "redis/none")
	if r.Keys < 8*million {
		row.Bar, row.Met = "none for less than 8 million", true
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

// ring returns the target for Ring mode, where a Set is a copy to mapped memory.
func (r *results) ring() bar {
	const measured, most = "set uniform 1", 1.35
	times, ok := r.ratio("perdure/everysec", "perdure/none", measured)
	return bar{
		What:  "Set, everysec, Ring, overwriting",
		Peers: "as above",
		Ours:  fmt.Sprintf("%v: %.2fx perdure's Set without a log", r.sample("perdure/everysec", measured), times),
		Bar:   fmt.Sprintf("<= %.2fx perdure's Set without a log", most),
		Met:   ok && times <= most,
	}
}

// alwaysPeer returns the target for the rate of durable writes relative to a peer's; 0 for none.
func (r *results) alwaysPeer(least float64, peer, how string) bar {
	const measured = "durable set 64"
	times, ok := r.ratio("perdure/always", peer, measured)
	row := bar{
		What:  "Set, always, 64 goroutines; the peer has " + how,
		Peers: r.list(measured, peer),
		Ours:  fmt.Sprintf("%v: %.2fx", r.sample("perdure/always", measured), times),
		Bar:   fmt.Sprintf(">= %gx", least),
		Met:   ok && times >= least,
	}
	if least == 0 {
		row.Bar = "none"
	}
	return row
}

// besideDisk returns the target for the time of durable writes relative to one write and one
// fdatasync of as many records. timeOf converts the measurement to a time.
func (r *results) besideDisk(what, measured string, records int, most float64, timeOf func(float64) float64) bar {
	s, disk := r.sample("perdure/always", measured), r.sample("disk", fmt.Sprintf("fdatasync of %d p50", records))
	row := bar{What: what, Peers: disk.String(), Ours: s.String(), Bar: fmt.Sprintf("<= %.2fx", most)}
	if s != nil && disk != nil {
		times := timeOf(median(s.Values)) / median(disk.Values)
		row.Ours += fmt.Sprintf(": %.2fx", times)
		row.Met = times <= most
	}
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
