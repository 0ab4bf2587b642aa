package op

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/perduredb/perdure/internal/collection"
)

func (x *Exec) listAt(p Place) (collection.List, error) {
	return openAt(x, p, "list", collection.OpenList)
}

func (x *Exec) listFor(p Place) (*collection.List, error) {
	return openFor(x, p, "list", &x.own().list, collection.OpenList)
}

// push is LPUSH and RPUSH: key element... If present is set, it is LPUSHX and RPUSHX, which do
// nothing for a missing key.
func push(name string, front, present bool) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		l, err := x.listFor(p)
		if err != nil {
			return err
		}
		if present && l.Len() == 0 {
			x.Reply.Int(0)
			return l.Err()
		}
		for _, e := range args {
			pushTo(l, e, front)
		}
		if err := x.keepOpened(p, l); err != nil {
			return err
		}
		x.log(p, len(args), name, args)
		x.Reply.Int(int64(l.Len()))
		return nil
	}
}

func pushTo(l *collection.List, e []byte, front bool) {
	if front {
		l.Insert(0, e)
	} else {
		l.PushBack(e)
	}
}

// pop is LPOP and RPOP: key [count].
func pop(name string, front bool) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		count := int64(1)
		if len(args) > 1 {
			return errArity(name)
		}
		if len(args) > 0 {
			var err error
			if count, err = x.positive(args[0]); err != nil {
				return err
			}
		}
		l, err := x.listFor(p)
		switch {
		case err != nil:
			return err
		case l.Len() == 0 && len(args) > 0:
			x.Reply.NullArray()
		case l.Len() == 0:
			x.Reply.Null()
		case count == 0:
			x.Reply.Array(0)
		default:
			n := int(min(count, int64(l.Len())))
			if len(args) > 0 {
				x.Reply.Array(n)
			}
			x.popElements(l, n, front)
			if err := x.keepOpened(p, l); err != nil {
				return err
			}
			x.log(p, n, name, args)
		}
		return l.Err()
	}
}

// popElements removes n elements from an end of a list, and replies with them.
func (x *Exec) popElements(l *collection.List, n int, front bool) {
	first, end := 0, n
	if !front {
		first, end = l.Len()-n, l.Len()
	}
	if front || n == 1 {
		x.replyElements(l, first, n)
	} else {
		for i, e := range l.Backward(end - 1) {
			if i < first {
				break
			}
			x.Reply.Bulk(e)
		}
	}
	l.Delete(first, end)
}

// replyElements replies with n elements from number i on.
func (x *Exec) replyElements(l *collection.List, i, n int) {
	if n == 1 { // without a cursor, a pop takes 8% less
		x.Reply.Bulk(l.At(i))
		return
	}
	if n == 0 {
		return
	}
	for j, e := range l.From(i) {
		x.Reply.Bulk(e)
		if j == i+n-1 {
			return
		}
	}
}

func errArity(name string) error {
	return fmt.Errorf("wrong number of arguments for '%s' command", strings.ToLower(name))
}

var errIndex = clientError("index out of range")

// lset is LSET key index element.
func lset(x *Exec, p Place, args [][]byte) error {
	l, err := x.listFor(p)
	if err != nil {
		return err
	}
	if l.Len() == 0 {
		return ErrNotFound
	}
	i, err := x.index(args[0], l.Len())
	switch {
	case err != nil:
		return err
	case i < 0:
		return errIndex
	}
	l.Set(i, args[1])
	if err := x.keepOpened(p, l); err != nil {
		return err
	}
	x.log(p, 1, "LSET", args)
	x.Reply.Line("OK")
	return nil
}

// index parses the number of an element of n, from the end if it is negative. The result is -1 if
// there is no such element.
func (x *Exec) index(arg []byte, n int) (int, error) {
	i, err := x.integer(arg)
	if err == nil && i < 0 {
		i += int64(n)
	}
	if i < 0 || i >= int64(n) {
		return -1, err
	}
	return int(i), err
}

// linsert is LINSERT key BEFORE|AFTER pivot element.
func linsert(x *Exec, p Place, args [][]byte) error {
	after := strings.EqualFold(string(args[0]), "AFTER")
	if !after && !strings.EqualFold(string(args[0]), "BEFORE") {
		return errSyntax
	}
	l, err := x.listAt(p)
	if err != nil {
		return err
	}
	if l.Len() == 0 {
		x.Reply.Int(0)
		return l.Err()
	}
	for i, e := range l.From(0) {
		if !bytes.Equal(e, args[1]) {
			continue
		}
		if after {
			i++
		}
		if l, err = x.reopenList(p, l); err != nil {
			return err
		}
		l.Insert(i, args[2])
		if err := x.keep(p, &l); err != nil {
			return err
		}
		x.log(p, 1, "LINSERT", args)
		x.Reply.Int(int64(l.Len()))
		return nil
	}
	x.Reply.Int(-1)
	return l.Err()
}

// reopenList returns a list that a command has searched in a form that it can change.
func (x *Exec) reopenList(p Place, l collection.List) (collection.List, error) {
	if !x.walking() {
		return l, nil
	}
	if err := x.relock(); err != nil {
		return l, err
	}
	return x.listAt(p)
}

// lrem is LREM key count element. It removes all equal elements, at most count from the start, or
// at most -count from the end.
func lrem(x *Exec, p Place, args [][]byte) error {
	count, err := x.integer(args[0])
	if err != nil {
		return err
	}
	l, err := x.listAt(p)
	if err != nil {
		return err
	}
	var found []int
	most := max(count, -count)
	order := l.From(0)
	if count < 0 {
		order = l.Backward(l.Len() - 1)
	}
	for i, e := range order {
		if bytes.Equal(e, args[1]) {
			if found = append(found, i); int64(len(found)) == most {
				break
			}
		}
	}
	if len(found) > 0 {
		if l, err = x.reopenList(p, l); err != nil {
			return err
		}
	}
	for n := range found { // from the last to the first
		i := found[n]
		if count >= 0 {
			i = found[len(found)-1-n]
		}
		l.Delete(i, i+1)
	}
	if len(found) > 0 {
		if err := x.keep(p, &l); err != nil {
			return err
		}
		x.log(p, len(found), "LREM", args)
	}
	x.Reply.Int(int64(len(found)))
	return l.Err()
}

// ltrim is LTRIM key start end.
func ltrim(x *Exec, p Place, args [][]byte) error {
	first, end, err := x.bounds(args)
	if err != nil {
		return err
	}
	l, err := x.listFor(p)
	if err != nil {
		return err
	}
	n := l.Len()
	first, end = part(first, end, n)
	l.Delete(int(end), n)
	l.Delete(0, int(first))
	if l.Len() < n {
		if err := x.keepOpened(p, l); err != nil {
			return err
		}
		x.log(p, n-l.Len(), "LTRIM", args)
	}
	x.Reply.Line("OK")
	return l.Err()
}

// bounds parses the numbers of the first and the last element of a part.
func (x *Exec) bounds(args [][]byte) (first, last int64, err error) {
	if first, err = x.integer(args[0]); err == nil {
		last, err = x.integer(args[1])
	}
	return first, last, err
}

// part returns the elements of n from number first to number last, as the number of the first and
// the number after the last. Negative numbers count from the end.
func part(first, last int64, n int) (from, end int64) {
	if first < 0 {
		first = max(first+int64(n), 0)
	}
	if last < 0 {
		last += int64(n)
	}
	last = min(last, int64(n)-1)
	if first > last {
		return 0, 0
	}
	return first, last + 1
}
