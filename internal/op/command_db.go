package op

import "strings"

// Clear removes every key of a database. Every shard must be locked.
func (x *Exec) Clear(db int) {
	for i := range x.Store.Table.NumShards() {
		x.Dirty += x.Store.Table.ShardAt(i).Flush(db)
	}
}

// FlushDB removes every key of a database. Every shard must be locked.
func (x *Exec) FlushDB(db int) {
	x.Clear(db)
	x.commandNone(db, "FLUSHDB")
}

// FlushAll removes every key of every database. Function libraries stay, as in Redis. Every shard
// must be locked.
func (x *Exec) FlushAll() {
	for db := range x.Store.Table.Databases() {
		x.Clear(db)
	}
	x.Store.Types.Clear()
	x.commandNone(0, "FLUSHALL")
}

// FlushMode checks the optional argument of FLUSHDB and FLUSHALL.
func FlushMode(args [][]byte) error {
	if len(args) == 0 {
		return nil
	}
	if mode := strings.ToUpper(string(args[0])); len(args) > 1 || mode != "ASYNC" && mode != "SYNC" {
		return errSyntax
	}
	return nil
}
