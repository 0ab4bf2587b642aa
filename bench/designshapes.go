package main

import (
	"fmt"
	"strings"
)

// otherShapes are the sizes of keys and values that are measured next to the usual ones.
var otherShapes = []shape{{16, 8}, {16, 1024}, {64, 64}}

// shapePeers are the columns of the table of sizes.
var shapePeers = []string{"perdure/none", "perdure/everysec", "shardmap/none", "xsync/none", "pebble/everysec"}

// shapeWorkers are the numbers of goroutines of that table.
var shapeWorkers = []int{1, 2, 64}

// shapeOperations are the operations of that table.
var shapeOperations = []string{opGet, opSet, opIncr}

// tag returns what the names of the measurements of a shape end with.
func (s shape) tag() string { return fmt.Sprintf(" of %d+%d B", s.key, s.value) }

// shapeJobs returns the jobs of the table of sizes, for a number of keys.
func shapeJobs(keys int) (jobs []job) {
	for _, s := range append([]shape{usual}, otherShapes...) {
		for _, p := range shapePeers {
			jobs = append(jobs, job{Measure: "verbs", Peer: p, Keys: keys, Workers: shapeWorkers,
				Operations: shapeOperations, Key: s.key, Value: s.value, Tag: s.tag()})
		}
	}
	return jobs
}

// writeShapes writes the times of Get, Set, and Incr by the sizes of keys and values.
func (r *results) writeShapes(b *strings.Builder) {
	fmt.Fprintf(b, "## Other sizes\n\n%s\n| key and value | operation | keys | goroutines |", wrapped("Time per call, for all "+
		"goroutines together: hot and cold as above. pebble has no Incr. The sizes of a counter are those of its key and number."))
	for _, p := range shapePeers {
		fmt.Fprintf(b, " %s |", p)
	}
	fmt.Fprintf(b, "\n|---|---|---|---|%s\n", strings.Repeat("---|", len(shapePeers)))
	for _, s := range append([]shape{usual}, otherShapes...) {
		for _, op := range shapeOperations {
			for _, size := range []string{"hot", "cold"} {
				for _, w := range shapeWorkers {
					fmt.Fprintf(b, "| %d + %d B | %s | %s | %d |", s.key, s.value, op, size, w)
					for _, p := range shapePeers {
						fmt.Fprintf(b, " %v |", r.sample(p, verbName(op, size, w)+s.tag()))
					}
					b.WriteByte('\n')
				}
			}
		}
	}
	b.WriteByte('\n')
}
