package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Progress is shown after progressDelay, and then every progressStep.
const (
	progressDelay = time.Second
	progressStep  = 200 * time.Millisecond
)

// progress is a line on a terminal that shows the progress of long work. A nil progress does
// nothing. A progress is safe for concurrent use.
type progress struct {
	w     io.Writer
	label string
	total int64 // bytes; 0 if unknown
	began time.Time

	mu    sync.Mutex // guards the fields below
	done  int64
	shown time.Time
}

// progress returns nil unless stderr is a terminal.
func (a *app) progress(label string, total int64) *progress {
	if !isTerminal(a.stderr) {
		return nil
	}
	return &progress{w: a.stderr, label: label, total: total, began: time.Now()}
}

// isTerminal reports whether w is a terminal, as far as the standard library can detect it.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// add adds n to the bytes that are done.
func (p *progress) add(n int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	p.showLocked()
}

// set sets the bytes that are done, and the total.
func (p *progress) set(done, total int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total = done, total
	p.showLocked()
}

func (p *progress) showLocked() {
	now := time.Now()
	if now.Sub(p.began) < progressDelay || now.Sub(p.shown) < progressStep {
		return
	}
	p.shown = now
	line := fmt.Sprintf("%s %s", p.label, size(p.done))
	if p.total > 0 {
		percent := min(100*p.done/p.total, 100)
		line = fmt.Sprintf("%s %d%% of %s", p.label, percent, size(p.total))
	}
	fmt.Fprintf(p.w, "\r%-60s", line)
}

// end removes the line.
func (p *progress) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.shown.IsZero() {
		fmt.Fprintf(p.w, "\r%-60s\r", "")
	}
}

// size formats a number of bytes with a readable unit.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, i := float64(n)/1024, 0
	for value >= 1024 && i < len(units)-1 {
		value, i = value/1024, i+1
	}
	return fmt.Sprintf("%.1f %ciB", value, units[i])
}

// count formats a number with the singular or plural of a word.
func count(n int64, word string) string {
	switch {
	case n == 1:
		return "1 " + word
	case strings.HasSuffix(word, "ry"):
		return fmt.Sprintf("%d %sies", n, word[:len(word)-1])
	}
	return fmt.Sprintf("%d %ss", n, word)
}
