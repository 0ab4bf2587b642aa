package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/perduredb/perdure/internal/resp"
)

// serving is the perdure serve of a script.
var serving struct {
	stop   context.CancelFunc
	status chan int
}

// startServe runs perdure serve in the background, and waits until it listens.
func startServe(t *testing.T, args []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready := &firstLine{done: make(chan struct{})}
	status := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		status <- run(ctx, append([]string{"serve"}, args...), strings.NewReader(""), ready, &stderr)
		ready.once.Do(func() { close(ready.done) })
	}()
	<-ready.done
	serving.stop, serving.status = cancel, status
	t.Cleanup(cancel)
	select {
	case code := <-status:
		t.Fatalf("perdure serve = %d, want it to run\n%s", code, stderr.String())
	default:
	}
}

// stopServe ends perdure serve and returns its exit status.
func stopServe(t *testing.T) int {
	t.Helper()
	serving.stop()
	return <-serving.status
}

// firstLine is a writer that closes done when something is written.
type firstLine struct {
	once sync.Once
	done chan struct{}
}

func (w *firstLine) Write(p []byte) (int, error) {
	w.once.Do(func() { close(w.done) })
	return len(p), nil
}

// sendTo sends a command to a unix socket, and QUIT. It returns the reply to the command.
func sendTo(t *testing.T, socket string, words []string) string {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	check(t, err)
	defer conn.Close()
	_, err = conn.Write(resp.AppendCommand(resp.AppendCommand(nil, words...), "QUIT"))
	check(t, err)
	reply, err := io.ReadAll(conn)
	check(t, err)
	return strings.TrimSuffix(string(reply), "+OK\r\n")
}
