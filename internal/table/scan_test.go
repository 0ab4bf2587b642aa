package table_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// Keys that last are found once while the table grows and shrinks around them.
func TestScanUnderChange(t *testing.T) {
	for _, grow := range []bool{true, false} {
		m := newModel(t, small)
		lasting, passing := 3000, 40000/scale
		for i := range lasting {
			m.set(name{1, fmt.Sprint("lasting", i)}, value{bytes: "v"})
		}
		if !grow {
			for i := range passing {
				m.set(name{1, fmt.Sprint("passing", i)}, value{bytes: "v"})
			}
		}
		seen, calls, i := map[string]int{}, 0, 0
		var buf table.ScanBuffer
		buf.KeysOnly = true
		for c, more := table.Cursor(0), true; more; calls++ {
			before := c
			c, more = m.tab.Scan(1, c, &buf)
			if more && c <= before {
				t.Fatalf("the cursor went from %#x to %#x", before, c)
			}
			for _, e := range buf.Entries() {
				if seen[string(e.Key)]++; e.Value != nil {
					t.Fatal("a value without being asked for")
				}
			}
			for range 400 {
				n := name{1, fmt.Sprint("passing", i)}
				if i++; grow {
					m.set(n, value{bytes: "v"})
				} else if i < passing {
					m.delete(n)
				}
			}
		}
		for key, n := range seen {
			if n != 1 {
				t.Fatalf("%q was found %d times", key, n)
			}
		}
		for i := range lasting {
			if seen[fmt.Sprint("lasting", i)] != 1 {
				t.Fatalf("lasting key %d was not found", i)
			}
		}
		if calls < 8 {
			t.Errorf("only %d calls", calls)
		}
	}
}

// One call copies a bounded number of bytes, whatever a segment holds.
func TestScanBytes(t *testing.T) {
	m := newModel(t, table.Options{Shards: 1, Databases: 1})
	big := strings.Repeat("b", 300<<10)
	for i := range 40 {
		m.set(name{0, fmt.Sprint(i)}, value{bytes: big})
	}
	m.check()
	var buf table.ScanBuffer
	for c, more := table.Cursor(0), true; more; {
		c, more = m.tab.Scan(0, c, &buf)
		if n := len(buf.Entries()); n > 4 {
			t.Fatalf("%d values of 300 KiB in a call", n)
		}
	}
}

func TestScanLocked(t *testing.T) {
	m := newModel(t, small)
	r := newRandom(1, 5000)
	for range 5000 {
		m.step(r)
	}
	m.tab.LockAll()
	defer m.tab.UnlockAll()
	got := map[name]value{}
	var buf table.ScanBuffer
	for db := range 3 {
		for c, more := table.Cursor(0), true; more; {
			c, more = m.tab.ScanLocked(db, c, &buf)
			for _, e := range buf.Entries() {
				m.collect(got, e)
			}
		}
	}
	m.equal(got, m.want)
}

// Any number is a cursor.
func TestScanCursor(t *testing.T) {
	for _, shards := range []int{1, 4, 64} {
		m := newModel(t, table.Options{Shards: shards, Databases: 1})
		var buf table.ScanBuffer
		for _, keys := range []int{0, 1, 5000} {
			for i := range keys {
				m.set(name{0, fmt.Sprint(i)}, value{})
			}
			for _, c := range []table.Cursor{0, 1, 1 << 63, 1<<63 + 1, 1<<64 - 1} {
				for more := true; more; {
					before := c
					if c, more = m.tab.Scan(0, c, &buf); more && c <= before || !more && c != 0 {
						t.Fatalf("the cursor went from %#x to %#x", before, c)
					}
				}
			}
		}
	}
}
