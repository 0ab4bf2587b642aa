// Package option contains the common parts of the options of all packages: the error that all
// option errors match, and the rules for the name of a file in a data directory.
package option

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
)

// ErrOptions matches every error about an option, in all packages.
var ErrOptions = errors.New("perdure: invalid option")

// maxName is the maximum length of a file name. It leaves room for the prefix and suffix that a
// store adds while it writes the file; file systems allow 255 bytes.
const maxName = 200

// taken contains the names of a data directory's own files.
var taken = []string{"perdure.lock", "appendonlydir", "appendonly.aof"}

// takenPrefixes contains the prefixes of files that a store or a server deletes or sets aside.
var takenPrefixes = []string{"temp-", "before-restore-"}

// FileName returns an error for a name that a dump in a data directory cannot have: one that
// [BaseName] refuses, or the name of another file of the store. It ignores case, as some file
// systems do.
func FileName(name string) error {
	if err := BaseName(name); err != nil {
		return err
	}
	lower := strings.ToLower(name)
	for _, other := range taken {
		if lower == other {
			return fmt.Errorf("%q is the name of another file of the store", name)
		}
	}
	for _, prefix := range takenPrefixes {
		if strings.HasPrefix(lower, prefix) {
			return fmt.Errorf("%q begins with the reserved prefix %s", name, prefix)
		}
	}
	return nil
}

// BaseName returns an error for a name that no file or directory of a store can have: a path, or a
// name that is too long or has control characters.
func BaseName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%q is not a file name", name)
	case len(name) > maxName:
		return fmt.Errorf("want a name of at most %d bytes, got %d", maxName, len(name))
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("want a file name, got the path %q", name)
	case !filepath.IsLocal(name):
		return fmt.Errorf("%q is not a file name on this system", name)
	}
	for i := range len(name) {
		if name[i] < ' ' || name[i] == 0x7f {
			return fmt.Errorf("%q has a control character", name)
		}
	}
	return nil
}

// IsNil reports whether v, an interface passed by a caller, is nil or contains a nil pointer.
func IsNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}
