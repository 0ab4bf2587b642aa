package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/perduredb/perdure/internal/planted"
)

// caughtBy says which campaigns must find each planted fault; the first one does.
var caughtBy = []struct {
	fault     planted.Fault
	campaigns string
}{
	{planted.NoDirSyncAfterCreate, "power"},
	{planted.NoDirSyncBeforeManifest, "power"},
	{planted.NoDirSyncAfterManifest, "power"},
	{planted.NoSyncBeforeRename, "power"},
	{planted.NamesNotSettled, "power"},
	{planted.RenameErrorIsFinal, "fault"},
	{planted.AckBeforeSync, "power"},
	{planted.RetryFailedSync, "fault"},
	{planted.WriteAfterFailedSync, "fault"},
	{planted.BaseDeletedOnUnknown, "fault"},
	{planted.DeleteBeforeCommit, "power"},
	{planted.NoSyncAtRotation, "power"},
	{planted.TornWriteStays, "full"},
	{planted.ShortWriteIsFull, "fault"},
	{planted.CloseErrorIgnored, "fault"},
	{planted.CutWithoutSync, "power"},
	{planted.ChecksumSkipsLengths, "rot"},
	{planted.ChecksumOfOldFile, "power"},
	{planted.TornTailAnywhere, "rot"},
	{planted.DamageCut, "rot"},
	{planted.ManifestUnchecked, "rot"},
	{planted.DumpUnchecked, "rot"},
	{planted.LengthTrusted, "hostile"},
	{planted.CountTrusted, "hostile"},
	{planted.CutOutsideLocks, "instant"},
	{planted.BatchSplit, "power"},
	{planted.RelativeTTL, "clock"},
	{planted.ExpiryNotLogged, "clock"},
	{planted.WallClockSync, "clock"},
	{planted.LockOfProcess, "lock"},
	{planted.LinksFollowed, "hostile"},
	{planted.PublishedEarly, "power"},
	{planted.RegionsKept, "power"},
	{planted.MergedTwice, "power"},
	{planted.BootIgnored, "power"},
	{planted.TailIgnored, "ring"},
	{planted.ValuesRead, "power"},
	{planted.SaltUnused, "power"},
	{planted.IdentityUnchecked, "identity"},
	{planted.NeighborsUnchecked, "identity"},
	{planted.LostManifestAccepted, "identity"},
	{planted.LostTailAccepted, "identity"},
	{planted.EndUnlisted, "identity"},
	{planted.DumpUnstamped, "identity"},
	{planted.LogIgnored, "identity"},
	{planted.PathLookedUpAgain, "place"},
	{planted.LockFollowed, "place"},
	{planted.UnlinkedAcknowledged, "place"},
	{planted.HalfStored, "memory"},
	{planted.LogBeforeMemory, "memory"},
}

// matrix runs this program once without a fault and once with each, and gives the exit status. The
// build has the faults only with the tag perdure_planted.
func matrix() int {
	if !planted.Built {
		fmt.Fprintln(os.Stderr, "no faults are planted in this build: go run -tags perdure_planted ./internal/torture -planted")
		return 2
	}
	var all []string
	for _, row := range caughtBy {
		if !strings.Contains(strings.Join(all, ","), row.campaigns) {
			all = append(all, row.campaigns)
		}
	}
	if out, ok := one("", strings.Join(all, ","), 1); !ok {
		fmt.Printf("without a fault:\n%s", out)
		return 1
	}
	fmt.Printf("%-28s %-9s %s\n%-28s %-9s passes\n", "planted", "campaign", "found", "nothing", "all")
	caught := 0
	for _, row := range caughtBy {
		began := time.Now()
		out, ok := "", true
		for seed := 1; ok && seed <= smallSeeds; seed++ {
			out, ok = one(row.fault, row.campaigns, seed)
		}
		found := "MISSED"
		if line := failure(out); !ok && line != "" {
			caught++
			found = fmt.Sprintf("%.1f s  %.150s", time.Since(began).Seconds(), strings.TrimPrefix(line, "FAIL "+row.campaigns+": "))
		}
		fmt.Printf("%-28s %-9s %s\n", row.fault, row.campaigns, found)
	}
	fmt.Printf("planted %d/%d caught\n", caught, len(caughtBy))
	if caught < len(caughtBy) {
		return 1
	}
	return 0
}

// smallSeeds is how many seeds a fault may take: the small size takes some of all steps, and which ones
// depends on the seed. All of them together are less than the size of CI.
const smallSeeds = 5

// one runs campaigns in a process of its own with a fault.
func one(f planted.Fault, campaigns string, seed int) (out string, ok bool) {
	cmd := exec.Command(os.Args[0], "-campaign", campaigns, "-small", "-seed", strconv.Itoa(seed))
	cmd.Env = append(os.Environ(), planted.Env+"="+string(f))
	text, err := cmd.CombinedOutput()
	return string(text), err == nil
}

// failure is the line that tells how a campaign failed.
func failure(out string) string {
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "FAIL ") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
