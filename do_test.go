package perdure_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/perduredb/perdure"
)

// TestDoRunsCommands executes commands by name and compares their replies.
func TestDoRunsCommands(t *testing.T) {
	s := open(t, t.TempDir())
	for _, c := range []struct {
		args []any
		want string
	}{
		{[]any{"set", "k", "5"}, "text OK"},
		{[]any{"INCRBY", []byte("k"), 3}, "integer 8"},
		{[]any{"INCRBYFLOAT", "k", 0.5}, "text 8.5"},
		{[]any{"GET", "k"}, "text 8.5"},
		{[]any{"GET", "missing"}, "null"},
		{[]any{"SETRANGE", "r", uint64(2), "xy"}, "integer 4"},
		{[]any{"MGET", "k", "missing", "r"}, "array [text 8.5, null, text \x00\x00xy]"},
		{[]any{"EXPIRE", "k", int64(100)}, "integer 1"},
		{[]any{"LCS", "k", "k", "IDX"}, "map [text matches, array [array [array [integer 0, integer 2], array [integer 0, integer 2]]], text len, integer 3]"},
		{[]any{"FLUSHALL"}, "text OK"},
		{[]any{"DBSIZE"}, "integer 0"},
	} {
		r, err := s.Do(t.Context(), c.args...)
		if err != nil {
			t.Fatalf("Do(%v) = %v, want nil", c.args, err)
		}
		if got := show(r); got != c.want {
			t.Errorf("Do(%v) = %s, want %s", c.args, got, c.want)
		}
	}
}

// show returns the kind and the contents of a reply.
func show(r perdure.Reply) string {
	text := r.Kind().String()
	switch r.Kind() {
	case perdure.ReplyText:
		s, _ := r.Text()
		return text + " " + s
	case perdure.ReplyInteger:
		n, _ := r.Int()
		return fmt.Sprint(text, " ", n)
	case perdure.ReplyArray, perdure.ReplySet:
		text += " ["
		for i, e := range r.All() {
			if i > 0 {
				text += ", "
			}
			text += show(e)
		}
		return text + "]"
	case perdure.ReplyMap:
		text += " ["
		for k, v := range r.Pairs() {
			if len(text) > len("map [") {
				text += ", "
			}
			text += show(k) + ", " + show(v)
		}
		return text + "]"
	}
	return text
}

// TestDoAcceptsEveryNumber passes a number of each type of Go as an argument.
func TestDoAcceptsEveryNumber(t *testing.T) {
	s := open(t, t.TempDir())
	for _, c := range []struct {
		arg  any
		want string
	}{
		{int(-1), "-1"}, {int8(-8), "-8"}, {int16(-16), "-16"}, {int32(-32), "-32"}, {int64(math.MinInt64), "-9223372036854775808"},
		{uint(1), "1"}, {uint8(8), "8"}, {uint16(16), "16"}, {uint32(32), "32"}, {uint64(math.MaxUint64), "18446744073709551615"},
		{float32(0.1), "0.1"}, {0.1, "0.1"},
	} {
		if _, err := s.Do(t.Context(), "SET", "k", c.arg); err != nil {
			t.Fatalf("SET of a %T = %v, want nil", c.arg, err)
		}
		if r, err := s.Do(t.Context(), "GET", "k"); err != nil || show(r) != "text "+c.want {
			t.Errorf("value after a %T = %s, %v, want %s", c.arg, show(r), err, c.want)
		}
	}
}

// TestDoRefusalNamesReason checks that the error for what Do does not execute names the reason.
func TestDoRefusalNamesReason(t *testing.T) {
	s := open(t, t.TempDir())
	for _, c := range []struct {
		args []any
		want string
	}{
		{[]any{"SET", "k", true}, "perdure: not supported: argument 2 of SET is a bool; want a string, []byte, integer, or float"},
		{[]any{true}, "perdure: not supported: the name of a command is a bool; want a string or []byte"},
		{[]any{"xadd", "k", "*", "f", "v"}, "perdure: not supported: XADD: perdure executes no commands on a stream"},
		{[]any{"MULTI"}, "perdure: not supported: MULTI is not a command on data"},
	} {
		if _, err := s.Do(t.Context(), c.args...); !errors.Is(err, perdure.ErrUnsupported) || err.Error() != c.want {
			t.Errorf("Do(%v) = %v, want %s", c.args, err, c.want)
		}
	}
}

