package rdb_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/perduredb/perdure/rdb"
)

// TestLateDuplicate checks the offset of a member that occurs a second time in a long value, also
// if the value is damaged after it.
func TestLateDuplicate(t *testing.T) {
	const n = 50_000
	members := join(unhex("80"), unhex(fmt.Sprintf("%08x", n+3)))
	head := len(members)
	for i := range n {
		members = append(members, 8)
		members = fmt.Appendf(members, "%08d", i)
	}
	for _, again := range []int{3, 20_000, n - 1} {
		for _, after := range []string{"another", "c9"} {
			p := append([]byte{}, members...)
			at := len(p)
			p = append(p, members[head+9*again:head+9*again+9]...)
			if after == "c9" { // not the encoding of a string
				p = append(p, 0xc9)
			}
			p = join(p, strs(after, "last"))
			_, err := rdb.DecodeValue(2, p)
			var damage *rdb.CorruptError
			if !errors.As(err, &damage) || damage.Offset != int64(at) || damage.What != "want unique members, found a duplicate" {
				t.Errorf("DecodeValue with a duplicate at offset %d = %v, want that offset", at, err)
			}
			records := file("REDIS0009", "02 01 6b"+hex.EncodeToString(p))
			at += len("REDIS0009") + 3
			what := fmt.Sprintf("key 1, set of type 2, member %d: want unique members, found a duplicate", n+1)
			if _, _, err := decode(records); !errors.As(err, &damage) || damage.Offset != int64(at) || damage.What != what {
				t.Errorf("Decode = %v, want offset %d and %s", err, at, what)
			}
		}
	}
}
