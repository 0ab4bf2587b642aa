package errtext_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/snapshot"
)

func TestNamedErrorBeginsWithOnePrefix(t *testing.T) {
	sentinel := errors.New("perdure: closed")
	for _, c := range []struct {
		err  error
		is   error
		want string
	}{
		{sentinel, sentinel, "perdure: closed"},
		{fs.ErrNotExist, fs.ErrNotExist, "perdure: file does not exist"},
		{fmt.Errorf("a.rdb: %w", sentinel), sentinel, "perdure: a.rdb: closed"},
		{fmt.Errorf("%w: %w", sentinel, sentinel), sentinel, "perdure: closed: closed"},
		{errors.Join(sentinel, fs.ErrExist, sentinel), fs.ErrExist, "perdure: closed\nfile already exists\nclosed"},
	} {
		once := errtext.Named(c.err)
		for _, err := range []error{once, errtext.Named(once)} {
			if err.Error() != c.want || !errors.Is(err, c.is) {
				t.Errorf("Named(%q) = %q, want %q matching %q", c.err, err, c.want, c.is)
			}
		}
		if got, want := errtext.Trim(once), c.want[len("perdure: "):]; got != want {
			t.Errorf("Trim(%q) = %q, want %q", once, got, want)
		}
	}
}

func TestNamedKeepsNilAndEOF(t *testing.T) {
	for _, err := range []error{nil, io.EOF} {
		if got := errtext.Named(err); got != err {
			t.Errorf("Named(%v) = %v, want it unchanged", err, got)
		}
	}
}

func TestNameFollowsFileNameSetLater(t *testing.T) {
	damage := &snapshot.CorruptError{Offset: 7, What: "want 1, found 2"}
	err := error(damage)
	errtext.Name(&err)
	damage.SetFile("a.rdb")
	if want := "perdure: a.rdb: offset 7: want 1, found 2"; err.Error() != want {
		t.Errorf("error = %q, want %q", err, want)
	}
}