// TestTxDoSorts executes SORT, whose keys are only known while it runs, in transactions with every
// key and with some keys.
func TestTxDoSorts(t *testing.T) {
	s := open(t, t.TempDir(), logOnly()...)
	ok(t, second(s.Do(t.Context(), "RPUSH", "l", 3, 1, 2)))
	ok(t, second(s.Do(t.Context(), "MSET", "w1", 9, "w2", 8, "w3", 7)))
	ok(t, second(s.ListAt("sorted").PushBack([]byte("before"))))
	sort := []any{"SORT", "l", "BY", "w*", "STORE", "sorted"}
	undone := errors.New("undone")
	for _, result := range []error{undone, nil} {
		if err := s.Update(func(tx *perdure.Tx) error { ok(t, second(tx.Do(t.Context(), sort...))); return result }); err != result {
			t.Fatalf("Update = %v, want %v", err, result)
		}
		want := "array [text before]"
		if result == nil {
			want = "array [text 3, text 2, text 1]"
		}
		if r, err := s.Do(t.Context(), "LRANGE", "sorted", 0, -1); err != nil || show(r) != want {
			t.Errorf("sorted after Update = %v is %s, %v, want %s", result, show(r), err, want)
		}
	}
	ok(t, s.UpdateKeys([]string{"l", "sorted"}, func(tx *perdure.Tx) error {
		if _, err := tx.Do(t.Context(), sort...); !errors.Is(err, perdure.ErrUnsupported) {
			t.Errorf("SORT in UpdateKeys = %v, want ErrUnsupported", err)
		}
		return nil
	}))
}

// TestDoErrors checks that the errors of Do match those of the methods.
func TestDoErrors(t *testing.T) {
	s := open(t, t.TempDir(), perdure.WithDatabases(2), perdure.WithoutAppendLog())
	if err := s.Set("text", []byte("x")); err != nil {
		t.Fatal(err)
	}
	unnamed := errors.New("an error without a name")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		db   *perdure.DB
		args []any
		want error
		text string
	}{
		{t.Context(), s.DB(0), []any{"INCR", "text"}, perdure.ErrNotInteger, "ERR value is not an integer or out of range"},
		{t.Context(), s.DB(0), []any{"SET", "k", "v", "EX", 0}, perdure.ErrTTL, "ERR invalid expire time in 'set' command"},
		{t.Context(), s.DB(0), []any{"RENAME", "missing", "k"}, perdure.ErrNotFound, "ERR no such key"},
		{t.Context(), s.DB(0), []any{"GET"}, unnamed, "ERR wrong number of arguments for 'get' command"},
		{t.Context(), s.DB(0), []any{"GET", "k", struct{}{}}, perdure.ErrUnsupported, ""},
		{t.Context(), s.DB(0), []any{"MULTI"}, perdure.ErrUnsupported, ""},
		{t.Context(), s.DB(0), []any{"SELECT", 1}, perdure.ErrUnsupported, ""},
		{t.Context(), s.DB(0), nil, perdure.ErrUnsupported, ""},
		{t.Context(), s.DB(2), []any{"GET", "k"}, perdure.ErrDatabase, ""},
		{t.Context(), s.Durable(), []any{"SET", "k", "v"}, perdure.ErrNoAppendLog, ""},
		{ended, s.DB(0), []any{"SET", "k", "v"}, context.Canceled, ""},
	} {
		_, err := c.db.Do(c.ctx, c.args...)
		if err == nil || c.want != unnamed && !errors.Is(err, c.want) {
			t.Errorf("Do(%v) = %v, want %v", c.args, err, c.want)
		}
		var reply *perdure.ReplyError
		if errors.As(err, &reply) != (c.text != "") || reply != nil && reply.Text != c.text {
			t.Errorf("Do(%v) = %v, want the text %q", c.args, err, c.text)
		}
	}
	if n, err := s.Exists("k"); n != 0 || err != nil {
		t.Errorf("Exists after refused commands = %v, %v, want 0", n, err)
	}
}

