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
		{"HGETALL", 2, firstKey, ReadOnly | Walks, 0, readHash(hgetAll), nil},
		{"HKEYS", 2, firstKey, ReadOnly | Walks, 0, readHash(hkeys), nil},
		{"HVALS", 2, firstKey, ReadOnly | Walks, 0, readHash(hvals), nil},
		{"HLEN", 2, firstKey, ReadOnly | Fast, 0, readHash(hlen), nil},
		{"HEXISTS", 3, firstKey, ReadOnly | Fast, 0, readHash(hexists), nil},
		{"HSTRLEN", 3, firstKey, ReadOnly | Fast, 0, readHash(hstrLen), nil},
		{"HRANDFIELD", -2, firstKey, ReadOnly | Walks, 0, random("WITHVALUES", hrandField), nil},
		{"HSCAN", -3, firstKey, ReadOnly | Walks, 0, scanCollection("hash", hscan), nil},
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
		{"SUNIONSTORE", -3, allKeys, grow | Walks, 0, nil, combineInto("SUNIONSTORE", union)},
		{"SINTERSTORE", -3, allKeys, grow | Walks, 0, nil, combineInto("SINTERSTORE", intersection)},
		{"SDIFFSTORE", -3, allKeys, grow | Walks, 0, nil, combineInto("SDIFFSTORE", difference)},
	}
	queries = []Command{
		{"SMEMBERS", 2, firstKey, ReadOnly | Walks, 0, readSet(smembers), nil},
		{"SCARD", 2, firstKey, ReadOnly | Fast, 0, readSet(scard), nil},
		{"SISMEMBER", 3, firstKey, ReadOnly | Fast, 0, readSet(sisMember), nil},
		{"SMISMEMBER", -3, firstKey, ReadOnly | Fast, 0, readSet(smisMember), nil},
		{"SRANDMEMBER", -2, firstKey, ReadOnly | Walks, 0, random("", srandMember), nil},
		{"SUNION", -2, allKeys, ReadOnly | Walks, 0, nil, combineOf(union)},
		{"SINTER", -2, allKeys, ReadOnly | Walks, 0, nil, combineOf(intersection)},
		{"SDIFF", -2, allKeys, ReadOnly | Walks, 0, nil, combineOf(difference)},
		{"SINTERCARD", -3, KeySpec{Count: 1}, ReadOnly | Walks, 0, nil, sinterCard},
		{"SSCAN", -3, firstKey, ReadOnly | Walks, 0, scanCollection("set", sscan), nil},
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
		{"LINSERT", 5, firstKey, grow | Walks, 0, linsert, nil},
		{"LREM", 4, firstKey, Write | Walks, 0, lrem, nil},
		{"LTRIM", 4, firstKey, Write, 0, ltrim, nil},
		{"LMOVE", 5, twoKeys, grow, 0, nil, lmove(false)},
		{"BLMOVE", 6, twoKeys, grow | Blocking, 0, nil, lmove(true)},
		{"RPOPLPUSH", 3, twoKeys, grow, 0, nil, rpopLPush(false)},
		{"BRPOPLPUSH", 4, twoKeys, grow | Blocking, 0, nil, rpopLPush(true)},
		{"LMPOP", -4, KeySpec{Count: 1}, Write, 0, nil, lmpop(false)},
		{"BLMPOP", -5, KeySpec{Count: 2}, Write | Blocking, 0, nil, lmpop(true)},
		{"BLPOP", -3, KeySpec{1, -2, 1, 0}, Write | Blocking, 0, nil, bpop(true)},
		{"BRPOP", -3, KeySpec{1, -2, 1, 0}, Write | Blocking, 0, nil, bpop(false)},
	}
	queries = []Command{
		{"LLEN", 2, firstKey, ReadOnly | Fast, 0, llen, nil},
		{"LINDEX", 3, firstKey, ReadOnly, 0, lindex, nil},
		{"LRANGE", 4, firstKey, ReadOnly | Walks, 0, lrange, nil},
		{"LPOS", -3, firstKey, ReadOnly | Walks, 0, lpos, nil},
	}
	return commands, queries
}

