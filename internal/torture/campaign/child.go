package campaign

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// childEnv is set in a process that a campaign started. It contains the role: "kill:argument".
const childEnv = "PERDURE_TORTURE_CHILD"

// Child runs the role of a process that a campaign started, and then does not return. In other
// processes it does nothing. Programs and tests that run campaigns call Child first.
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
	case "handover":
		err = handoverChild(argument)
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

// child returns a command that runs this program with a role.
func child(role, argument string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), childEnv+"="+role+":"+argument)
	return cmd, nil
}
