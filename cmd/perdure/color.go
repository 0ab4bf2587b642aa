package main

import (
	"io"
	"os"
)

// dim returns a text for stdout that is not a value, in a darker color on a terminal.
func (a *app) dim(text string) string { return colored(a.stdout, "2", text) }

// red returns a text for stderr, in red on a terminal.
func (a *app) red(text string) string { return colored(a.stderr, "31", text) }

// colored returns a text in a color if w is a terminal, unless the environment variable NO_COLOR is
// set or the terminal has no colors.
func colored(w io.Writer, color, text string) string {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || !isTerminal(w) {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