// sortedSetCommands returns the commands on sorted sets.
func sortedSetCommands() (commands, queries []Command) {
	const write = Write | Fast
	commands = []Command{
		{"ZADD", -4, firstKey, grow | Fast, 0, zadd("ZADD", false), nil},
		{"ZINCRBY", 4, firstKey, grow | Fast, 0, zadd("ZINCRBY", true), nil},
		{"ZREM", -3, firstKey, write, 0, zrem, nil},
		{"ZREMRANGEBYRANK", 4, firstKey, Write, 0, zremRange("ZREMRANGEBYRANK", byRank), nil},
		{"ZREMRANGEBYSCORE", 4, firstKey, Write, 0, zremRange("ZREMRANGEBYSCORE", byScore), nil},
		{"ZREMRANGEBYLEX", 4, firstKey, Write, 0, zremRange("ZREMRANGEBYLEX", byLex), nil},
		{"ZPOPMIN", -2, firstKey, write, 0, zpop(true), nil},
		{"ZPOPMAX", -2, firstKey, write, 0, zpop(false), nil},
		{"ZMPOP", -4, KeySpec{Count: 1}, Write, 0, nil, zmpop(false)},
		{"BZMPOP", -5, KeySpec{Count: 2}, Write | Blocking, 0, nil, zmpop(true)},
		{"BZPOPMIN", -3, KeySpec{1, -2, 1, 0}, write | Blocking, 0, nil, bzpop(true)},
		{"BZPOPMAX", -3, KeySpec{1, -2, 1, 0}, write | Blocking, 0, nil, bzpop(false)},
		{"ZRANGESTORE", -5, twoKeys, grow | Walks, 0, nil, zrangeStore},
		{"ZUNIONSTORE", -4, KeySpec{1, 1, 1, 2}, grow | Walks, 0, nil, zcombine(combining{name: "ZUNIONSTORE", members: zunionMembers, store: true})},
		{"ZINTERSTORE", -4, KeySpec{1, 1, 1, 2}, grow | Walks, 0, nil, zcombine(combining{name: "ZINTERSTORE", members: zinterMembers, store: true})},
		{"ZDIFFSTORE", -4, KeySpec{1, 1, 1, 2}, grow | Walks, 0, nil, zcombine(combining{name: "ZDIFFSTORE", members: zdiffMembers, diff: true, store: true})},
	}
	const fast = ReadOnly | Fast
	queries = []Command{
		{"ZCARD", 2, firstKey, fast, 0, readSortedSet(zcard), nil},
		{"ZSCORE", 3, firstKey, fast, 0, readSortedSet(zscore), nil},
		{"ZMSCORE", -3, firstKey, fast, 0, readSortedSet(zmscore), nil},
		{"ZRANK", 3, firstKey, fast, 0, readSortedSet(zrank), nil},
		{"ZREVRANK", 3, firstKey, fast, 0, readSortedSet(zrevRank), nil},
		{"ZCOUNT", 4, firstKey, fast, 0, zcount(byScore), nil},
		{"ZLEXCOUNT", 4, firstKey, fast, 0, zcount(byLex), nil},
		{"ZRANDMEMBER", -2, firstKey, ReadOnly | Walks, 0, random("WITHSCORES", zrandMember), nil},
		{"ZSCAN", -3, firstKey, ReadOnly | Walks, 0, scanCollection("zset", zscan), nil},
		{"ZRANGE", -4, firstKey, ReadOnly | Walks, 0, zrange(zrangeOptions{}), nil},
		{"ZREVRANGE", -4, firstKey, ReadOnly | Walks, 0, zrange(zrangeOptions{span: byRank, byRank: true, reverse: true, fixed: true}), nil},
		{"ZRANGEBYSCORE", -4, firstKey, ReadOnly | Walks, 0, zrange(zrangeOptions{span: byScore, fixed: true}), nil},
		{"ZREVRANGEBYSCORE", -4, firstKey, ReadOnly | Walks, 0, zrange(zrangeOptions{span: byScore, reverse: true, fixed: true}), nil},
		{"ZRANGEBYLEX", -4, firstKey, ReadOnly | Walks, 0, zrange(zrangeOptions{span: byLex, byLex: true, fixed: true}), nil},
		{"ZREVRANGEBYLEX", -4, firstKey, ReadOnly | Walks, 0, zrange(zrangeOptions{span: byLex, byLex: true, reverse: true, fixed: true}), nil},
		{"ZUNION", -3, KeySpec{Count: 1}, ReadOnly | Walks, 0, nil, zcombine(combining{name: "ZUNION", members: zunionMembers})},
		{"ZINTER", -3, KeySpec{Count: 1}, ReadOnly | Walks, 0, nil, zcombine(combining{name: "ZINTER", members: zinterMembers})},
		{"ZDIFF", -3, KeySpec{Count: 1}, ReadOnly | Walks, 0, nil, zcombine(combining{name: "ZDIFF", members: zdiffMembers, diff: true})},
		{"ZINTERCARD", -3, KeySpec{Count: 1}, ReadOnly | Walks, 0, nil, zcombine(combining{name: "ZINTERCARD", members: zinterMembers, number: true})},
	}
	return commands, queries
}
