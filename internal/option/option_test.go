package option_test

import (
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/option"
)

func TestFileNameRefusesReservedNames(t *testing.T) {
	for name, good := range map[string]bool{
		"dump.rdb": true, "x": true, "..x": true, strings.Repeat("n", 200): true, "appendonlydir.rdb": true, "tempo": true,
		"": false, ".": false, "..": false, "a/b": false, `a\b`: false, "/a": false, "a\x00": false, "a\nb": false,
		strings.Repeat("n", 201): false, "appendonlydir": false, "AppendOnlyDir": false, "perdure.lock": false,
		"appendonly.aof": false, "temp-perdure-x": false, "temp-1.rdb": false, "before-restore-2026": false,
	} {
		if err := option.FileName(name); (err == nil) != good {
			t.Errorf("FileName(%.20q) = %v, want success: %v", name, err, good)
		}
	}
}

func TestIsNilDetectsNilPointerInInterface(t *testing.T) {
	var none *int
	one := 1
	for _, c := range []struct {
		v    any
		want bool
	}{{nil, true}, {none, true}, {&one, false}, {one, false}, {"", false}} {
		if got := option.IsNil(c.v); got != c.want {
			t.Errorf("IsNil(%T %v) = %v, want %v", c.v, c.v, got, c.want)
		}
	}
}
