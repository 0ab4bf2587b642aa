package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
)

// TestStatMemory compares the estimate with the memory that a store reports.
func TestStatMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s, err := perdure.Open(dir)
	check(t, err)
	for i := range 30000 {
		check(t, s.Set(fmt.Sprintf("key:%d", i), []byte(strings.Repeat("v", i%300))))
		_, err := s.Incr(fmt.Sprintf("n:%d", i))
		check(t, err)
	}
	used := s.Stats().MemoryUsed
	check(t, s.Close())
	var stat statistics
	check(t, json.Unmarshal([]byte(want(t, exitGood, "stat", "--json", dir).stdout), &stat))
	if ratio := float64(stat.MemoryBytes) / float64(used); ratio < 0.8 || ratio > 1.2 {
		t.Errorf("stat estimates %d bytes, want within 20%% of %d", stat.MemoryBytes, used)
	}
}
