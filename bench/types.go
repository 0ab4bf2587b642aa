package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// collectionPeers are the peers with collections, perdure first.
var collectionPeers = []string{"perdure/none", "redis-pipe/none", "valkey-pipe/none"}

// types compares hashes, lists, sets, and sorted sets with those of redis-server and valkey-server,
// which get their commands in pipelines of 64. It writes types.md.
func types(s settings) error {
	r := newResults(s)
	peers := collectionPeers
	if os.Getenv(valkeyVariable) == "" {
		peers = peers[:2]
	}
	for round := range s.rounds {
		for _, m := range []struct {
			measure string
			keys    int
			peers   []string
		}{
			{"collections", s.keys, append(slices.Clip(peers), "btree/none")},
			{"collectionfiles", 5 * s.keys, peers},
			{"openloop", 10 * s.keys, peers},
		} {
			for _, peer := range m.peers {
				if s.only.MatchString(m.measure) && s.peers.MatchString(peer) {
					r.take(round, job{Measure: m.measure, Peer: peer, Keys: m.keys, Time: s.time, Dir: s.dir})
				}
			}
		}
	}
	text := r.typesReport()
	fmt.Print(text)
	if err := writeJSON(filepath.Join(s.out, "types.json"), r); err != nil {
		return err
	}
	if err := r.drawTypes(s.out); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.out, "types.md"), []byte(text), 0o644)
}

// drawTypes draws the latency of ZADD through a save, and the memory of an element of each type.
func (r *results) drawTypes(dir string) error {
	for _, k := range collectionKinds {
		b := bars{title: "Memory of an element of a large " + k.name, what: k.name + " element", unit: "bytes", value: same}
		if err := r.drawBars(b, filepath.Join(dir, "types-"+strings.ReplaceAll(k.name, " ", "-")+".svg")); err != nil {
			return err
		}
	}
	return r.drawTimeline("Latency of ZADD through a save, 20,000 a second", filepath.Join(dir, "types-saving.svg"))
}

func (r *results) typesReport() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Collections\n\n%s| what | peers, same run | perdure | target | met |\n|---|---|---|---|---|\n", r.header())
	for _, row := range r.typesBars() {
		met := "**no**"
		if row.Met {
			met = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", row.What, row.Peers, row.Ours, row.Bar, met)
	}
	b.WriteByte('\n')
	r.writeFailures(&b)
	return b.String()
}

func (r *results) typesBars() (rows []bar) {
	ours, peers := collectionPeers[0], collectionPeers[1:]
	for _, k := range collectionKinds {
		rows = append(rows, r.atMost(k.large, fmt.Sprintf("memory of an element, %s of %d", k.name, r.Keys), ours, k.name+" element", peers...))
		if k.small > 0 {
			rows = append(rows, r.atMost(k.small, "memory of a "+k.name+" of five elements", ours, "small "+k.name, peers...))
		}
	}
	for _, k := range collectionKinds {
		for _, command := range k.commands {
			row := r.timesAtMost(0.5, fmt.Sprintf("%s, %d elements; the servers with pipelines of 64", command, r.Keys), ours, peers[0], command)
			row.Peers = r.list(command, peers...)
			rows = append(rows, row)
		}
	}
	return append(rows,
		r.timesAtMost(1, "ZADD, beside a B-tree and a map behind a lock", ours, "btree/none", "ZADD"),
		r.fraction(4, fmt.Sprintf("save of %d elements of all types", 5*r.Keys), ours, peers[0], "save of all types"),
		r.fraction(2, fmt.Sprintf("load of %d elements of all types", 5*r.Keys), ours, peers[0], "load of all types"),
		r.duringSave(),
		r.besideHog(),
		r.atMost(64<<20, "memory that the save takes meanwhile", ours, "zadd extra memory", peers...))
}

// duringSave returns the target for ZADD during a save.
func (r *results) duringSave() bar {
	ours, peers := collectionPeers[0], collectionPeers[1:]
	what := fmt.Sprintf("ZADD, %d members, 20,000/s, during a save; p99.9", 10*r.Keys)
	row := r.atMost(0.5e6, what, ours, "zadd saving p99.9", peers...)
	row.Ours += fmt.Sprintf("; the loop without ZADD %v", r.sample(ours, "zadd nothing p99.9"))
	return row
}

// besideHog returns the target for the longest ZADD during a save, relative to the longest next to
// a hog.
func (r *results) besideHog() bar {
	const most = 2
	ours, peers := collectionPeers[0], collectionPeers[1:]
	row := bar{What: "the same; the longest", Peers: r.list("zadd saving worst", peers...), Bar: "<= 2x that next to a hog"}
	saving, ok := r.median(ours, "zadd saving worst")
	hog, _ := r.median(ours, "zadd hog worst")
	row.Ours = fmt.Sprintf("%v; next to a hog %v", r.sample(ours, "zadd saving worst"), r.sample(ours, "zadd hog worst"))
	row.Met = ok && saving <= most*hog
	return row
}
