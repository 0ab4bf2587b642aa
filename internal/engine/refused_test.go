package engine

import (
	"fmt"
	"strings"
	"testing"
)

// TestCommandWithoutMemoryChangesNothing refuses memory from a random point of a command on several
// elements of a large collection, as a single command and in a transaction that ignores the error.
func TestCommandWithoutMemoryChangesNothing(t *testing.T) {
	s := newScarce(t, 1)
	for _, c := range []struct{ add, count string }{
		{"HSET h", "HLEN h"}, {"SADD s", "SCARD s"}, {"RPUSH l", "LLEN l"}, {"ZADD z", "ZCARD z"},
	} {
		elements := func(from, n int) string {
			text := c.add
			for i := from; i < from+n; i++ {
				text += fmt.Sprintf(" %d member:%d", i, i)
			}
			return text
		}
		s.do(elements(0, 500))
		refused, broken := 0, 0
		for chunks := range 40 {
			want := s.do(c.count)
			if s.try(elements(1000*(chunks+1), 300), int64(chunks*4096), false) {
				refused++
				if got := s.do(c.count); got != want {
					t.Fatalf("%s after a refusal = %s, want %s", c.count, got, want)
				}
			}
			want = s.do(c.count)
			if s.try(elements(1000000+1000*chunks, 300), int64(chunks*4096), true) {
				broken++
				if got := s.do(c.count); got != want {
					t.Fatalf("%s after a refused transaction is %s, want %s", c.count, got, want)
				}
			}
			if err := s.e.CheckTable(); err != nil {
				t.Fatalf("%s: %v", c.add, err)
			}
		}
		if refused == 0 || broken == 0 {
			t.Errorf("%s: %d refusals, %d in transactions, want some of both", c.add, refused, broken)
		}
	}
}

// TestSmallCommandWithoutMemory refuses memory from a random point of commands that change one
// element of a large collection, or pop some, while a snapshot and other pins make them copy pages.
// Every other round executes them in transactions that ignore the error.
func TestSmallCommandWithoutMemory(t *testing.T) {
	s := newScarce(t, 1)
	text := "ZADD z"
	for i := range 2000 {
		text += fmt.Sprintf(" %d member:%d", i, i)
	}
	s.do(text)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				s.e.table.UnpinTrees(s.e.table.PinTrees())
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	refused := 0
	for round := range 100 {
		h, err := s.e.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		for i, command := range []string{
			"ZADD z %d member:%d", "ZINCRBY z %d member:%d", "ZADD z %d new:%d", "ZMPOP 1 z MIN COUNT 3", "ZPOPMAX z 2", "ZPOPMIN z", "BZPOPMIN z 0",
			"ZREM z member:%[2]d", "ZREM z member:%[1]d member:%[2]d",
		} {
			if strings.Contains(command, "%") {
				command = fmt.Sprintf(command, round*7%1000, round*13%2000)
			}
			before := s.do("ZCARD z")
			if s.try(command, int64((round*8+i)%11*4096), round%2 == 1) {
				refused++
				if n := s.do("ZCARD z"); n != before {
					t.Fatalf("ZCARD after a refusal of %s = %q, want %q", command, n, before)
				}
			}
			if err := s.e.CheckTable(); err != nil {
				t.Fatalf("%s: %v", command, err)
			}
			if n, m := s.do("ZCARD z"), s.do("ZCOUNT z -inf +inf"); n != m {
				t.Fatalf("%s: ZCARD and ZCOUNT are %q and %q, want one number", command, n, m)
			}
		}
		h.Close()
	}
	if refused == 0 {
		t.Error("no command was refused, want some")
	}
}
