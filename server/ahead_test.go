package server_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/resp"
)

// TestPipelineRepliesAsSingleCommands sends the same commands in one packet to one server, and one
// by one to another.
func TestPipelineRepliesAsSingleCommands(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var requests []string
	for i := range 500 {
		key := fmt.Sprintf("key:%d", rng.IntN(50))
		forms := []string{
			command("SET", key, strings.Repeat("v", rng.IntN(300))),
			command("GET", key),
			command("INCR", "n:"+key),
			command("SELECT", fmt.Sprint(rng.IntN(3))),
			command("PING"),
			command("MGET", key, "n:"+key, "none"),
			command("DEL", key),
			command("MULTI") + command("GET", key) + command("EXEC"),
			command("NO-SUCH-COMMAND", key),
			"GET " + key + "\r\n",
			command("GET", ""),
			"*0\r\n",
			"\r\n",
		}
		requests = append(requests, forms[rng.IntN(len(forms))], command("ECHO", fmt.Sprint(i)))
	}
	one, all := dial(t, serve(t, memory(t))), dial(t, serve(t, memory(t)))
	var want, got strings.Builder
	last := func(c *conn, b *strings.Builder, echo string) {
		for reply := ""; reply != echo; {
			reply = c.reply()
			b.WriteString(reply)
		}
	}
	all.send(strings.Join(requests, ""))
	for i := 1; i < len(requests); i += 2 {
		one.send(requests[i-1])
		one.send(requests[i])
		echo := fmt.Sprint(i / 2)
		echo = fmt.Sprintf("$%d\r\n%s\r\n", len(echo), echo)
		last(one, &want, echo)
		last(all, &got, echo)
		if got.String() != want.String() {
			t.Fatalf("replies of the pipeline to %q are %q, want %q", requests[i-1], got.String(), want.String())
		}
		got.Reset()
		want.Reset()
	}
}

// command returns a command as a client sends it.
func command(words ...string) string { return string(resp.AppendCommand(nil, words...)) }

func TestPipelineAfterClose(t *testing.T) {
	store := memory(t)
	c := dial(t, serve(t, store))
	c.want("+OK\r\n", "SET", "key", "value")
	if err := store.Close(); err != nil {
		t.Fatalf("Close = %v, want nil", err)
	}
	c.send(strings.Repeat(command("GET", "key"), 40))
	for range 40 {
		if reply := c.reply(); !strings.HasPrefix(reply, "-") {
			t.Fatalf("GET after Close = %q, want an error", reply)
		}
	}
}

func TestStatsCountCommandsAndReads(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatalf("Listen = %v, want nil", err)
	}
	srv := serveOn(t, l, memory(t))
	c := dial(t, socket)
	c.do("PING")
	before := srv.Stats()
	c.send(strings.Repeat("PING\r\n", 10))
	for range 10 {
		c.reply()
	}
	after := srv.Stats()
	if n := after.Commands - before.Commands; n != 10 {
		t.Errorf("10 commands counted %d", n)
	}
	if n := after.Reads - before.Reads; n < 1 || n > 10 {
		t.Errorf("10 commands in one packet counted %d reads, want 1 to 10", n)
	}
	if after.Clients != 1 || after.Connections != 1 || after.Rejected != 0 {
		t.Errorf("Stats = %+v, want 1 client of 1 connection", after)
	}
	info := c.do("INFO", "stats")
	if want := fmt.Sprintf("total_reads_processed:%d\r\n", after.Reads+1); !strings.Contains(info, want) {
		t.Errorf("INFO lacks %q:\n%s", want, info)
	}
	c.do("CONFIG", "RESETSTAT")
	if s := srv.Stats(); s.Commands > 1 || s.Connections != 0 || s.Clients != 1 {
		t.Errorf("Stats after CONFIG RESETSTAT = %+v, want 1 client and no other count", s)
	}
}
