package server_test

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestClientsAndProgramsWaitInOneQueue lets clients and a goroutine wait for one list. They are
// served in order, and a client that is not served gets a reply when its timeout ends.
func TestClientsAndProgramsWaitInOneQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory(t)
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		serveOn(t, l, store)
		wait := func(command string) *conn {
			c := wrap(t, l.dial())
			c.send(command + "\r\n")
			synctest.Wait()
			return c
		}
		first := wait("BLPOP none l 0")
		popped := make(chan string, 1)
		go func() {
			v, err := store.ListAt("l").WaitPopBack(t.Context())
			if err != nil {
				t.Errorf("WaitPopBack = %v, want nil", err)
			}
			popped <- string(v)
		}()
		synctest.Wait()
		last, limited := wait("BLMOVE l other LEFT LEFT 0"), wait("BRPOP l 10.5")
		if _, err := store.ListAt("l").PushBack([]byte("1"), []byte("2"), []byte("3")); err != nil {
			t.Fatal(err)
		}
		if got, want := first.reply(), "*2\r\n$1\r\nl\r\n$1\r\n1\r\n"; got != want {
			t.Errorf("BLPOP = %q, want %q", got, want)
		}
		if got := <-popped; got != "3" {
			t.Errorf("WaitPopBack = %q, want 3", got)
		}
		if got, want := last.reply(), "$1\r\n2\r\n"; got != want {
			t.Errorf("BLMOVE = %q, want %q", got, want)
		}
		began := time.Now()
		if got, want := limited.reply(), "*-1\r\n"; got != want || time.Since(began) != 10500*time.Millisecond {
			t.Errorf("BRPOP = %q after %v, want %q after 10.5s", got, time.Since(began), want)
		}
		limited.want("+PONG\r\n", "PING")
	})
}
