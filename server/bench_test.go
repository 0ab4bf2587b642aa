package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/perduredb/perdure/internal/resp"
)

// BenchmarkPipeline sends pipelines of commands to a server in this process.
func BenchmarkPipeline(b *testing.B) {
	for _, verb := range []string{"GET", "SET", "INCR"} {
		for _, depth := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/%d", verb, depth), func(b *testing.B) { benchmarkPipeline(b, verb, depth) })
		}
	}
}

func benchmarkPipeline(b *testing.B, verb string, depth int) {
	const keys = 100000
	socket := serve(b, memory(b))
	c, err := net.Dial("unix", filepath.Clean(socket))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReaderSize(c, 64<<10)
	roundTrip := func(batch []byte, replies, lines int) {
		if _, err := c.Write(batch); err != nil {
			b.Fatal(err)
		}
		for range replies * lines {
			if _, err := in.ReadSlice('\n'); err != nil && err != io.EOF {
				b.Fatal(err)
			}
		}
	}
	value := "xxx"
	for i := range keys {
		if verb == "GET" {
			roundTrip(resp.AppendCommand(nil, "SET", fmt.Sprintf("key:%012d", i), value), 1, 1)
		}
	}
	var batches [][]byte
	for i := range 1000 {
		var batch []byte
		for j := range depth {
			words := []string{verb, fmt.Sprintf("key:%012d", (i*7919+j*104729)%keys)}
			if verb == "SET" {
				words = append(words, value)
			}
			batch = resp.AppendCommand(batch, words...)
		}
		batches = append(batches, batch)
	}
	lines := 1
	if verb == "GET" {
		lines = 2
	}
	b.ResetTimer()
	for i := 0; i < b.N; i += depth {
		roundTrip(batches[i/depth%len(batches)], depth, lines)
	}
}
