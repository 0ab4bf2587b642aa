package campaign

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// childEnv tells a process that a campaign has started it, and what for: "kill:argument".
const childEnv = "PERDURE_TORTURE_CHILD"

// Child runs what this process was started for by a campaign, and does not return then. Programs
// that run campaigns, tests among them, call it first.
func Child() {
	role, argument, ok := strings.Cut(os.Getenv(childEnv), ":")
	if !ok {
		return
	}
	err := fmt.Errorf("unknown role %q", role)
	switch role {
	case "kill":
		err = killChild(argument)
	case "ring":
		err = ringChild(argument)
	case "lock":
		err = lockChild(argument)
	case "memory":
		err = memoryChild(argument)
	case "starved":
		err = starvedChild(argument)
	case "modes":
		err = modesChild(argument)
	case "limit":
		err = limitChild(argument)
	case "disk":
		err = diskChild(argument)
	case "hole":
		err = holeChild(argument)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child prepares this program as a process with a role.
func child(role, argument string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), childEnv+"="+role+":"+argument)
	return cmd, nil
}
