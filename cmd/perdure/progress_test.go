package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := &progress{w: &out, label: "reading", total: 1 << 20, began: time.Now().Add(-time.Minute)}
	p.add(1 << 19)
	p.end()
	if got := out.String(); !strings.Contains(got, "reading 50% of 1.0 MiB") || !strings.HasSuffix(got, "\r") {
		t.Errorf("progress printed %q, want 50%% and a final carriage return", got)
	}
	out.Reset()
	quick := &progress{w: &out, label: "reading", began: time.Now()}
	quick.set(1, 2)
	quick.end()
	(*progress)(nil).add(1)
	(*progress)(nil).end()
	if out.Len() > 0 {
		t.Errorf("progress of a short operation printed %q, want no output", out.String())
	}
}

func TestIsTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	check(t, err)
	defer r.Close()
	defer w.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	check(t, err)
	defer null.Close()
	if isTerminal(w) || isTerminal(null) || isTerminal(&bytes.Buffer{}) {
		t.Error("isTerminal = true for a pipe, /dev/null, or a buffer, want false")
	}
}

func TestSizes(t *testing.T) {
	for n, text := range map[int64]string{0: "0 B", 1023: "1023 B", 1 << 10: "1.0 KiB", 3 << 29: "1.5 GiB", 1<<63 - 1: "8.0 EiB"} {
		if got := size(n); got != text {
			t.Errorf("size(%d) = %s, want %s", n, got, text)
		}
	}
	if got := count(1, "key") + count(2, "key") + count(2, "function library"); got != "1 key2 keys2 function libraries" {
		t.Errorf("count = %q, want the singular and the plural forms", got)
	}
}
