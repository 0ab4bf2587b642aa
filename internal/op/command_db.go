package op

import "strings"

// Clear removes every key of a database. Every shard must be locked.
func (x *Exec) Clear(db int) {
	if x.Watcher != nil {
		x.Watcher.Cleared(db)
	}
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

func flushDB(x *Exec, db int, args [][]byte) error {
	if err := FlushMode(args); err != nil {
		return err
	}
	x.FlushDB(db)
	x.Reply.Line("OK")
	return nil
}

func flushAll(x *Exec, _ int, args [][]byte) error {
	if err := FlushMode(args); err != nil {
		return err
	}
	x.FlushAll()
	x.Reply.Line("OK")
	return nil
}

var (
	errFirstIndex  = clientError("invalid first DB index")
	errSecondIndex = clientError("invalid second DB index")
)

// swapDB exchanges the keys of two databases.
func swapDB(x *Exec, db int, args [][]byte) error {
	if _, err := x.int32(args[0]); err != nil {
		return errFirstIndex
	}
	if _, err := x.int32(args[1]); err != nil {
		return errSecondIndex
	}
	a, err := x.Database(args[0])
	if err != nil {
		return err
	}
	b, err := x.Database(args[1])
	if err != nil {
		return err
	}
	if x.Watcher != nil {
		x.Watcher.Swapped(a, b)
	}
	for i := range x.Store.Table.NumShards() {
		x.Store.Table.ShardAt(i).SwapDB(a, b)
	}
	x.Dirty++
	x.commandWords(db, "SWAPDB", args)
	x.Reply.Line("OK")
	return nil
}

// deleteAll is DEL and UNLINK for a client: the log gets one command.
func deleteAll(x *Exec, db int, args [][]byte) error {
	x.Reply.Int(int64(x.DeleteAll(db, texts(args))))
	return nil
}

// countAll is EXISTS and TOUCH. The store does not record the last access time of a key.
func countAll(x *Exec, db int, args [][]byte) error {
	x.Reply.Int(int64(x.CountExisting(db, texts(args))))
	return nil
}

func texts(args [][]byte) []string {
	all := make([]string, len(args))
	for i, arg := range args {
		all[i] = string(arg)
	}
	return all
}
