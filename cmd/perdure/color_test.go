package main

import (
	"os"
	"strings"
	"testing"
)

func TestColorsOnTerminalsOnly(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	if got := colored(&strings.Builder{}, "31", "x"); got != "x" {
		t.Errorf("colored for a buffer = %q, want no color", got)
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminal: ", err)
	}
	defer terminal.Close()
	if got := colored(terminal, "31", "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("colored for a terminal = %q, want red", got)
	}
	t.Setenv("NO_COLOR", "1")
	if got := colored(terminal, "31", "x"); got != "x" {
		t.Errorf("colored with NO_COLOR = %q, want no color", got)
	}
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	if got := colored(terminal, "31", "x"); got != "x" {
		t.Errorf("colored for a dumb terminal = %q, want no color", got)
	}
}
