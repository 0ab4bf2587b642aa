package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestCompletion completes command lines in a real bash.
func TestCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	script := want(t, exitGood, "completion", "bash").stdout
	for line, completed := range map[string]string{
		"perdure re":             "repair restore",
		"perdure ch":             "check",
		"perdure get --":         "--db --json --password-file",
		"perdure serve -":        "--config --listen --password-file --read-only",
		"perdure check data --j": "--json",
		"perdure get data":       "",
		"perdure completion ":    "bash",
		"perdure help se":        "serve set",
		"perdure nosuch -":       "",
	} {
		words := strings.Split(line, " ")
		for i, word := range words {
			words[i] = "'" + word + "'"
		}
		code := script + "COMP_WORDS=(" + strings.Join(words, " ") + ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n" +
			"_perdure\necho \"${COMPREPLY[*]}\"\ncomplete -p perdure\n"
		out, err := exec.Command(bash, "--norc", "-c", code).CombinedOutput()
		if want := completed + "\ncomplete -o default -F _perdure perdure\n"; err != nil || string(out) != want {
			t.Errorf("%q completes to %q, %v, want %q", line, out, err, want)
		}
	}
}
