package op

// Commands lists the commands that Redis and Valkey write to a log, the forms that older servers
// wrote, and the other commands that a server may replay. Other programs and people write logs too.
// Relative expiries count from the time of loading, as in a server.
var Commands []Command

// queries lists the commands that only read.
var queries []Command

// byName maps names to the commands of Commands, and queryByName to those of queries.
var byName, queryByName map[string]*Command

// grow are the flags of a command that can need more memory.
const grow = Write | DenyOOM

func init() { // the functions of the tables use variables of this package
	Commands, queries = stringCommands(), stringQueries()
	for _, tables := range []func() (commands, queries []Command){hashCommands, setCommands, listCommands, sortedSetCommands} {
		c, q := tables()
		Commands, queries = append(Commands, c...), append(queries, q...)
	}
	byName, queryByName = index(Commands), index(queries)
	for i := range Commands {
		mostWords = append(mostWords, Commands[i].wordsOfOne())
	}
}

// stringCommands returns the commands on strings, keys, and databases that change them.
func stringCommands() []Command {
	return []Command{
		{"SET", -3, firstKey, grow | Small, 0, set, nil},
		{"SETNX", 3, firstKey, grow | Fast | Small, 0, call(SetIfAbsent, takeValue, replyDid), nil},
		{"SETEX", 4, firstKey, grow | Small, 0, setEx("EX"), nil},
		{"PSETEX", 4, firstKey, grow | Small, 0, setEx("PX"), nil},
		{"GETSET", 3, firstKey, grow | Fast | Small, 0, getSet, nil},
		{"GETDEL", 2, firstKey, Write | Fast | Small, 0, getDel, nil},
		{"DELIFEQ", 3, firstKey, Write | LogOnly, 0, replayDelIfEq, nil},
		{"DELEX", -2, firstKey, Write | LogOnly, 0, replayDelEx, nil},
		{"GETEX", -2, firstKey, Write | Fast, 0, getEx, nil},
		{"APPEND", 3, firstKey, grow | Fast | Small, 0, call(Append, takeValue, replyResult), nil},
		{"SETRANGE", 4, firstKey, grow, 0, setRange, nil},
		{"MSET", -3, pairKeys, grow, 0, set, mset},
		{"MSETNX", -3, pairKeys, grow, 0, nil, msetNX},
		{"MSETEX", -4, noKey, grow | LogOnly, 0, nil, replayMSetEx}, // an argument counts its keys

		{"INCR", 2, firstKey, grow | Fast | Small, 0, counter(Incr), nil},
		{"DECR", 2, firstKey, grow | Fast | Small, 0, counter(Decr), nil},
		{"INCRBY", 3, firstKey, grow | Fast | Small, 0, counter(IncrBy), nil},
		{"DECRBY", 3, firstKey, grow | Fast | Small, 0, counter(DecrBy), nil},
		{"INCRBYFLOAT", 3, firstKey, grow | Fast, 0, incrByFloat, nil},
		{"INCREX", -2, firstKey, grow | LogOnly, 0, replayIncrEx, nil},

		{"SETBIT", 4, firstKey, grow, 0, setBit, nil},
		{"BITFIELD", -2, firstKey, grow, 0, bitField("BITFIELD"), nil},
		{"BITOP", -4, KeySpec{2, -1, 1, 0}, grow, 0, nil, bitOpTo},

		{"EXPIRE", -3, firstKey, Write | Fast | Small, 0, expireIn("EX"), nil},
		{"PEXPIRE", -3, firstKey, Write | Fast | Small, 0, expireIn("PX"), nil},
		{"EXPIREAT", -3, firstKey, Write | Fast | Small, 0, expireIn("EXAT"), nil},
		{"PEXPIREAT", -3, firstKey, Write | Fast | Small, 0, expireIn("PXAT"), nil},
		{"PERSIST", 2, firstKey, Write | Fast | Small, 0, call(Persist, nil, replyDid), nil},

		{"DEL", -2, allKeys, Write, 0, call(Delete, nil, nil), deleteAll},
		{"UNLINK", -2, allKeys, Write | Fast, 0, call(Delete, nil, nil), deleteAll},
		{"TOUCH", -2, allKeys, ReadOnly | Fast, 0, replayTouch, countAll},
		{"RENAME", 3, twoKeys, Write, 0, nil, rename},
		{"RENAMENX", 3, twoKeys, Write | Fast, 0, nil, renameNX},
		{"COPY", -3, twoKeys, grow | Walks, 0, nil, copyTo},
		{"MOVE", 3, firstKey, Write | Fast, 0, move, nil},
		{"RESTORE", -4, firstKey, grow, 0, restore, nil},
		{"RESTORE-ASKING", -4, firstKey, grow, 0, restore, nil},

		{"SORT", -2, firstKey, grow | Movable | Walks, 0, nil, sortOf(false)},

		{"SWAPDB", 3, noKey, Write | Fast, 0, nil, swapDB}, // replayed by the engine
		{"FLUSHDB", -1, noKey, Write, 0, nil, flushDB},
		{"FLUSHALL", -1, noKey, Write, 0, nil, flushAll},
	}
}

