package engine

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// TestRestoreServesWaitingClientsOnceWritesAreAccepted restores a list that a client waits for
// while writes are refused for another reason.
func TestRestoreServesWaitingClientsOnceWritesAreAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := Open(t.Context(), Options{Databases: 1})
		if err != nil {
			t.Fatalf("Open = %v, want nil", err)
		}
		defer e.Close()
		do := func(text string) string {
			reply, err := e.Do(t.Context(), 0, false, words(text))
			if err != nil {
				t.Errorf("%s = %v, want nil", text, err)
			}
			return string(reply)
		}
		do("RPUSH list element")
		var dump bytes.Buffer
		h, err := e.Snapshot()
		if err != nil {
			t.Fatalf("Snapshot = %v, want nil", err)
		}
		if err := h.Write(t.Context(), &dump); err != nil {
			t.Fatalf("Write = %v, want nil", err)
		}
		h.Close()
		do("DEL list")
		popped := make(chan string, 1)
		go func() { popped <- do("BLPOP list 0") }()
		synctest.Wait()
		refuse := func(on bool) { e.jobs.refuse(e, func() { e.jobs.stopped = on }) }
		r := io.MultiReader(readFunc(func([]byte) (int, error) {
			refuse(true) // Restore has begun
			return 0, io.EOF
		}), &dump)
		if err := e.Restore(t.Context(), r); err != nil {
			t.Fatalf("Restore = %v, want nil", err)
		}
		synctest.Wait()
		select {
		case reply := <-popped:
			t.Fatalf("BLPOP while writes are refused = %q, want it to wait", reply)
		default:
		}
		refuse(false)
		const want = "*2\r\n$4\r\nlist\r\n$7\r\nelement\r\n"
		select {
		case got := <-popped:
			if got != want {
				t.Errorf("BLPOP = %q, want %q", got, want)
			}
		case <-time.After(time.Minute):
			t.Errorf("BLPOP still waits, want %q", want)
			do("RPUSH list element")
		}
	})
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
