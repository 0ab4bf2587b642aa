package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/resp"
)

// TestRestoreConvertsWithoutLock reads the key of a RESTORE when the conversion of its value needs
// memory, which is the first that the command needs. The read would block if the lock of the key
// was held.
func TestRestoreConvertsWithoutLock(t *testing.T) {
	var e *Engine
	restoring, reads := false, 0
	e, err := Open(t.Context(), Options{Databases: 1, MemoryLimit: func(int) bool {
		if restoring && reads < 20 {
			restoring = false
			_, _ = e.Get(nil, 0, "copy")
			reads++
			restoring = true
		}
		return true
	}})
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	defer e.Close()
	do := func(words ...string) resp.Value {
		t.Helper()
		var w [][]byte
		for _, word := range words {
			w = append(w, []byte(word))
		}
		reply, err := e.Do(t.Context(), 0, false, w)
		if err != nil {
			t.Fatalf("%s = %v, want nil", words[0], err)
		}
		v, _ := resp.Decode(reply)
		return v
	}
	for i := range 100 {
		var members []string
		for j := range 1000 {
			members = append(members, fmt.Sprintf("member:%d:%d", i, j))
		}
		do(append([]string{"SADD", "set"}, members...)...)
	}
	payload := string(do("DUMP", "set").Text)
	restoring = true
	do("RESTORE", "copy", "0", payload)
	restoring = false
	if reads != 20 {
		t.Errorf("RESTORE needed memory %d times, want more", reads)
	}
	for _, c := range []struct{ key, ttl, options, want string }{
		{"copy", "0", "", "BUSYKEY Target key name already exists."},
		{"copy", "0", "REPLACE", "OK"},
		{"copy", "1", "REPLACE ABSTTL", "OK"}, // expired: it deletes the key
		{"copy", "1000000", "", "OK"},
	} {
		v := do(append([]string{"RESTORE", c.key, c.ttl, payload}, strings.Fields(c.options)...)...)
		if string(v.Text) != c.want {
			t.Errorf("RESTORE %s %s %s = %s, want %s", c.key, c.ttl, c.options, v.Text, c.want)
		}
		do("SCARD", "set") // by the same execution, which must have dropped the value once
		if err := e.CheckTable(); err != nil {
			t.Fatal(err)
		}
	}
	if n := do("SCARD", "copy").Int; n != 100_000 {
		t.Errorf("SCARD of the restored set = %d, want 100000", n)
	}
}
