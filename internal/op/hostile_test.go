package op_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
)

// TestHostileArgumentsAreErrors opens logs whose arguments are at and beyond the limits of their
// types, or whose values are not integers in their shortest form. Open must refuse them with an
// error; a panic would end the program.
func TestHostileArgumentsAreErrors(t *testing.T) {
	for _, commands := range []string{
		"SETRANGE k 9223372036854775807 x", "SETRANGE k -9223372036854775808 x", "SETRANGE k 536870912 x",
		"SETBIT k 9223372036854775807 1", "BITFIELD k SET i64 9223372036854775807 1", "BITFIELD k SET u8 #9223372036854775807 1",
		"INCRBYFLOAT k 1e700000000", "INCRBYFLOAT k -1e700000000", "INCREX k BYFLOAT 1e700000000",
		"SET k 1e700000000|INCRBYFLOAT k -1e700000000", "INCREX k BYFLOAT 1 UBOUND 1e700000000",
		"EXPIRE k 9223372036854775807", "SET k v EX 9223372036854775807", "SET k v PX 9223372036854775807",
		"DECRBY k -9223372036854775808", "MSETEX 9223372036854775807 a 1", "COPY k l DB 9223372036854775807",
		"MOVE k -1", "SWAPDB 0 16", "RESTORE k -1 x", "RESTORE k 9223372036854775807 x", "GETEX k EXAT 9223372036854775807",
		"SET k +5|INCREX k", "SET k 007|INCREX k", "SET k +5|INCR k",
	} {
		dir := t.TempDir()
		log := filepath.Join(dir, "appendonlydir")
		if err := os.Mkdir(log, 0o700); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, c := range strings.Split(commands, "|") {
			words := strings.Fields(c)
			fmt.Fprintf(&b, "*%d\r\n", len(words))
			for _, w := range words {
				fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
			}
		}
		for name, data := range map[string]string{
			"appendonly.aof.1.incr.aof": b.String(),
			"appendonly.aof.manifest":   "file appendonly.aof.1.incr.aof seq 1 type i\n",
		} {
			if err := os.WriteFile(filepath.Join(log, name), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := perdure.Open(dir)
		if err == nil {
			s.Close()
			t.Errorf("Open of a log with %q succeeded, want an error", commands)
		}
	}
}
