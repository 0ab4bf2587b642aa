// Package storecheck opens stores for tests and checks what they contain. The tests of the root
// package and of internal/integration share it.
package storecheck

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
)

// Open opens the store in dir. It is closed when the test ends.
func Open(t testing.TB, dir string, opts ...perdure.Option) *perdure.Store {
	t.Helper()
	s, err := perdure.Open(dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Memory returns a store without files. It is closed when the test ends.
func Memory(t testing.TB) *perdure.Store {
	t.Helper()
	s, err := perdure.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// OK fails the test on an error.
func OK(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Is fails the test unless err matches target.
func Is(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error = %v, want %v", err, target)
	}
}

// Want fails the test unless the key holds value.
func Want(t testing.TB, s interface{ Get(string) ([]byte, error) }, key, value string) {
	t.Helper()
	got, err := s.Get(key)
	if err != nil {
		t.Fatalf("Get(%q) = %v, want nil", key, err)
	}
	if string(got) != value {
		t.Fatalf("Get(%q) = %q, want %q", key, got, value)
	}
}

// Absent fails the test if the key exists.
func Absent(t testing.TB, s interface{ Get(string) ([]byte, error) }, key string) {
	t.Helper()
	if got, err := s.Get(key); !errors.Is(err, perdure.ErrNotFound) {
		t.Fatalf("Get(%q) = %q, %v; want ErrNotFound", key, got, err)
	}
}

// SnapshotsOnly returns the options of a store without a log that saves only on request.
func SnapshotsOnly() []perdure.Option {
	return []perdure.Option{perdure.WithoutAppendLog(), perdure.WithSaveRules()}
}

// LogOnly returns the options of a store with a log that saves no snapshot.
func LogOnly(o ...aof.Option) []perdure.Option {
	return []perdure.Option{perdure.WithAppendLog(aof.New(o...)), perdure.WithSaveRules()}
}

// Frame returns one command as a log contains it. Its words may have any bytes.
func Frame(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b.String()
}

// Frames returns commands as a log contains them. The words of each are separated by spaces.
func Frames(commands ...string) string {
	var b strings.Builder
	for _, c := range commands {
		b.WriteString(Frame(strings.Fields(c)...))
	}
	return b.String()
}
