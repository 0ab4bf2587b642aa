package campaign_test

import (
	"os"
	"runtime/debug"
	"testing"

	"github.com/perduredb/perdure/internal/torture/campaign"
)

func TestMain(m *testing.M) {
	campaign.Child()        // in a process that a campaign started, Child does not return
	debug.SetGCPercent(400) // the heap is small: by default, GC would be half of the work
	os.Exit(m.Run())
}

// TestCampaigns runs each campaign at its small size, and one step in a few of those that can be
// split. go run ./internal/torture runs the full size.
func TestCampaigns(t *testing.T) {
	o := campaign.Options{Seed: 1, Size: campaign.Small}
	split := 3
	if testing.Short() {
		split = 9
	}
	for _, c := range campaign.All() {
		t.Run(c.Name, func(t *testing.T) {
			if testing.Short() && c.Sequential {
				t.Skip("SKIPPED with -short: uses one goroutine for each store, and is slow with the race detector")
			}
			o := o
			if c.Split {
				o.Shares = split
			}
			res := c.Run(t, o)
			switch {
			case res.Failure != "":
				t.Fatal(res.Failure)
			case res.Skipped != "":
				t.Skip(res.Skipped)
			}
			t.Log(res.Counts.String())
			for _, note := range res.Notes {
				t.Log(note)
			}
		})
	}
}

// FuzzDirectory edits the files of a store and opens it.
func FuzzDirectory(f *testing.F) {
	f.Add([]byte{1, 0, 0, 20, 'x'})
	f.Add([]byte{129, 2, 0, 30, '9', 240, 0, 50, 0})
	f.Add([]byte{8, 0, 0, 100, 0xff})
	f.Fuzz(func(t *testing.T, edits []byte) {
		if err := campaign.Directory(edits); err != nil {
			t.Fatal(err)
		}
	})
}
