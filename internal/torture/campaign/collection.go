package campaign

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// A collection is a hash, set, list, or sorted set of the model.
type collection struct {
	kind   string            // as TYPE replies
	list   []string          // the elements of a list
	fields map[string]string // the fields of a hash, the members of a set, or the scores of members
}

// kindOf returns the type that a command is for, given the first letter of its name.
var kindOf = map[byte]string{'H': "hash", 'S': "set", 'L': "list", 'R': "list", 'Z': "zset"}

func (c *collection) len() int { return len(c.list) + len(c.fields) }

// text returns the form of a collection in a cell: its type, and each element with its length. Two
// collections are equal if their texts are.
func (c *collection) text() string {
	b := []byte(c.kind)
	add := func(s string) {
		b = strconv.AppendInt(append(b, ' '), int64(len(s)), 10)
		b = append(append(b, ':'), s...)
	}
	for _, e := range c.list {
		add(e)
	}
	for _, f := range sortedKeys(c.fields) {
		add(f)
		if c.kind != "set" {
			add(c.fields[f])
		}
	}
	return string(b)
}

// parseCollection returns the collection with a text. It returns an empty one for "".
func parseCollection(kind, text string) *collection {
	c := &collection{kind: kind, fields: map[string]string{}}
	var words []string
	for rest := strings.TrimPrefix(text, kind); rest != ""; {
		size, after, _ := strings.Cut(rest[1:], ":")
		n, _ := strconv.Atoi(size)
		words, rest = append(words, after[:n]), after[n:]
	}
	switch kind {
	case "list":
		c.list = words
	case "set":
		for _, m := range words {
			c.fields[m] = ""
		}
	default:
		for ; len(words) > 0; words = words[2:] {
			c.fields[words[0]] = words[1]
		}
	}
	return c
}

// collection returns the collection at a key, which is empty if the key does not exist. It returns
// nil if the key has another type.
func (s state) collection(kind, name string) *collection {
	text := s[name].value
	if _, there := s[name]; there && !strings.HasPrefix(text, kind+" ") {
		return nil
	}
	return parseCollection(kind, text)
}

// put stores a collection at a key, and keeps the expiry of the key. An empty one is deleted.
func (s state) put(name string, c *collection) {
	if c.len() == 0 {
		delete(s, name)
		return
	}
	s[name] = cell{c.text(), s[name].at}
}

// textOf returns the form of an entry's value in a cell.
func textOf(en snapshot.Entry) string {
	value, err := rdb.DecodeValue(en.Type, en.AppendPayload(nil))
	if err != nil {
		return fmt.Sprintf("DAMAGED: %v", err)
	}
	c := &collection{kind: rdb.TypeName(en.Type), fields: map[string]string{}}
	switch v := value.(type) {
	case rdb.String:
		return string(v)
	case *rdb.List:
		c.kind = "list"
		for e := range v.All() {
			c.list = append(c.list, string(e))
		}
	case *rdb.Set:
		c.kind = "set"
		for m := range v.All() {
			c.fields[string(m)] = ""
		}
	case *rdb.Hash:
		c.kind = "hash"
		for f := range v.All() {
			c.fields[string(f.Name)] = string(f.Value)
		}
	case *rdb.SortedSet:
		c.kind = "zset"
		for m := range v.All() {
			c.fields[string(m.Member)] = formatScore(m.Score)
		}
	}
	return c.text()
}

func formatScore(f float64) string { return strconv.FormatFloat(f, 'g', 17, 64) }

// ranked returns the members of a sorted set in order.
func (c *collection) ranked() []string {
	return slices.SortedFunc(maps.Keys(c.fields), func(a, b string) int {
		x, y := c.score(a), c.score(b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return strings.Compare(a, b)
	})
}

func (c *collection) score(m string) float64 {
	f, _ := strconv.ParseFloat(c.fields[m], 64)
	return f
}

// command changes the state as a command on collections changes a store. A command that a store
// refuses changes nothing. A command with two keys must name different ones.
func (s state) command(db int, args []string) {
	first := fmt.Sprint(db, "/", args[1])
	second := fmt.Sprint(db, "/", args[min(2, len(args)-1)])
	if old, there := s[first]; args[0] == "RENAME" || args[0] == "COPY" {
		if there {
			s[second] = old
		}
		if args[0] == "RENAME" {
			delete(s, first)
		}
		return
	}
	c := s.collection(kindOf[args[0][0]], first)
	if c == nil {
		return
	}
	if args[0] != "SMOVE" && args[0] != "RPOPLPUSH" {
		c.change(args[0], args[2:])
		s.put(first, c)
		return
	}
	d := s.collection(c.kind, second)
	if m, ok := c.pop(args[3:]); ok && d != nil {
		s.put(first, c)
		d.push(m)
		s.put(second, d)
	}
}

// pop removes a member of a set, or the last element of a list.
func (c *collection) pop(member []string) (m string, ok bool) {
	if n := len(c.list); n > 0 {
		m, c.list = c.list[n-1], c.list[:n-1]
		return m, true
	}
	if len(member) == 0 {
		return "", false
	}
	_, ok = c.fields[member[0]]
	delete(c.fields, member[0])
	return member[0], ok
}

// push adds a member to a set, or an element at the start of a list.
func (c *collection) push(m string) {
	if c.kind == "list" {
		c.list = slices.Insert(c.list, 0, m)
		return
	}
	c.fields[m] = ""
}

// change executes a command with one key on the collection.
func (c *collection) change(name string, args []string) {
	switch {
	case c.kind == "list":
		c.changeList(name, args)
	case name == "HSET":
		for ; len(args) > 0; args = args[2:] {
			c.fields[args[0]] = args[1]
		}
	case name == "ZADD":
		for ; len(args) > 0; args = args[2:] {
			c.fields[args[1]] = args[0]
		}
	case name == "SADD":
		for _, m := range args {
			c.fields[m] = ""
		}
	case name == "HDEL", name == "SREM", name == "ZREM":
		for _, m := range args {
			delete(c.fields, m)
		}
	case name == "HINCRBY":
		old, there := c.fields[args[0]]
		n, err := strconv.Atoi(old)
		if err == nil || !there {
			c.fields[args[0]] = strconv.Itoa(n + number(args[1]))
		}
	case name == "ZINCRBY":
		f, _ := strconv.ParseFloat(args[0], 64)
		c.fields[args[1]] = formatScore(c.score(args[1]) + f)
	case name == "ZPOPMIN":
		for _, m := range c.ranked()[:min(number(args[0]), c.len())] {
			delete(c.fields, m)
		}
	}
}

// changeList executes a command on a list.
func (c *collection) changeList(name string, args []string) {
	n := len(c.list)
	switch name {
	case "RPUSH":
		c.list = append(c.list, args...)
	case "LPUSH":
		for _, e := range args {
			c.push(e)
		}
	case "LPOP":
		c.list = c.list[min(number(args[0]), n):]
	case "RPOP":
		c.list = c.list[:n-min(number(args[0]), n)]
	case "LSET":
		if i := number(args[0]); i < n {
			c.list[i] = args[1]
		}
	case "LINSERT":
		if i := slices.Index(c.list, args[1]); i >= 0 {
			c.list = slices.Insert(c.list, i, args[2])
		}
	case "LREM":
		if i := slices.Index(c.list, args[1]); i >= 0 {
			c.list = slices.Delete(c.list, i, i+1)
		}
	case "LTRIM":
		c.list = c.list[min(number(args[0]), n):]
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(fmt.Sprintf("campaign: argument %q is not a number", text))
	}
	return n
}
