package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// steps are commands that change several collections, or one in several steps. %d is a number below
// that of elements, and the counts are those of the elements of all collections.
var steps = []struct {
	name             string
	commands, counts []string
	queries          []string
}{
	{"SMOVE", []string{"SMOVE a b member:%d", "SMOVE b a member:%d"}, []string{"SCARD a", "SCARD b"}, []string{"SCARD a", "SMEMBERS b"}},
	{"LMOVE", []string{"LMOVE l m LEFT RIGHT", "LMOVE m l RIGHT LEFT", "RPOPLPUSH l m", "LMOVE l l LEFT RIGHT"},
		[]string{"LLEN l", "LLEN m"}, []string{"LRANGE l 0 -1", "LRANGE m 0 -1"}},
	{"ZMPOP", []string{"ZMPOP 1 z MIN COUNT 3", "BZMPOP 0 1 z MAX COUNT 2", "BZPOPMIN z 0", "BZPOPMAX z 0"},
		nil, []string{"ZRANGE z 0 -1 WITHSCORES", "ZCARD z"}},
}

// TestCommandOfStepsWithoutMemory refuses memory at some point of such commands. A snapshot makes
// them copy pages and records. A refused command must leave everything unchanged, even if it is
// part of a transaction that ignores its error. No other command may lose an element.
func TestCommandOfStepsWithoutMemory(t *testing.T) {
	for i := range steps {
		for _, n := range []int{60, 600} { // small and large collections
			for _, tx := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d/%v", steps[i].name, n, tx), func(t *testing.T) {
					s := newScarce(t, n/600) // 1 or the default
					for i := range n {
						s.do(fmt.Sprintf("SADD %c member:%d", "ab"[i%2], i))
						s.do(fmt.Sprintf("RPUSH %c member:%d", "lm"[i%2], i))
						s.do(fmt.Sprintf("ZADD z %d member:%d", i, i))
					}
					for round := range 200 {
						s.step(i, round, n, tx)
					}
				})
			}
		}
	}
}

// step executes a command of steps number i, on n elements, and checks its effect.
func (s *scarce) step(i, round, n int, tx bool) {
	s.t.Helper()
	h, err := s.e.Snapshot()
	if err != nil {
		s.t.Fatal(err)
	}
	defer h.Close()
	c := steps[i]
	command := c.commands[round%len(c.commands)]
	if strings.Contains(command, "%") {
		command = fmt.Sprintf(command, round*7%n)
	}
	before := s.all(c.queries)
	if s.try(command, int64(round%5*4096), tx) {
		if after := s.all(c.queries); !slices.Equal(after, before) {
			s.t.Fatalf("after a refusal of %s: %.200q, want %.200q", command, after, before)
		}
	} else if total := s.total(c.counts); total != n && c.counts != nil {
		s.t.Fatalf("%s: %d elements are left, want %d", command, total, n)
	}
	if err := s.e.CheckTable(); err != nil {
		s.t.Fatalf("%s: %v", command, err)
	}
	s.do(fmt.Sprintf("ZADD z 1 member:%d 2 member:%d 3 more", round, round+1)) // no pop waits
}

// total returns the sum of the replies to queries.
func (s *scarce) total(queries []string) (total int) {
	for _, reply := range s.all(queries) {
		n, _ := strconv.Atoi(strings.Trim(reply, ":\r\n"))
		total += n
	}
	return total
}

// TestNewCollectionWithoutMemory refuses memory at some point of commands that make a new large
// collection of one element, or make a small one large. Their pages must not be lost.
func TestNewCollectionWithoutMemory(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for _, command := range []string{"SADD k%d " + long, "RPUSH k%d " + long, "HSET k%d f " + long, "ZADD k%d 1 " + long} {
		for _, tx := range []bool{false, true} {
			s, refused := newScarce(t, 0), 0
			for i := range 300 {
				c := fmt.Sprintf(command, i)
				if s.try(c, int64(i%20*4096), tx) {
					refused++
				}
				if err := s.e.CheckTable(); err != nil {
					t.Fatalf("%.10s, transaction %v: %v", c, tx, err)
				}
			}
			if refused == 0 {
				t.Errorf("%.10s, transaction %v: no refusal, want some", command, tx)
			}
		}
	}
}
