package campaign_test

import (
	"testing"

	"github.com/perduredb/perdure/internal/torture/campaign"
)

// TestCampaigns runs each campaign at its small size. go run ./internal/torture runs them at length.
func TestCampaigns(t *testing.T) {
	for _, c := range campaign.All() {
		t.Run(c.Name, func(t *testing.T) {
			res := c.Run(t, campaign.Options{Seed: 1, Size: campaign.Small})
			switch {
			case res.Failure != "":
				t.Fatal(res.Failure)
			case res.Skipped != "":
				t.Skip(res.Skipped)
			}
			t.Log(res.Counts)
			for _, note := range res.Notes {
				t.Log(note)
			}
		})
	}
}
