// Package option holds what the options of every package have in common: the one error that all of
// their errors match, and the rules for the name of a file in a data directory.
package option

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
)

// ErrOptions matches every error about an option, whichever package made it.
var ErrOptions = errors.New("perdure: invalid option")

// maxName is the longest name that leaves room for what a store puts before and behind it while it
// writes the file; file systems take 255 bytes.
const maxName = 200

// taken are the names that a data directory has for files of its own.
var taken = []string{"perdure.lock", "appendonlydir", "appendonly.aof"}

// takenPrefixes begin the names of files that a store or a server deletes or sets aside.
var takenPrefixes = []string{"temp-", "before-restore-"}

// FileName refuses a name under which a data directory cannot hold a dump: a path, one that is too
// long, and one that belongs to another file of the store. It compares without regard to case, as
// some file systems do.
func FileName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%q is no file name", name)
	case len(name) > maxName:
		return fmt.Errorf("a name of %d bytes, at most %d", len(name), maxName)
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("%q is a path, want a file name", name)
	case !filepath.IsLocal(name):
		return fmt.Errorf("%q is no file name here", name)
	}
	for i := range len(name) {
		if name[i] < ' ' || name[i] == 0x7f {
			return fmt.Errorf("%q has a control character", name)
		}
	}
	lower := strings.ToLower(name)
	for _, other := range taken {
		if lower == other {
			return fmt.Errorf("%q is the name of another file of the store", name)
		}
	}
	for _, prefix := range takenPrefixes {
		if strings.HasPrefix(lower, prefix) {
			return fmt.Errorf("%q begins with %s, as files do that a store removes or sets aside", name, prefix)
		}
	}
	return nil
}

// IsNil reports whether v, an interface that a caller passed, holds nothing: nil itself or a nil
// pointer.
func IsNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}
