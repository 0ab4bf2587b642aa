package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/perduredb/perdure/internal/torture/campaign"
)

// A step of a split campaign takes a few milliseconds of one goroutine, on a file system in memory.
// Two processes with one processor each run twice as many steps as one process with two. The
// threads of one process wait for each other whenever memory is mapped, unmapped, or collected, and
// a step does that constantly.

// runShare runs a share of a campaign for another process of this program.
func runShare(t *testing.T, list []campaign.Campaign, o campaign.Options) (status int) {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400) // the heap is small: by default, GC would be half of the work
	for _, c := range list {
		var res campaign.Result
		t.Run(c.Name, func(t *testing.T) { res = c.Run(t, o) })
		if err := json.NewEncoder(os.Stdout).Encode(res); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return 0
}

// inShares runs a campaign in n processes. The first failure stops the other processes.
func inShares(c campaign.Campaign, o campaign.Options, n int) campaign.Result {
	ctx, end := context.WithCancel(context.Background())
	defer end()
	results := make(chan campaign.Result, n)
	for i := range n {
		go func() { results <- oneShare(ctx, c, o, fmt.Sprintf("%d/%d", i, n)) }()
	}
	sum := campaign.Result{Campaign: c.Name}
	for range n {
		res := <-results
		if sum.Failure == "" && res.Failure != "" {
			sum.Failure = res.Failure
			end()
		}
		for _, one := range res.Counts {
			sum.Counts = sum.Counts.Add(one.What, one.N)
		}
		sum.Notes = append(sum.Notes, res.Notes...)
		sum.Rounds, sum.Took = max(sum.Rounds, res.Rounds), max(sum.Took, res.Took)
		if sum.Skipped == "" {
			sum.Skipped = res.Skipped
		}
	}
	return sum
}

// oneShare runs a share in a separate process.
func oneShare(ctx context.Context, c campaign.Campaign, o campaign.Options, share string) (res campaign.Result) {
	args := []string{"-campaign", c.Name, "-share", share, "-seed", strconv.FormatUint(o.Seed, 10), "-for", o.For.String()}
	if o.Size == campaign.Small {
		args = append(args, "-small")
	}
	path, err := os.Executable()
	if err != nil {
		return campaign.Result{Failure: fmt.Sprintf("FAIL %s: %v", c.Name, err)}
	}
	cmd := exec.CommandContext(ctx, path, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if jsonErr := json.Unmarshal(out, &res); err != nil || jsonErr != nil {
		res.Failure = fmt.Sprintf("FAIL %s: share %s exited early: %v: %s%s", c.Name, share, err, out, said.String())
	}
	return res
}
