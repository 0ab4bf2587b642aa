package server_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var jobNumber = regexp.MustCompile(`job(\d+)\r\n`)

// TestBlockedClientsPopEachElementOnce lets clients wait for elements with short timeouts, while
// others push, move, and end waits. Each element is popped once, and each command has one reply.
func TestBlockedClientsPopEachElementOnce(t *testing.T) {
	const pushers, poppers, each = 2, 6, 400
	socket := serve(t, memory(t))
	var seen [pushers * each]atomic.Int32
	var left atomic.Int64
	left.Store(pushers * each)
	var all sync.WaitGroup
	for p := range pushers {
		c := dial(t, socket)
		all.Go(func() {
			for i := range each {
				job := "job" + strconv.Itoa(p*each+i)
				switch i % 4 {
				case 0:
					c.do("ZADD", "z", strconv.Itoa(i), job)
				case 1:
					c.send("MULTI\r\nRPUSH a " + job + "\r\nRPOPLPUSH a b\r\nEXEC\r\n")
					for range 4 {
						c.reply()
					}
				default:
					c.do("LPUSH", []string{"a", "b"}[i%2], job)
				}
			}
		})
	}
	for p := range poppers {
		c := dial(t, socket)
		rng := rand.New(rand.NewPCG(uint64(p), 1))
		all.Go(func() {
			for left.Load() > 0 {
				limit := fmt.Sprintf("0.%03d", 1+rng.IntN(5))
				command := []string{"BLPOP a b %s", "BRPOP b a %s", "BLMPOP %s 2 a b LEFT", "BZPOPMIN z %s", "BZMPOP %s 1 z MAX", "BLMOVE a b LEFT LEFT %s"}[rng.IntN(6)]
				c.send(fmt.Sprintf(command, limit) + "\r\nECHO end\r\n")
				reply := c.reply()
				if end := c.reply(); end != "$3\r\nend\r\n" {
					t.Errorf("ECHO after %s = %q, want end", command, end)
					return
				}
				match := jobNumber.FindStringSubmatch(reply)
				if match == nil || strings.HasPrefix(command, "BLMOVE") {
					continue
				}
				n, _ := strconv.Atoi(match[1])
				if times := seen[n].Add(1); times != 1 {
					t.Errorf("element %d was popped %d times, want 1", n, times)
				}
				left.Add(-1)
			}
		})
	}
	c := dial(t, socket)
	all.Go(func() {
		for i := 0; left.Load() > 0; i++ {
			c.do("CLIENT", "UNBLOCK", strconv.Itoa(1+i%(pushers+poppers)), []string{"TIMEOUT", "ERROR"}[i/8%2])
		}
	})
	all.Wait()
	c.want(":0\r\n", "EXISTS", "a", "b", "z")
	if match := blockedClients.FindStringSubmatch(c.do("INFO", "clients")); match == nil || match[1] != "0" {
		t.Errorf("blocked_clients = %q, want 0", match)
	}
}
