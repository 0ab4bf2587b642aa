// Command torture runs the crash-test campaigns, which look for lost data.
//
// Run it as go run ./internal/torture with these flags:
//
//	                                      one round of every campaign, as in CI
//	-campaign power -for 8h -seed 7       one campaign, round after round
//	-campaign ring -kills 1000 -dir /mnt  test Ring mode on another file system
//	-for 30m                              a soak test; every campaign gets an equal share
//	-freeze DIR                           write directories of this commit for later ones to read
//	-bugs all                             check that the campaigns detect the injected bugs
//
// A failure is reported as one line that shows how to reproduce it. The table at the end lists the
// work that was done.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure/internal/torture/campaign"
)

func main() {
	campaign.Child() // in a process that a campaign started, Child does not return
	testing.Init()
	name := flag.String("campaign", "all", "comma-separated `names` of campaigns")
	length := flag.Duration("for", 0, "run rounds with new seeds for this total time (default: one round of each campaign)")
	seed := flag.Uint64("seed", 1, "seed of the first round")
	small := flag.Bool("small", false, "run at the size of go test instead of the size of CI")
	step := flag.String("step", "", "run only this `step`, as printed by a failure")
	kills := flag.Int("kills", 0, "number of processes that campaign ring kills (default: by size)")
	dir := flag.String("dir", "", "`directory` for campaign ring, such as one on another file system")
	share := flag.String("share", "", "run only share `i/n` of the steps, and print the result as JSON")
	freeze := flag.String("freeze", "", "write the directories of campaign rot to this `directory`, for testdata")
	inject := flag.String("bugs", "", "build with each of these injected bugs in turn, and check that campaigns detect it: comma-separated `names`, or all")
	flag.Parse()
	if *inject != "" {
		os.Exit(matrix(*inject))
	}
	if *freeze != "" {
		if err := campaign.FreezeDirectories(*freeze, *seed); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	o := campaign.Options{Seed: *seed, Step: *step, Size: campaign.Full, Kills: *kills, Dir: *dir}
	if *small {
		o.Size = campaign.Small
	}
	list, err := choose(*name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	o.For = *length / time.Duration(len(list))
	run := runAll
	if *share != "" {
		run = runShare
		if _, err := fmt.Sscanf(*share, "%d/%d", &o.Share, &o.Shares); err != nil {
			fmt.Fprintln(os.Stderr, "share:", err)
			os.Exit(2)
		}
	}
	// Campaigns run under a test, whose fake clocks and helpers some of them use.
	testing.Main(func(_, _ string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: "torture", F: func(t *testing.T) { os.Exit(run(t, list, o)) }}}, nil, nil)
}

// runAll runs campaigns one after another and returns the exit status.
func runAll(t *testing.T, list []campaign.Campaign, o campaign.Options) (status int) {
	var results []campaign.Result
	for _, c := range list {
		fmt.Printf("%s: %s\n", c.Name, c.About)
		res := campaign.Result{Campaign: c.Name, Failure: "FAIL " + c.Name + ": no result"}
		if n := runtime.GOMAXPROCS(0); c.Split && o.Step == "" && n > 1 {
			res = inShares(c, o, n)
		} else {
			t.Run(c.Name, func(t *testing.T) { res = c.Run(t, o) })
		}
		for _, note := range res.Notes {
			fmt.Println("  " + note)
		}
		if res.Failure != "" {
			fmt.Println(res.Failure)
			status = 1
		}
		results = append(results, res)
	}
	fmt.Print(table(results))
	return status
}

// choose returns the campaigns in a comma-separated list of names.
func choose(names string) ([]campaign.Campaign, error) {
	if names == "all" {
		return campaign.All(), nil
	}
	var list []campaign.Campaign
	for _, name := range strings.Split(names, ",") {
		c, err := campaign.Find(name)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// table formats the results as a table.
func table(results []campaign.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-10s %6s  %-8s %-8s %s\n", "campaign", "rounds", "took", "result", "checked")
	for _, res := range results {
		outcome := "ok"
		switch {
		case res.Failure != "":
			outcome = "FAILED"
		case res.Skipped != "":
			outcome = "skipped"
		}
		what := res.Counts.String()
		if res.Skipped != "" {
			what += " (" + res.Skipped + ")"
		}
		fmt.Fprintf(&b, "%-10s %6d  %-8s %-8s %s\n", res.Campaign, res.Rounds, res.Took.Round(time.Second/10), outcome, what)
	}
	for _, res := range results {
		if res.Failure != "" {
			fmt.Fprintln(&b, res.Failure)
		}
	}
	return b.String()
}