// stringQueries returns the commands on strings, keys, and databases that only read.
func stringQueries() []Command {
	return []Command{
		{"GET", 2, firstKey, ReadOnly | Fast | Small, 0, get, nil},
		{"MGET", -2, allKeys, ReadOnly | Fast, 0, nil, mget},
		{"STRLEN", 2, firstKey, ReadOnly | Fast | Small, 0, strLen, nil},
		{"GETRANGE", 4, firstKey, ReadOnly, 0, getRange, nil},
		{"SUBSTR", 4, firstKey, ReadOnly, 0, getRange, nil},
		{"LCS", -3, twoKeys, ReadOnly | Unlocked, 0, nil, lcs},

		{"GETBIT", 3, firstKey, ReadOnly | Fast, 0, getBit, nil},
		{"BITCOUNT", -2, firstKey, ReadOnly, 0, bitCount, nil},
		{"BITPOS", -3, firstKey, ReadOnly, 0, bitPos, nil},
		{"BITFIELD_RO", -2, firstKey, ReadOnly | Fast, 0, bitField("BITFIELD_RO"), nil},

		{"EXISTS", -2, allKeys, ReadOnly | Fast, 0, nil, countAll},
		{"TYPE", 2, firstKey, ReadOnly | Fast | Small, 0, typeOf, nil},
		{"TTL", 2, firstKey, ReadOnly | Fast | Small, 0, ttl(1000, false), nil},
		{"PTTL", 2, firstKey, ReadOnly | Fast | Small, 0, ttl(1, false), nil},
		{"EXPIRETIME", 2, firstKey, ReadOnly | Fast | Small, 0, ttl(1000, true), nil},
		{"PEXPIRETIME", 2, firstKey, ReadOnly | Fast | Small, 0, ttl(1, true), nil},
		{"DUMP", 2, firstKey, ReadOnly | Walks, 0, dump, nil},
		{"OBJECT", -2, KeySpec{2, 2, 1, 0}, ReadOnly, 0, nil, object},

		{"SORT_RO", -2, firstKey, ReadOnly | Movable | Walks, 0, nil, sortOf(true)},
		{"KEYS", 2, noKey, ReadOnly | Unlocked, 0, nil, keys},
		{"SCAN", -2, noKey, ReadOnly | Unlocked, 0, nil, scan},
		{"RANDOMKEY", 1, noKey, ReadOnly | Unlocked, 0, nil, randomKey},
		{"DBSIZE", 1, noKey, ReadOnly | Fast | Unlocked, 0, nil, dbSize},
	}
}

// index numbers the commands of a table and maps their names to them.
func index(table []Command) map[string]*Command {
	names := make(map[string]*Command, len(table))
	for i := range table {
		table[i].Number = i
		names[table[i].Name] = &table[i]
	}
	return names
}

// Lookup returns the command that a client names, in capital letters, or nil.
func Lookup(name string) *Command {
	if c := byName[name]; c != nil && c.Flags&LogOnly == 0 {
		return c
	}
	return queryByName[name]
}

// ForClients returns the commands that a client can send.
func ForClients() (all []*Command) {
	for _, table := range [][]Command{Commands, queries} {
		for i := range table {
			if table[i].Flags&LogOnly == 0 {
				all = append(all, &table[i])
			}
		}
	}
	return all
}
