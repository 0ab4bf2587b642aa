package clients_test

import (
	"context"
	"net"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/server"
)

// serve starts a server with an empty store, and returns its address. The server requires a
// password, so that each library also authenticates.
func serve(t *testing.T) (address string) {
	t.Helper()
	store, err := perdure.New()
	if err != nil {
		t.Fatalf("New = %v, want nil", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("Listen = %v, want nil", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.New(store, server.WithPassword(password)).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve = %v, want nil", err)
		}
		store.Close()
	})
	return l.Addr().String()
}

const password = "secret"
