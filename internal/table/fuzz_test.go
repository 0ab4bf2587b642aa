package table_test

import (
	"fmt"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// FuzzTable decodes bytes as operations on a table and on a map. It uses few keys and one shard, so
// that operations collide. A view is read entry by entry among the operations.
func FuzzTable(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x10\x21\x32\x43\x54\x65\x76\x87\x98\xa9\xba\xcb\xdc\xed\xfe"))
	r := newRandom(1, 1)
	for size := 64; size <= 4096; size *= 4 {
		f.Add([]byte(r.bytes(size)))
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		m := newModel(t, table.Options{Shards: 1, Databases: 2, Seed: [2]uint64{1, 2}, ViewMemory: 1000})
		p := machine{model: m, program: program[:min(len(program), 1000)]}
		for len(p.program) > 0 {
			p.step()
		}
		m.check()
	})
}

type machine struct {
	*model
	program       []byte
	viewing       bool
	defragmenting int // remaining steps of defragmentation
}

func (p *machine) next() int {
	if len(p.program) == 0 {
		return 0
	}
	b := p.program[0]
	p.program = p.program[1:]
	return int(b)
}

// sizes lists sizes of values, some for each layout.
var sizes = []int{
	0, 1, 7, 20, 21, 60, 250, 2040, 3000, 9000, 32 << 10, 33 << 10, 60 << 10, 300 << 10,
}

func (p *machine) step() {
	op, arg := p.next(), p.next()
	n := name{db: arg & 1, key: fmt.Sprint("k", arg>>1&15)}
	if arg>>1 == 5 {
		n.key = string(make([]byte, 1500))
	}
	size := sizes[op>>4%len(sizes)]
	switch op & 15 {
	default:
		p.set(n, value{bytes: string(make([]byte, size))})
	case 4:
		p.set(n, value{bytes: string(make([]byte, size)), expire: int64(arg)})
	case 5:
		p.set(n, value{bytes: fmt.Sprint(arg - 100), kind: table.Kind(op >> 7)})
	case 6:
		p.setInt(n, int64(arg), 0)
	case 7, 8:
		p.delete(n)
	case 9:
		p.expire(n, int64(p.next()))
	case 10, 11:
		if len(p.want[n].bytes) < 1<<20 {
			p.append(n, string(make([]byte, size)))
		}
	case 12:
		for i := range 100 {
			p.set(name{n.db, fmt.Sprint("many", op, i)}, value{bytes: string(make([]byte, arg))})
		}
	case 13:
		p.sweep(int64(arg))
	case 14:
		switch arg & 7 {
		case 0:
			p.flush(n.db)
		case 1:
			p.swap(0, 1)
		default:
			p.defragmenting += arg
		}
	case 15:
		p.view(arg)
	}
	if p.defragmenting > 0 {
		p.defrag.Step()
		p.defragmenting--
	}
}

// view reads a view. The program continues between the entries.
func (p *machine) view(abort int) {
	if p.viewing {
		return
	}
	p.viewing = true
	v, want := p.freeze()
	got := map[name]value{}
	for range abort & 3 {
		p.step()
	}
	stopped := false
	if err := v.Scan(func(e table.Entry) bool {
		p.collect(got, e)
		p.step()
		stopped = len(got) == abort
		return !stopped
	}); err != nil {
		p.t.Fatal(err)
	}
	if !stopped {
		p.equal(got, want)
	}
	v.Close()
	p.viewing = false
	if err := p.tab.Check(); err != nil {
		p.t.Fatal(err)
	}
}
