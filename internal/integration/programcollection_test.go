package integration_test

import "strconv"

// member returns a field of a hash, or a member of a set.
func (p *program) member() string {
	if p.rng.IntN(8) == 0 {
		return p.value()
	}
	return p.one("f", "g", "h", "1", "2", "-70000", "300") + p.one("", "", "x")
}

// collection adds a command on a collection.
func (p *program) collection(k string) {
	switch p.rng.IntN(4) {
	case 0:
		p.hash("h" + k)
	case 1:
		p.set("s" + k)
	case 2:
		p.list("l" + k)
	case 3:
		p.sortedSet("z" + k)
	}
}

// hash adds a command on a hash.
func (p *program) hash(k string) {
	switch p.rng.IntN(6) {
	case 0, 1:
		p.add("HSET", k, p.member(), p.value(), p.member(), p.value())
	case 2:
		p.add(p.one("HMSET", "HSETNX", "HSET"), k, p.member(), p.value())
	case 3:
		p.add("HDEL", k, p.member(), p.member())
	case 4:
		p.add("HINCRBY", k, p.member(), strconv.Itoa(p.rng.IntN(100)-50))
	case 5:
		p.add("HINCRBYFLOAT", k, p.member(), p.one("0.1", "-3", "1e3", "0.000001"))
	}
}

// set adds a command on sets.
func (p *program) set(k string) {
	other, third := p.one("sc0", "sc1", "sc2"), p.one("sc0", "sc1", "sc2")
	switch p.rng.IntN(8) {
	case 0, 1:
		p.add("SADD", k, p.member(), p.member())
	case 2:
		p.add("SADD", k, strconv.Itoa(p.rng.IntN(100)), p.number())
	case 3:
		p.add("SREM", k, p.member(), p.member())
	case 4:
		p.add("SMOVE", k, other, p.member())
	case 5:
		p.add(p.one("SUNIONSTORE", "SINTERSTORE", "SDIFFSTORE"), k, other, third)
	case 6:
		if p.past { // the commands as sent are not replayed
			p.add("SPOP", k, p.one("1", "2"))
		}
		p.add("SPOP", other, "100000")
	case 7:
		p.add(p.one("EXPIREAT", "PEXPIREAT"), k, "4102444800000")
	}
}

// list adds a command on lists.
func (p *program) list(k string) {
	other := p.one("lc0", "lc1", "lc2")
	switch p.rng.IntN(12) {
	case 0, 1, 2:
		p.add(p.one("LPUSH", "RPUSH"), k, p.member(), p.value())
	case 3:
		p.add(p.one("LPUSHX", "RPUSHX"), k, p.member())
	case 4:
		p.add(p.one("LPOP", "RPOP"), k)
	case 5:
		p.add(p.one("LPOP", "RPOP"), k, strconv.Itoa(p.rng.IntN(3)))
	case 6:
		p.add("LSET", k, strconv.Itoa(p.rng.IntN(6)-3), p.value())
	case 7:
		p.add("LINSERT", k, p.one("BEFORE", "after"), p.member(), p.value())
	case 8:
		p.add("LREM", k, strconv.Itoa(p.rng.IntN(5)-2), p.member())
	case 9:
		p.add("SORT", k, "ALPHA", "LIMIT", "0", "5", "STORE", other)
		p.add("LTRIM", k, strconv.Itoa(p.rng.IntN(3)), "-2")
	case 10:
		p.add("RPOPLPUSH", k, other)
		p.add("LMOVE", k, other, p.one("LEFT", "RIGHT"), p.one("LEFT", "right"))
	case 11:
		p.add("LMPOP", "2", other, k, p.one("LEFT", "RIGHT"), "COUNT", "2")
	}
}

// score returns a score that is not NaN.
func (p *program) score() string {
	return p.one("0", "1", "-1.5", "2", "3e9", "0.1", "inf", "-inf", strconv.FormatFloat(p.rng.NormFloat64(), 'g', -1, 64))
}

// sortedSet adds a command on sorted sets.
func (p *program) sortedSet(k string) {
	other := p.one("zc0", "zc1", "zc2", "sc0")
	switch p.rng.IntN(13) {
	case 0, 1, 2:
		p.add("ZADD", k, p.score(), p.member(), p.score(), p.member())
	case 3:
		p.add("ZADD", k, p.one("NX", "XX", "GT", "LT"), "CH", p.score(), p.member())
	case 4:
		p.add("ZADD", k, "INCR", p.one("0.1", "-3"), p.member())
	case 5:
		p.add("ZINCRBY", k, p.one("0.1", "1e3"), p.member())
	case 6:
		p.add("ZREM", k, p.member(), p.member())
	case 7:
		p.add("ZREMRANGEBYRANK", k, "0", strconv.Itoa(p.rng.IntN(3)))
		p.add("ZREMRANGEBYSCORE", k, "(0", p.score())
	case 8:
		p.add(p.one("ZPOPMIN", "ZPOPMAX"), k)
		p.add(p.one("ZPOPMIN", "ZPOPMAX"), k, strconv.Itoa(p.rng.IntN(3)))
	case 9:
		p.add("ZMPOP", "2", other, k, p.one("MIN", "max"), "COUNT", "2")
	case 10:
		p.add("ZRANGESTORE", k, other, "0", "-2", p.one("REV", "rev"))
	case 11:
		p.add(p.one("ZUNIONSTORE", "ZINTERSTORE"), k, "2", other, p.one("zc0", "sc1"), "WEIGHTS", "2", "-0.5", "AGGREGATE", p.one("SUM", "MIN", "max"))
	case 12:
		p.add("ZDIFFSTORE", k, "2", other, p.one("zc0", "sc1"))
	}
}
