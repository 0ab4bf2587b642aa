package campaign

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/perduredb/perdure"
)

// doubles returns dumps of a collection in a plain encoding, with few elements and with many. The
// first element also occurs at the end.
func doubles() map[string]string {
	all := map[string]string{}
	for _, size := range []int{3, 1000, 20_000} {
		dump := func(kind string, typ byte, value func(i int) string) {
			b := []byte("REDIS0009\xfe\x00" + string(typ) + "\x01k\x80")
			b = binary.BigEndian.AppendUint32(b, uint32(size+1))
			for i := range size + 1 {
				b = fmt.Appendf(b, "\x0bmember%05d%s", i%size, value(i))
			}
			all[fmt.Sprintf("%s of %d", kind, size)] = string(b) + "\xff\x00\x00\x00\x00\x00\x00\x00\x00"
		}
		dump("set", 2, func(int) string { return "" })
		dump("hash", 4, func(i int) string { return fmt.Sprintf("\x05%05d", i) })
		dump("zset", 5, func(i int) string {
			return string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(float64(i))))
		})
	}
	return all
}

// tryDouble opens a dump with an element that occurs twice. Open must refuse it, because no command
// makes such a collection.
func tryDouble(r *Run, data string) error {
	r.Count("cases", 1)
	mem, err := inMem(map[string]string{"dump.rdb": data})
	if err != nil {
		return err
	}
	s, err := modeOf("snapshots").open(mem)
	var damage *perdure.CorruptError
	switch {
	case err == nil:
		return errors.Join(errors.New("perdure.Open = nil, want a CorruptError"), s.CloseNoSave())
	case !errors.As(err, &damage) || damage.File == "":
		return fmt.Errorf("perdure.Open = %w, want a CorruptError with a file", err)
	}
	return nil
}
