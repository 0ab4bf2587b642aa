package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perduredb/perdure/internal/torture/bugs"
)

// program is the import path of this program.
const program = "github.com/perduredb/perdure/internal/torture"

// smallSeeds is the number of seeds that a bug is run with until it is caught. The small size runs
// a sample of the steps, and the seed chooses the sample. All of them together are less than CI's
// size.
const smallSeeds = 5

// matrix builds and runs this program without a bug and then with each bug of a list of names, and
// returns the exit status. While one bug runs, the next one is built.
func matrix(names string) (status int) {
	list, err := chooseBugs(names)
	if err == nil {
		err = runMatrix(list)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bugs:", err)
		return 1
	}
	return 0
}

// runMatrix returns an error if a bug is missed or does not build, or if a campaign fails without
// one.
func runMatrix(list []bugs.Bug) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "perdure-bugs-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	none := bugs.Bug{Name: "none", Catch: allCampaigns(list)}
	detected := 0
	fmt.Printf("%-28s %-9s found\n", "bug", "campaign")
	for b := range buildAll(root, temp, append([]bugs.Bug{none}, list...)) {
		switch {
		case b.err != nil:
			fmt.Printf("%-28s %-9s %v\n", b.bug.Name, "-", b.err)
		case b.bug.Name == none.Name:
			if err := passes(b); err != nil {
				return err
			}
		case detects(b):
			detected++
		}
		if err := os.RemoveAll(b.dir); err != nil {
			return err
		}
	}
	fmt.Printf("%d of %d detected\n", detected, len(list))
	if detected < len(list) {
		return errors.New("some injected bugs were not detected")
	}
	return nil
}

// chooseBugs returns the bugs of a list of names.
func chooseBugs(names string) ([]bugs.Bug, error) {
	all, err := bugs.All()
	if err != nil || names == "all" {
		return all, err
	}
	var list []bugs.Bug
	for _, name := range strings.Split(names, ",") {
		i := slices.IndexFunc(all, func(b bugs.Bug) bool { return b.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("unknown bug %q", name)
		}
		list = append(list, all[i])
	}
	return list, nil
}

// allCampaigns returns the names of the campaigns that must catch any of the bugs.
func allCampaigns(list []bugs.Bug) []string {
	var all []string
	for _, b := range list {
		all = append(all, b.Catch...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// moduleRoot returns the directory of the module's sources.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "list", "-f", "{{.Module.Dir}}", program).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return "", fmt.Errorf("find the sources of %s: %w", program, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// build is this program, built with a bug.
type build struct {
	bug     bugs.Bug
	dir     string // holds the patched sources and the program
	program string // path of the program
	err     error
}

// buildAll builds the program with each bug in turn, one ahead of the receiver. If the receiver
// stops early, a goroutine stays until the process exits.
func buildAll(root, temp string, list []bugs.Bug) <-chan build {
	builds := make(chan build)
	go func() {
		defer close(builds)
		for _, bug := range list {
			b := build{bug: bug, dir: filepath.Join(temp, bug.Name)}
			b.program, b.err = buildWith(bug, root, b.dir)
			builds <- b
		}
	}()
	return builds
}

// buildWith applies a bug to the sources below root and builds the program in the new directory
// dir.
func buildWith(bug bugs.Bug, root, dir string) (path string, err error) {
	files, err := bug.Apply(os.DirFS(root))
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range files {
		patched := filepath.Join(dir, strings.ReplaceAll(name, "/", "-"))
		if err := os.WriteFile(patched, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, filepath.FromSlash(name))] = patched
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		return "", err
	}
	path = filepath.Join(dir, "torture")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	// Omitting the debug tables halves the link time.
	cmd := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-ldflags", "-s -w", "-o", path, program)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s.patch: build patched sources: %w\n%s", bug.Name, err, out)
	}
	return path, nil
}

// passes returns an error if a campaign fails without a bug.
func passes(b build) error {
	if out, ok := runSmall(b.program, strings.Join(b.bug.Catch, ","), 1); !ok {
		return fmt.Errorf("campaign without an injected bug failed, want success:\n%s", out)
	}
	fmt.Printf("%-28s %-9s no failure\n", b.bug.Name, "all")
	return nil
}

// detects prints a line for each campaign of a bug, and reports whether all of them detected it.
func detects(b build) bool {
	all := true
	for _, campaign := range b.bug.Catch {
		began := time.Now()
		line, seed := "", 0
		for line == "" && seed < smallSeeds {
			seed++
			if out, ok := runSmall(b.program, campaign, seed); !ok {
				line = failure(out)
			}
		}
		found := "MISSED"
		if line != "" {
			found = fmt.Sprintf("%.1f s, seed %d: %.150s", time.Since(began).Seconds(), seed, strings.TrimPrefix(line, "FAIL "+campaign+": "))
		}
		all = all && line != ""
		fmt.Printf("%-28s %-9s %s\n", b.bug.Name, campaign, found)
	}
	return all
}

// runSmall runs campaigns at the small size in a process of the program.
func runSmall(program, campaigns string, seed int) (out string, ok bool) {
	text, err := exec.Command(program, "-campaign", campaigns, "-small", "-seed", strconv.Itoa(seed)).CombinedOutput()
	return string(text), err == nil
}

// failure returns the line that describes how a campaign failed, or "".
func failure(out string) string {
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "FAIL ") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
