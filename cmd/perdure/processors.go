package main

import (
	"context"
	"net"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/server"
)

// processors leaves one of two processors to the clients while they send short commands, all run on
// this machine, and no save or rewrite runs. The time of such a command is mostly that of system
// calls and of waking the other side, and a second thread of the server takes the processor from
// the client that it replies to. With 50 connections of redis-benchmark, one processor executes 30%
// more single commands than two, and 10% to 20% more in pipelines. Commands that take longer,
// pipelines of one client, and saves are faster on both.
type processors struct {
	sample func() server.Stats
	now    func() time.Time
	busy   func() bool // a save or rewrite runs
	set    func(one bool)

	mu   sync.Mutex
	last server.Stats
	at   time.Time // of last
	one  bool
}

// processorsTick is the time between two decisions.
const processorsTick = 100 * time.Millisecond

// shortCommand is the time below which commands in pipelines are short. Those of one client take
// longer, even if they do little, because the server waits for the client.
const shortCommand = 1250 * time.Nanosecond

// shareProcessors starts to decide on the processors of a server until ctx ends. It does nothing
// unless the machine has two and the server may use both, or if clients can be on other machines or
// the environment sets GOMAXPROCS.
func shareProcessors(ctx context.Context, store *perdure.Store, srv *server.Server, addr net.Addr) {
	if runtime.NumCPU() != 2 || runtime.GOMAXPROCS(0) != 2 || os.Getenv("GOMAXPROCS") != "" || !isLocal(addr) {
		return
	}
	e := engine.Of(store)
	p := &processors{sample: srv.Stats, now: time.Now, busy: e.Taken, set: func(one bool) {
		if one {
			runtime.GOMAXPROCS(1)
		} else {
			runtime.SetDefaultGOMAXPROCS()
		}
	}}
	e.WhenTaken(p.decide)
	go p.run(ctx)
}

// isLocal reports whether only programs on this machine can connect to an address.
func isLocal(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

func (p *processors) run(ctx context.Context) {
	ticker := time.NewTicker(processorsTick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.decide()
		}
	}
}

// decide sets the processors by what clients did since the previous call.
func (p *processors) decide() {
	p.mu.Lock()
	defer p.mu.Unlock()
	stats, now := p.sample(), p.now()
	reads, commands := stats.Reads-p.last.Reads, stats.Commands-p.last.Commands
	elapsed := now.Sub(p.at)
	p.last, p.at = stats, now
	const many = 100 // below it, there is nothing to gain
	single := reads >= many && commands < 2*reads
	short := time.Duration(commands)*shortCommand >= max(elapsed, processorsTick)
	one := !p.busy() && (single || short)
	if one != p.one {
		p.one = one
		p.set(one)
	}
}
