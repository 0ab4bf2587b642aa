package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/perduredb/perdure/server"
)

// parts returns the elements of an array or a set of bulk strings.
func parts(reply string) (all []string) {
	lines := strings.Split(strings.TrimSuffix(reply, "\r\n"), "\r\n")
	for i := 2; i < len(lines); i += 2 {
		all = append(all, lines[i])
	}
	return all
}

// random are commands that choose elements of key, with the length of the reply to them. A negative
// length means that elements can occur several times.
var random = []struct {
	command string
	length  int
}{
	{"SRANDMEMBER set 1", 1}, {"SRANDMEMBER set 5", 5}, {"SRANDMEMBER set 100", 20}, {"SRANDMEMBER set -50", -50}, {"SRANDMEMBER set -1", 1},
	{"SRANDMEMBER ints 7", 7}, {"HRANDFIELD hash 5", 5}, {"HRANDFIELD hash 20", 20}, {"HRANDFIELD hash -50", -50},
	{"ZRANDMEMBER zset 5", 5}, {"ZRANDMEMBER zset 90", 20}, {"ZRANDMEMBER zset -50", -50},
}

// TestRandomElements checks the choices of commands that are random.
func TestRandomElements(t *testing.T) {
	c := dial(t, serve(t, memory(t), server.WithDebug()))
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprint(i*i-50))
		c.do("SADD", "ints", names[i])
		c.do("SADD", "set", names[i])
		c.do("HSET", "hash", names[i], "v"+names[i])
		c.do("ZADD", "zset", fmt.Sprint(i%5), names[i])
	}
	c.do("SADD", "set", "x")
	c.do("SREM", "set", "x")
	for _, r := range random {
		seen := map[string]bool{}
		for range 200 {
			all := parts(c.do(strings.Fields(r.command)...))
			if len(all) != max(r.length, -r.length) {
				t.Fatalf("%s: %d elements, want %d", r.command, len(all), r.length)
			}
			for _, e := range all {
				seen[e] = true
				if !slices.Contains(names, e) {
					t.Fatalf("%s: %q, want an element", r.command, e)
				}
			}
			slices.Sort(all)
			if different := len(slices.Compact(all)); r.length > 0 && different != r.length {
				t.Fatalf("%s: %d different elements, want %d", r.command, different, r.length)
			}
		}
		if len(seen) != len(names) {
			t.Errorf("%s: only %d elements were chosen in 200 tries, want each of %d", r.command, len(seen), len(names))
		}
	}
	values := parts(c.do("HRANDFIELD", "hash", "-30", "WITHVALUES"))
	for i := 0; i < len(values); i += 2 {
		if values[i+1] != "v"+values[i] {
			t.Errorf("HRANDFIELD WITHVALUES: %q with %q, want its value", values[i], values[i+1])
		}
	}
}

// TestPopRemoves checks that SPOP removes the members that it returns.
func TestPopRemoves(t *testing.T) {
	c := dial(t, serve(t, memory(t)))
	for _, kind := range []string{"", "x"} {
		var left []string
		for i := range 30 {
			left = append(left, kind+fmt.Sprint(i))
			c.do("SADD", "k", left[i])
		}
		for n := 0; len(left) > 0; n++ {
			popped := parts(c.do("SPOP", "k", "4"))
			if n%2 == 0 {
				popped = append(popped, parts("*1\r\n"+c.do("SPOP", "k"))...)
			}
			for _, m := range popped {
				i := slices.Index(left, m)
				if i < 0 {
					t.Fatalf("SPOP = %q, want one of %q", m, left)
				}
				left = slices.Delete(left, i, i+1)
			}
			got := parts(c.do("SMEMBERS", "k"))
			slices.Sort(got)
			slices.Sort(left)
			if !slices.Equal(got, left) {
				t.Fatalf("after SPOP %q: members %q, want %q", popped, got, left)
			}
		}
		c.want(":0\r\n", "EXISTS", "k")
	}
}
