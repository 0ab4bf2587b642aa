package main

import (
	"fmt"
	"strings"
)

// The names of the peers in the rows below.
const (
	ours    = "perdure/none"
	logged  = "perdure/everysec"
	plain   = "shardmap/none" // for Get, Set, and Incr
	withTTL = "ttlmap/none"   // for other verbs
)

// verbBars returns the targets for operations on hot keys.
func verbBars(r *results) (rows []bar) {
	for _, v := range []struct {
		name, map_ string
		most       float64
	}{
		{opGet, plain, 1.5}, {opSet, plain, 1.1}, {opIncr, plain, 2}, {"Expire", withTTL, 2},
		{"SetIfAbsent", withTTL, 2}, {"Set and Delete", withTTL, 2},
	} {
		what := verbName(v.name, "hot", 1)
		rows = append(rows, r.timesAtMost(v.most, "hot "+v.name+", no log", ours, v.map_, what))
		if v.name != opGet {
			rows = append(rows, r.withLog("hot "+v.name+", everysec, Ring", v.map_, what))
		}
	}
	return append(rows,
		r.update(1000, "Update of two"),
		r.update(400, "UpdateKeys of two"))
}

// withLog returns the target for a verb with a log: twice the time without one, or 200 ns where the
// map takes 85.
func (r *results) withLog(what, map_, measured string) bar {
	const most = 200.0 / 85
	row := r.timesAtMost(2, what, logged, ours, measured)
	times, ok := r.ratio(logged, map_, measured)
	row.Peers = r.list(measured, ours, map_)
	row.Ours += fmt.Sprintf(", %.2fx the map's", times)
	row.Bar += fmt.Sprintf(", or %.2fx the map's", most)
	row.Met = row.Met || ok && times <= most
	return row
}

// timesAtMost returns a target for a time relative to a peer's time of that round.
func (r *results) timesAtMost(most float64, what, our, peer, measured string) bar {
	times, ok := r.ratio(our, peer, measured)
	return bar{
		What:  what,
		Peers: r.list(measured, peer),
		Ours:  fmt.Sprintf("%v: %.2fx", r.sample(our, measured), times),
		Bar:   fmt.Sprintf("<= %gx", most),
		Met:   ok && times <= most,
	}
}

// update returns the target for a transaction, which must not allocate either.
func (r *results) update(limit float64, verb string) bar {
	what := verbName(verb, "hot", 1)
	row := r.atMost(limit, "hot "+verb+" counters, no log", ours, what, withTTL)
	allocs, ok := r.median(ours, what+" allocations")
	row.Ours += fmt.Sprintf(", %.2f allocations", allocs)
	row.Bar += ", 0 allocations"
	row.Met = row.Met && ok && allocs < 0.05 // 64 transactions share an allocation
	return row
}

// verbPeers are the columns of the table of verbs.
var verbPeers = []string{"perdure/none", "perdure/everysec", "perdure-direct/everysec", "rwmap/none", "shardmap/none", "ttlmap/none",
	"xsync/none", "otter/none"}

// writeVerbs writes the time of every verb on hot and on cold keys, with one goroutine.
func (r *results) writeVerbs(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Every verb\n\n%s\n| verb | keys |", wrapped(fmt.Sprintf("Time per call, 1 goroutine: hot, on %d keys; cold, "+
		"on random keys among %d. The time of calls on 100 keys is that of the whole call.", hotSet, min(r.Keys, million))))
	for _, p := range verbPeers {
		fmt.Fprintf(b, " %s |", p)
	}
	fmt.Fprintf(b, "\n|---|---|%s\n", strings.Repeat("---|", len(verbPeers)))
	for _, v := range allVerbs {
		for _, size := range []string{"hot", "cold"} {
			fmt.Fprintf(b, "| %s | %s |", v.name, size)
			for _, p := range verbPeers {
				fmt.Fprintf(b, " %v |", r.sample(p, verbName(v.name, size, 1)))
			}
			b.WriteByte('\n')
		}
	}
	b.WriteByte('\n')
}
