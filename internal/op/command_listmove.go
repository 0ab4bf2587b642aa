package op

import (
	"bytes"
	"strconv"
	"strings"
)

// manyFunc is a function for several keys.
type manyFunc = func(x *Exec, db int, args [][]byte) error

// side parses an end of a list.
func side(arg []byte) (front bool, err error) {
	switch strings.ToUpper(string(arg)) {
	case "LEFT":
		return true, nil
	case "RIGHT":
		return false, nil
	}
	return false, errSyntax
}

// lmove is LMOVE source destination from to, and BLMOVE with a timeout after it.
func lmove(blocking bool) manyFunc {
	return func(x *Exec, db int, args [][]byte) error {
		from, err := side(args[2])
		if err != nil {
			return err
		}
		to, err := side(args[3])
		if err != nil {
			return err
		}
		if blocking {
			if _, err := timeout(args[4]); err != nil {
				return err
			}
		}
		return x.atomically(func() error { return x.moveElement(db, "LMOVE", args[:4], from, to, blocking) })
	}
}

// rpopLPush is RPOPLPUSH source destination, and BRPOPLPUSH with a timeout after it.
func rpopLPush(blocking bool) manyFunc {
	return func(x *Exec, db int, args [][]byte) error {
		if blocking {
			if _, err := timeout(args[2]); err != nil {
				return err
			}
		}
		return x.atomically(func() error { return x.moveElement(db, "RPOPLPUSH", args[:2], false, true, blocking) })
	}
}

// moveElement moves an element from an end of the list args[0] to an end of the list args[1].
func (x *Exec) moveElement(db int, name string, args [][]byte, fromFront, toFront, blocking bool) error {
	from, to := x.Locate(db, string(args[0])), x.Locate(db, string(args[1]))
	source, err := x.listAt(from)
	if err != nil {
		return err
	}
	if source.Len() == 0 {
		if blocking && !x.Several {
			x.none()
		} else {
			x.Reply.Null()
		}
		return source.Err()
	}
	i := 0
	if !fromFront {
		i = source.Len() - 1
	}
	e := bytes.Clone(source.At(i))
	if from == to {
		source.Delete(i, i+1)
		pushTo(&source, e, toFront)
	} else {
		target, err := x.listAt(to)
		if err != nil {
			return err
		}
		pushTo(&target, e, toFront)
		if err := x.keep(to, &target); err != nil {
			return err
		}
		if source, err = x.listAt(from); err != nil { // the table has changed
			return err
		}
		source.Delete(i, i+1)
	}
	if err := x.keep(from, &source); err != nil {
		return err
	}
	x.Dirty++
	x.changed(db, from.Key)
	x.changed(db, to.Key)
	x.commandWords(db, name, args)
	x.Reply.Bulk(e)
	return nil
}

var errCount = clientError("count should be greater than 0")

// lmpop is LMPOP numkeys key... side [COUNT n], and BLMPOP with a timeout before it.
func lmpop(blocking bool) manyFunc {
	return func(x *Exec, db int, args [][]byte) error {
		words := args
		if blocking {
			words = args[1:]
		}
		keys, words, err := x.numKeysBefore(words)
		if err != nil {
			return err
		}
		front, err := side(words[0])
		if err != nil {
			return err
		}
		count, err := x.popCount(words[1:])
		if err != nil {
			return err
		}
		if blocking {
			if _, err := timeout(args[0]); err != nil {
				return err
			}
		}
		return x.popFirst(db, keys, front, count)
	}
}

// numKeysBefore is numKeys for a command that has at least one word after the keys.
func (x *Exec) numKeysBefore(args [][]byte) (keys, rest [][]byte, err error) {
	keys, rest, err = x.numKeys(args)
	if err == errManyNumKeys || err == nil && len(rest) == 0 {
		err = errSyntax
	}
	return keys, rest, err
}

// popCount parses [COUNT n] at the end of LMPOP and ZMPOP. The default is 1.
func (x *Exec) popCount(args [][]byte) (count int64, err error) {
	for i := 0; i < len(args); i += 2 {
		if count != 0 || i+1 == len(args) || !strings.EqualFold(string(args[i]), "COUNT") {
			return 0, errSyntax
		}
		if count, err = x.integer(args[i+1]); err != nil || count < 1 {
			return 0, errCount
		}
	}
	return max(count, 1), nil
}

// popFirst pops elements of the first list that exists, and replies with its key and the elements.
func (x *Exec) popFirst(db int, keys [][]byte, front bool, count int64) error {
	for _, key := range keys {
		p := x.Locate(db, string(key))
		l, err := x.listAt(p)
		if err != nil {
			return err
		}
		if l.Len() == 0 {
			continue
		}
		n := int(min(count, int64(l.Len())))
		x.Reply.Array(2)
		x.Reply.Bulk(key)
		x.Reply.Array(n)
		x.popElements(&l, n, front)
		if err := x.keep(p, &l); err != nil {
			return err
		}
		x.log(p, n, popName(front), [][]byte{strconv.AppendInt(nil, int64(n), 10)})
		return nil
	}
	x.none()
	return nil
}

func popName(front bool) string {
	if front {
		return "LPOP"
	}
	return "RPOP"
}

// bpop is BLPOP and BRPOP: key... timeout.
func bpop(front bool) manyFunc {
	return func(x *Exec, db int, args [][]byte) error {
		last := len(args) - 1
		if _, err := timeout(args[last]); err != nil {
			return err
		}
		for _, key := range args[:last] {
			p := x.Locate(db, string(key))
			l, err := x.listAt(p)
			if err != nil {
				return err
			}
			if l.Len() == 0 {
				continue
			}
			x.Reply.Array(2)
			x.Reply.Bulk(key)
			x.popElements(&l, 1, front)
			if err := x.keep(p, &l); err != nil {
				return err
			}
			x.log(p, 1, popName(front), nil)
			return nil
		}
		x.none()
		return nil
	}
}
