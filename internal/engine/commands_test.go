package engine_test

import (
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/redistest"
)

// TestDeclarationsAreRedis compares what the table says of every command with what a server
// says, and looks for commands that a server writes to a log and the table does not know.
func TestDeclarationsAreRedis(t *testing.T) {
	server := redistest.Start(t, "")
	declared := engine.Declared()
	for name, d := range declared {
		if name == "DELIFEQ" { // Valkey's alone
			continue
		}
		info := server.Must("COMMAND", "INFO", name).Elements[0].Elements
		if len(info) == 0 {
			t.Errorf("%s is unknown to the server", name)
			continue
		}
		got := [4]int64{info[1].Int(), info[3].Int(), info[4].Int(), info[5].Int()}
		if want := [4]int64{int64(d.Arity), int64(d.First), int64(d.Last), int64(d.Step)}; got != want {
			t.Errorf("%s: arity and keys %v, the server's are %v", name, want, got)
		}
	}
	for _, c := range server.Must("COMMAND").Elements {
		name := strings.ToUpper(c.Elements[0].Text)
		writes := false
		for _, flag := range c.Elements[2].Elements {
			writes = writes || flag.Text == "+write"
		}
		if _, ok := declared[name]; writes && !ok && !engine.Refused(name) && name != "MIGRATE" { // logged as DEL
			t.Errorf("the table does not know %s", name)
		}
	}
}

// TestKeysOf: what a pipeline that routes commands by their keys is told.
func TestKeysOf(t *testing.T) {
	for text, want := range map[string][2]int{
		"SET k v": {1, 2}, "DEL a b c": {1, 4}, "DEL a": {1, 2}, "MSET a 1 b 2": {1, 5}, "BITOP AND d a b": {2, 5}, "RENAME a b": {1, 3},
		"COPY a b DB 3": {1, 3}, "FLUSHALL": {0, 0}, "SWAPDB 1 2": {0, 0}, "MOVE a 3": {1, 2},
	} {
		var words [][]byte
		for _, w := range strings.Fields(text) {
			words = append(words, []byte(w))
		}
		if err := engine.CheckCommand(words); err != nil {
			t.Error(text, err)
		}
		if first, end := engine.Declared()[string(words[0])].Keys(words); [2]int{first, end} != want {
			t.Errorf("%s: %d %d, want %v", text, first, end, want)
		}
	}
}

// TestLookupAllocatesNothing: logs have names as clients spell them.
func TestLookupAllocatesNothing(t *testing.T) {
	words := [][]byte{[]byte("pExpireAt"), []byte("k"), []byte("1")}
	if n := testing.AllocsPerRun(100, func() {
		if err := engine.CheckCommand(words); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