// TestDoIsLogged reopens a store that Do has changed.
func TestDoIsLogged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, logOnly()...)
	r, err := s.Durable().Do(t.Context(), "SETEX", "k", 100, "v")
	if text, _ := r.Text(); text != "OK" || err != nil {
		t.Fatalf("SETEX = %v, %v, want OK", text, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, logOnly()...)
	if r, err = s.Do(t.Context(), "TTL", "k"); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Int(); n < 1 || n > 100 || err != nil {
		t.Errorf("TTL after reopening = %v, %v, want at most %v", n, err, 100*time.Second)
	}
}

// TestReplyOfAnotherKind calls methods for other kinds of replies.
func TestReplyOfAnotherKind(t *testing.T) {
	s := open(t, t.TempDir())
	null, err := s.Do(t.Context(), "GET", "missing")
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Do(t.Context(), "TYPE", "missing")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := null.Int(); !errors.Is(err, perdure.ErrNotFound) {
		t.Errorf("Int of null = %v, want ErrNotFound", err)
	}
	if _, err := null.Bytes(); !errors.Is(err, perdure.ErrNotFound) || !null.IsNull() {
		t.Errorf("Bytes of null = %v, want ErrNotFound", err)
	}
	if _, err := text.Int(); !errors.Is(err, perdure.ErrNotInteger) {
		t.Errorf("Int of none = %v, want ErrNotInteger", err)
	}
	if _, err := text.Float(); !errors.Is(err, perdure.ErrReplyKind) {
		t.Errorf("Float of none = %v, want ErrReplyKind", err)
	}
	array, err := s.Do(t.Context(), "MGET", "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := array.Int(); !errors.Is(err, perdure.ErrReplyKind) {
		t.Errorf("Int of an array = %v, want ErrReplyKind", err)
	}
	if array.Len() != 2 || !array.At(1).IsNull() {
		t.Errorf("MGET has %d replies, want 2 nulls", array.Len())
	}
}

// TestTxDo executes commands in transactions, of which one is rolled back.
func TestTxDo(t *testing.T) {
	s := open(t, t.TempDir(), logOnly()...)
	if err := s.Set("k", []byte("before")); err != nil {
		t.Fatal(err)
	}
	commands := func(tx *perdure.Tx) {
		for _, args := range [][]any{
			{"SETRANGE", "k", 3, "X"}, {"SETBIT", "far", 400_000 * 8, 1}, {"SETBIT", "far", 1, 1},
			{"RENAME", "k", "l"}, {"APPEND", "l", "!"}, {"BITFIELD", "n", "SET", "u8", 0, 65},
		} {
			if _, err := tx.Do(t.Context(), args...); err != nil {
				t.Fatalf("Do(%v) = %v, want nil", args, err)
			}
		}
		if _, err := tx.Do(t.Context(), "INCR", "l"); !errors.Is(err, perdure.ErrNotInteger) {
			t.Errorf("INCR of a text = %v, want ErrNotInteger", err)
		}
		if _, err := tx.Do(t.Context(), "FLUSHALL"); !errors.Is(err, perdure.ErrUnsupported) {
			t.Errorf("FLUSHALL = %v, want ErrUnsupported", err)
		}
	}
	undone := errors.New("undone")
	if err := s.Update(func(tx *perdure.Tx) error { commands(tx); return undone }); err != undone {
		t.Fatalf("Update = %v, want %v", err, undone)
	}
	if v, err := s.Get("k"); string(v) != "before" || s.Len() != 1 || err != nil {
		t.Errorf("after a rollback, k = %q, %v, and %d keys, want before and 1 key", v, err, s.Len())
	}
	if err := s.UpdateKeys([]string{"k", "l", "far", "n"}, func(tx *perdure.Tx) error {
		commands(tx)
		_, err := tx.Do(t.Context(), "GET", "other")
		if !errors.Is(err, perdure.ErrNotDeclared) {
			t.Errorf("GET of another key = %v, want ErrNotDeclared", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.View(func(tx *perdure.Tx) error {
		r, err := tx.Do(t.Context(), "MGET", "l", "n")
		if err != nil {
			return err
		}
		if got, want := show(r), "array [text befXre!, text A]"; got != want {
			t.Errorf("MGET after a commit = %s, want %s", got, want)
		}
		if _, err := tx.Do(t.Context(), "DEL", "l"); !errors.Is(err, perdure.ErrReadOnly) {
			t.Errorf("DEL in View = %v, want ErrReadOnly", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
