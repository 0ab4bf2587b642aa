package campaign

import (
	"context"
	"strings"

	ops "github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/resp"
)

// command executes a command in the model, in the database of the place.
func (p keyPlace) command(want map[keyPlace]string, args []string) {
	st := state{}
	for _, key := range args[1:] {
		if value, there := want[keyPlace{p.db, key}]; there {
			st[op{db: p.db, key: key}.name()] = cell{value: value}
		}
	}
	st.command(p.db, args)
	for _, key := range args[1:] {
		delete(want, keyPlace{p.db, key})
		if c, there := st[op{db: p.db, key: key}.name()]; there {
			want[keyPlace{p.db, key}] = c.value
		}
	}
}

// do executes a command. If memory is refused, it returns ErrNoMemory.
func (s *starved) do(execute func(words [][]byte) ([]byte, error), args []string) error {
	words := make([][]byte, len(args))
	for i, arg := range args {
		words[i] = []byte(arg)
	}
	reply, err := execute(words)
	if value, _ := resp.Decode(reply); err == nil && value.Type == resp.ErrorValue && ops.ErrorOf(string(value.Text)) == ops.ErrNoMemory {
		err = ops.ErrNoMemory
	}
	return err
}

// read returns the value at a place in the form of a cell. It gets all memory, because the first
// command on a collection that was loaded may convert it.
func (s *starved) read(p keyPlace) (string, error) {
	if !strings.Contains("h0 h1 s0 s1 l0 l1 z0 z1", p.key) {
		value, err := s.e.Get(nil, p.db, p.key)
		return string(value), err
	}
	s.free.Store(true)
	defer s.free.Store(false)
	var err error
	text := readCollection(p.key, func(args ...string) (all []string) {
		words := make([][]byte, len(args))
		for i, arg := range args {
			words[i] = []byte(arg)
		}
		reply, failed := s.e.Do(context.Background(), p.db, false, words)
		err = firstError(err, failed)
		value, _ := resp.Decode(reply)
		return flatReply(value)
	})
	return text, err
}

// flatReply returns a reply as texts. A nested reply becomes flat.
func flatReply(v resp.Value) (all []string) {
	switch v.Type {
	case resp.TextValue:
		return []string{string(v.Text)}
	case resp.DoubleValue:
		return []string{formatScore(v.Double)}
	}
	for _, e := range v.Elements {
		all = append(all, flatReply(e)...)
	}
	return all
}
