package rdb_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

func TestElements(t *testing.T) {
	score := "000000000000f83f" // 1.5
	for kind, c := range map[snapshot.Type]struct {
		payload []byte
		want    string
	}{
		1: {join(count(2), strs("a", "a")), "[a  0 0][a  0 0]"},
		2: {join(count(2), strs("b", "a")), "[b  0 0][a  0 0]"},
		4: {join(count(1), strs("f", "v")), "[f v 0 0]"},
		5: {join(count(1), strs("m"), unhex(score)), "[m  1.5 0]"},
	} {
		got := ""
		for e, err := range rdb.Elements(kind, c.payload) {
			if err != nil {
				t.Errorf("type %d: Elements = %v, want nil", kind, err)
			}
			got += fmt.Sprintf("[%s %s %v %d]", e.Name, e.Value, e.Score, e.ExpireAtMs)
		}
		if got != c.want {
			t.Errorf("type %d: Elements = %s, want %s", kind, got, c.want)
		}
		for _, damaged := range [][]byte{c.payload[:len(c.payload)-1], append(c.payload, 0)} {
			var got error
			for _, err := range rdb.Elements(kind, damaged) {
				got = err
			}
			_, want := rdb.DecodeValue(kind, damaged)
			if got == nil || got.Error() != want.Error() {
				t.Errorf("type %d: Elements of %d bytes = %v, want %v", kind, len(damaged), got, want)
			}
		}
		for range rdb.Elements(kind, c.payload) {
			break
		}
	}
	for _, err := range rdb.Elements(snapshot.String, []byte("s")) {
		if !errors.Is(err, rdb.ErrUnsupported) {
			t.Errorf("Elements of a string = %v, want ErrUnsupported", err)
		}
	}
}
