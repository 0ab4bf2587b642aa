package engine_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/resp"
)

// TestBitOpOfLargeValues changes the sources of BITOP during the command: each result is that of
// values that the sources had at one time.
func TestBitOpOfLargeValues(t *testing.T) {
	const size = 1 << 20
	s, err := perdure.New()
	if err != nil {
		t.Fatalf("New = %v, want nil", err)
	}
	t.Cleanup(func() { s.Close() })
	fill := func(b byte) {
		value := bytes.Repeat([]byte{b}, size)
		if err := s.MSet(perdure.Pair{Key: "a", Value: value}, perdure.Pair{Key: "b", Value: value[:size/2]}); err != nil {
			t.Errorf("MSet = %v, want nil", err)
		}
	}
	fill(0x0f)
	var all sync.WaitGroup
	all.Go(func() {
		for i := range 60 {
			fill([]byte{0x0f, 0xf0}[i%2])
		}
	})
	session, reply := engine.Of(s).NewSession(nil), &resp.Reply{}
	for range 30 {
		reply.Buf = reply.Buf[:0]
		var words [][]byte
		for _, word := range strings.Fields("BITOP XOR result a b missing") {
			words = append(words, []byte(word))
		}
		session.Do(0, op.Lookup("BITOP"), words, reply)
		if string(reply.Buf) != ":1048576\r\n" {
			t.Fatalf("BITOP = %q, want the size", reply.Buf)
		}
		got, err := s.Get("result")
		if err != nil || len(got) != size || bytes.Count(got[:size/2], []byte{0}) != size/2 ||
			bytes.Count(got[size/2:], got[size/2:size/2+1]) != size/2 || got[size/2] != 0x0f && got[size/2] != 0xf0 {
			t.Fatalf("result = %x...%x, %v, want zeros, then equal bytes", got[:4], got[size/2:size/2+4], err)
		}
	}
	all.Wait()
}
