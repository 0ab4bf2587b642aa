package engine

import "strings"

// flushMode checks the optional argument of FLUSHDB and FLUSHALL.
func flushMode(args [][]byte) error {
	if len(args) == 0 {
		return nil
	}
	if mode := strings.ToUpper(string(args[0])); len(args) > 1 || mode != "ASYNC" && mode != "SYNC" {
		return errSyntax
	}
	return nil
}
