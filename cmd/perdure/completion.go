package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

var completionCommand = &command{
	name: "completion",
	args: "bash",
	what: "print a script that completes command lines",
	help: `Completion prints a script for bash that completes the names of commands, their flags,
and paths. To load it in a shell, or in ~/.bashrc:

  source <(perdure completion bash)`,
}

func init() { // its function uses the list of commands
	completionCommand.run = (*app).completion
}

func (a *app) completion(c *command, args []string) error {
	words, err := a.parse(c, c.flags(), args, 1, 1)
	if err != nil {
		return err
	}
	if words[0] != "bash" {
		return c.misuse(fmt.Sprintf("unknown shell %q, want bash", words[0]))
	}
	var names []string
	var flags strings.Builder
	for _, c := range commands() {
		names = append(names, c.name)
		fmt.Fprintf(&flags, "\t%s) flags=%q ;;\n", c.name, strings.Join(a.flagsOf(c), " "))
	}
	fmt.Fprintf(a.stdout, bashScript, strings.Join(append(names, "help", "version"), " "), flags.String())
	return nil
}

var flagName = regexp.MustCompile(`(?m)^  (--[a-z-]+)`)

// flagsOf returns the flags of a command, which are in its help.
func (a *app) flagsOf(c *command) (names []string) {
	var help bytes.Buffer
	silent := *a
	silent.stdout = &help
	_ = c.run(&silent, c, []string{"-h"}) // flag.ErrHelp
	for _, match := range flagName.FindAllStringSubmatch(help.String(), -1) {
		names = append(names, match[1])
	}
	return names
}

const bashScript = `# Completion of perdure for bash.
_perdure() {
	local names="%s" flags="" word=${COMP_WORDS[COMP_CWORD]}
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "$names" -- "$word"))
		return
	fi
	case ${COMP_WORDS[1]} in
	completion) flags=bash ;;
	help) flags=$names ;;
%s	esac
	case ${COMP_WORDS[1]}:$word in
	completion:* | help:* | *:-*) COMPREPLY=($(compgen -W "$flags" -- "$word")) ;;
	esac
}
complete -o default -F _perdure perdure
`
