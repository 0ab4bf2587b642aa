package op

// hashCommands returns the commands on hashes.
func hashCommands() (commands, queries []Command) {
	commands = []Command{
		{"HSET", -4, firstKey, grow | Fast, 0, hset("hset"), nil},
		{"HMSET", -4, firstKey, grow | Fast, 0, hset("hmset"), nil},
		{"HSETNX", 4, firstKey, grow | Fast, 0, hsetNX, nil},
		{"HDEL", -3, firstKey, Write | Fast, 0, hdel, nil},
		{"HINCRBY", 4, firstKey, grow | Fast, 0, hincrBy, nil},
		{"HINCRBYFLOAT", 4, firstKey, grow | Fast, 0, hincrByFloat, nil},
	}
	queries = []Command{
		{"HGET", 3, firstKey, ReadOnly | Fast, 0, readHash(hget), nil},
		{"HMGET", -3, firstKey, ReadOnly | Fast, 0, readHash(hmget), nil},
		{"HGETALL", 2, firstKey, ReadOnly, 0, readHash(hgetAll), nil},
		{"HKEYS", 2, firstKey, ReadOnly, 0, readHash(hkeys), nil},
		{"HVALS", 2, firstKey, ReadOnly, 0, readHash(hvals), nil},
		{"HLEN", 2, firstKey, ReadOnly | Fast, 0, readHash(hlen), nil},
		{"HEXISTS", 3, firstKey, ReadOnly | Fast, 0, readHash(hexists), nil},
		{"HSTRLEN", 3, firstKey, ReadOnly | Fast, 0, readHash(hstrLen), nil},
		{"HRANDFIELD", -2, firstKey, ReadOnly, 0, hrandField, nil},
		{"HSCAN", -3, firstKey, ReadOnly, 0, scanCollection("hash", hscan), nil},
	}
	return commands, queries
}

// setCommands returns the commands on sets.
func setCommands() (commands, queries []Command) {
	commands = []Command{
		{"SADD", -3, firstKey, grow | Fast, 0, sadd, nil},
		{"SREM", -3, firstKey, Write | Fast, 0, srem, nil},
		{"SPOP", -2, firstKey, Write | Fast, 0, spop, nil},
		{"SMOVE", 4, twoKeys, Write | Fast, 0, nil, smove},
		{"SUNIONSTORE", -3, allKeys, grow, 0, nil, combineInto("SUNIONSTORE", union)},
		{"SINTERSTORE", -3, allKeys, grow, 0, nil, combineInto("SINTERSTORE", intersection)},
		{"SDIFFSTORE", -3, allKeys, grow, 0, nil, combineInto("SDIFFSTORE", difference)},
	}
	queries = []Command{
		{"SMEMBERS", 2, firstKey, ReadOnly, 0, readSet(smembers), nil},
		{"SCARD", 2, firstKey, ReadOnly | Fast, 0, readSet(scard), nil},
		{"SISMEMBER", 3, firstKey, ReadOnly | Fast, 0, readSet(sisMember), nil},
		{"SMISMEMBER", -3, firstKey, ReadOnly | Fast, 0, readSet(smisMember), nil},
		{"SRANDMEMBER", -2, firstKey, ReadOnly, 0, srandMember, nil},
		{"SUNION", -2, allKeys, ReadOnly, 0, nil, combineOf(union)},
		{"SINTER", -2, allKeys, ReadOnly, 0, nil, combineOf(intersection)},
		{"SDIFF", -2, allKeys, ReadOnly, 0, nil, combineOf(difference)},
		{"SINTERCARD", -3, KeySpec{Count: 1}, ReadOnly, 0, nil, sinterCard},
		{"SSCAN", -3, firstKey, ReadOnly, 0, scanCollection("set", sscan), nil},
	}
	return commands, queries
}

// listCommands returns the commands on lists.
func listCommands() (commands, queries []Command) {
	commands = []Command{
		{"LPUSH", -3, firstKey, grow | Fast, 0, push("LPUSH", true, false), nil},
		{"RPUSH", -3, firstKey, grow | Fast, 0, push("RPUSH", false, false), nil},
		{"LPUSHX", -3, firstKey, grow | Fast, 0, push("LPUSHX", true, true), nil},
		{"RPUSHX", -3, firstKey, grow | Fast, 0, push("RPUSHX", false, true), nil},
		{"LPOP", -2, firstKey, Write | Fast, 0, pop("LPOP", true), nil},
		{"RPOP", -2, firstKey, Write | Fast, 0, pop("RPOP", false), nil},
		{"LSET", 4, firstKey, grow, 0, lset, nil},
		{"LINSERT", 5, firstKey, grow, 0, linsert, nil},
		{"LREM", 4, firstKey, Write, 0, lrem, nil},
		{"LTRIM", 4, firstKey, Write, 0, ltrim, nil},
		{"LMOVE", 5, twoKeys, grow, 0, nil, lmove(false)},
		{"BLMOVE", 6, twoKeys, grow, 0, nil, lmove(true)},
		{"RPOPLPUSH", 3, twoKeys, grow, 0, nil, rpopLPush(false)},
		{"BRPOPLPUSH", 4, twoKeys, grow, 0, nil, rpopLPush(true)},
		{"LMPOP", -4, KeySpec{Count: 1}, Write, 0, nil, lmpop(false)},
		{"BLMPOP", -5, KeySpec{Count: 2}, Write, 0, nil, lmpop(true)},
		{"BLPOP", -3, KeySpec{1, -2, 1, 0}, Write, 0, nil, bpop(true)},
		{"BRPOP", -3, KeySpec{1, -2, 1, 0}, Write, 0, nil, bpop(false)},
	}
	queries = []Command{
		{"LLEN", 2, firstKey, ReadOnly | Fast, 0, llen, nil},
		{"LINDEX", 3, firstKey, ReadOnly, 0, lindex, nil},
		{"LRANGE", 4, firstKey, ReadOnly, 0, lrange, nil},
		{"LPOS", -3, firstKey, ReadOnly, 0, lpos, nil},
	}
	return commands, queries
}
