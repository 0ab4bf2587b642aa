package server_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/server"
)

// A program lets redis-cli look into its store: redis-cli -s app.sock.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := perdure.Open(filepath.Join(dir, "data"))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.Set("greeting", []byte("hello")); err != nil {
		log.Fatal(err)
	}

	l, err := net.Listen("unix", filepath.Join(dir, "app.sock"))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- server.New(store, server.WithReadOnly()).Serve(ctx, l) }()

	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(client, "GET greeting\r\nSET greeting bye\r\nQUIT\r\n")
	replies, err := io.ReadAll(client)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(strings.ReplaceAll(string(replies), "\r", ""))

	stop()
	if err := <-ended; err != nil {
		log.Fatal(err)
	}
	// Output:
	// $5
	// hello
	// -READONLY You can't write against a read only replica.
	// +OK
}
