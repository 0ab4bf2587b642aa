package main

import (
	"fmt"
	"strconv"
	"time"
)

// collections is a peer with hashes, lists, sets, and sorted sets. A function that it returns is
// for one goroutine.
type collections interface {
	peer

	// On returns the function of a command on the large collection of its type, or nil if the peer
	// does not have the command. m is a field or member.
	On(command string) func(m string, v []byte, score float64) error

	// Small stores a collection of five elements under a key. number makes its elements different
	// from those of other keys.
	Small(kind, key string, number int) error
}

// A collectionKind is a type of collection, the command that adds an element of 16 bytes (a hash
// also has a value of 16 bytes), and the commands whose time is measured on a large collection. The
// targets are those of the design, in bytes.
type collectionKind struct {
	name, add    string
	commands     []string
	large, small float64 // bytes an element, and bytes a collection of five; 0 for no target
}

var collectionKinds = []collectionKind{
	{"hash", "HSET", []string{"HSET", "HGET"}, 52, 190},
	{"set", "SADD", []string{"SADD"}, 34, 150},
	{"sorted set", "ZADD", []string{"ZADD", "ZRANK"}, 46, 180},
	{"list", "RPUSH", []string{"LPUSH", "LPOP"}, 18.2, 0},
}

// scoreOf returns score number i: integers in no order.
func scoreOf(i int) float64 { return float64(uint32(i) * 2_654_435_761 >> 4) }

// elementValue returns the value of a field or of an element of a list.
func elementValue(i int) []byte { return shape{keySize, 16}.valueAt(i) }

// measureCollections measures memory and the time of commands on collections of j.Keys elements,
// and the memory of small collections.
func measureCollections(j *job) error {
	p, err := j.open()
	if err != nil {
		return err
	}
	defer p.Close()
	c := p.(collections)
	if err := measureSmall(j, c); err != nil { // first, while no free memory hides their growth
		return err
	}
	for _, k := range collectionKinds {
		if c.On(k.add) == nil {
			continue
		}
		bytes, err := grownBy(p, func() error { return fillCollection(c, k.add, j.Keys) })
		if err != nil {
			return fmt.Errorf("%s of %d elements: %w", k.name, j.Keys, err)
		}
		j.add(k.name+" element", "bytes", bytes/float64(j.Keys))
		for _, command := range k.commands {
			if err := measureCommand(j, c, command); err != nil {
				return fmt.Errorf("%s: %w", command, err)
			}
		}
	}
	return nil
}

// grownBy returns the growth of the resident memory of a peer by fn.
func grownBy(p peer, fn func() error) (bytes float64, err error) {
	collect()
	before := resident(p)
	if err := fn(); err != nil {
		return 0, err
	}
	collect()
	return float64(resident(p) - before), nil
}

// fillCollection adds n elements.
func fillCollection(c collections, add string, n int) error {
	send, step := finished(c, add)
	var m []byte
	for i := range n {
		m = appendKey(m[:0], uint64(i))
		if err := step(string(m), elementValue(i), scoreOf(i)); err != nil {
			return err
		}
	}
	return send()
}

// finished returns the function of a command for one goroutine, and a function that waits until all
// of its calls have been executed.
func finished(c collections, command string) (send func() error, step func(string, []byte, float64) error) {
	if pl, ok := c.(pipeliner); ok {
		p := pl.Pipeline()
		return p.Close, p.(collections).On(command)
	}
	return func() error { return nil }, c.On(command)
}

// measureCommand measures a command on random elements of the large collection. SADD adds a member
// that is new in half of the calls at first.
func measureCommand(j *job, c collections, command string) error {
	if c.On(command) == nil {
		return nil
	}
	n := j.Keys
	if command == "SADD" {
		n *= 2
	}
	members := uniform(0, n)
	do := func(p peer) func(int) error {
		on := p.(collections).On(command)
		return func(i int) error { return on(members.key(i), elementValue(i), scoreOf(i)) }
	}
	sc, err := trial{peer: c, do: do, workers: 1, time: j.Time}.run()
	if err != nil {
		return err
	}
	j.add(command, "ns", sc.nsPerOp())
	return nil
}

// measureSmall measures the memory of collections of five elements.
func measureSmall(j *job, c collections) error {
	n := 3 * j.Keys / 10 // with fewer, the heap of Go grows by several bytes a collection
	for _, k := range collectionKinds {
		if k.small == 0 || c.On(k.commands[len(k.commands)-1]) == nil {
			continue
		}
		bytes, err := grownBy(c, func() error { return fillSmall(c, k.name, n) })
		if err != nil {
			return err
		}
		j.add("small "+k.name, "bytes", bytes/float64(n))
	}
	return nil
}

// fillSmall stores n small collections.
func fillSmall(c collections, kind string, n int) error {
	p, send := c, func() error { return nil }
	if pl, ok := c.(pipeliner); ok {
		piped := pl.Pipeline()
		p, send = piped.(collections), piped.Close
	}
	for i := range n {
		if err := p.Small(kind, string(appendKey([]byte(kind), uint64(i))), i); err != nil {
			return err
		}
	}
	return send()
}

// smallField returns field number i of a small hash: 8 bytes.
func smallField(i int) string { return "field-" + strconv.Itoa(10+i) }

// measureCollectionFiles measures a save of j.Keys elements in collections of every type, and
// opening it: half of them in one large collection of each type, the others in small ones.
func measureCollectionFiles(j *job) error {
	p, err := j.open()
	if err != nil {
		return err
	}
	c := p.(collections)
	n := j.Keys / 2 / len(collectionKinds)
	for _, k := range collectionKinds {
		err := fillCollection(c, k.add, n)
		if err == nil && k.small > 0 {
			err = fillSmall(c, k.name, j.Keys/2/3/5)
		}
		if err != nil {
			p.Close()
			return err
		}
	}
	begin := time.Now()
	if err := p.(saver).Save(); err != nil {
		p.Close()
		return err
	}
	j.add("save of all types", "ns", float64(time.Since(begin)))
	if err := p.Close(); err != nil {
		return err
	}
	c, p = nil, nil
	collect()
	begin = time.Now()
	if p, err = j.open(); err != nil {
		return err
	}
	j.add("load of all types", "ns", float64(time.Since(begin)))
	return p.Close()
}
