package engine

import "strings"

// flushMode checks the one argument that FLUSHDB and FLUSHALL may have.
func flushMode(args [][]byte) error {
	if len(args) == 0 {
		return nil
	}
	if mode := strings.ToUpper(string(args[0])); len(args) > 1 || mode != "ASYNC" && mode != "SYNC" {
		return errSyntax
	}
	return nil
}

func replayFlushDB(x *exec, db int, args [][]byte) error {
	if err := flushMode(args); err != nil {
		return err
	}
	for i := range x.e.table.NumShards() {
		x.dirty += x.e.table.ShardAt(i).Flush(db)
	}
	return nil
}

// replayFlushAll removes every key. Function libraries stay, as in a server.
func replayFlushAll(x *exec, _ int, args [][]byte) error {
	for db := range x.e.table.Databases() {
		if err := replayFlushDB(x, db, args); err != nil {
			return err
		}
	}
	x.e.types.clear()
	return nil
}

// replaySwapDB exchanges two databases.
func replaySwapDB(x *exec, _ int, args [][]byte) error {
	a, err := x.database(args[0])
	if err != nil {
		return err
	}
	b, err := x.database(args[1])
	if err != nil {
		return err
	}
	for i := range x.e.table.NumShards() {
		x.e.table.ShardAt(i).SwapDB(a, b)
	}
	x.dirty++
	return nil
}
