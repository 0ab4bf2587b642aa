package integration_test

// replayedCollections contains logs of the commands on collections. $list is the payload of a list.
var replayedCollections = map[string][]string{
	"hashes": {
		"HSET a f v g 5", "hset a f w", "HMSET a h x i -70000", "HSETNX a f no", "HSETNX a j 1", "HDEL a g none", "HSET gone f 1", "HDEL gone f",
		"HINCRBY a j 41", "HINCRBY a new -9223372036854775808", "HINCRBYFLOAT a k 0.1", "HINCRBYFLOAT a k 3.0e3", "HSET a | |",
		"PEXPIREAT a 4102444800000", "HSET a late 1", "COPY a b", "HDEL b f", "RENAME b c", "MOVE c 12", "HDEL none f",
	},
	"sets": {
		"SADD a 1 2 70000", "sadd a x 3", "SADD b 1 -1 5000000000", "SREM b -1 none", "SADD gone 1", "SREM gone 1 2", "SMOVE a b x", "SMOVE b gone x", "SMOVE b b 1",
		"SADD c x y", "SUNIONSTORE d a b c none", "SINTERSTORE e a b", "SDIFFSTORE f a b c", "SET g 1 PXAT 4102444800000", "SINTERSTORE g a c", "SUNIONSTORE h a",
		"PEXPIREAT h 4102444800000", "SADD h late", "SPOP c 5", "COPY a i", "SADD i " + long, "SREM i 2",
	},
	"lists": {
		"RPUSH a 1 -70000 x", "lpush a | y", "LPUSHX a z", "RPUSHX none z", "LPOP a", "RPOP a 1", "RPUSH a b c d b", "LPOP a 2", "LSET a -1 " + long, "LSET a 0 first",
		"LINSERT a BEFORE c new", "LINSERT a after none new", "RPUSH b 1 2 1 3 1", "LREM b -2 1", "LREM b 0 9", "LTRIM b 0 1", "RPUSH gone 1", "LTRIM gone 5 9",
		"RPUSH c 1 2 3", "LMOVE c d LEFT RIGHT", "RPOPLPUSH c c", "RPOPLPUSH c d", "LMOVE c d RIGHT LEFT", "PEXPIREAT d 4102444800000", "RPUSH d late", "RPOP d 0",
		"RESTORE l 0 $list", "RPUSH l c", "LPOP l", "RPUSH s 1", "RPOP s", "LMPOP 2 none a RIGHT COUNT 1", "BLPOP none b 0", "COPY a e", "RPUSH e 1",
	},
	"sorted sets": {
		"ZADD a 1 x 2.5 y -inf z", "zadd a NX 9 x 3 n", "ZADD a XX CH 4 x 4 none", "ZADD a GT 1 x", "ZADD a INCR 0.1 x", "ZINCRBY a 0.2 x", "ZREM a y none", "ZADD a inf i 1e17 l 5 5",
		"ZADD gone 1 a", "ZREM gone a", "ZADD b 0 a 0 b 0 c 0 d", "ZREMRANGEBYLEX b (a [b", "ZREMRANGEBYRANK b 0 0", "ZREMRANGEBYSCORE a (5 +inf", "ZPOPMIN a", "ZPOPMAX a 1", "zpopmin none",
		"ZADD c 1 p 2 q 3 r", "ZMPOP 2 none c MAX COUNT 1", "BZPOPMIN none c 0", "SADD s q v", "ZADD d 1 q 2 w", "ZUNIONSTORE e 3 c d s WEIGHTS 1 2 0.5 AGGREGATE MAX", "ZINTERSTORE f 2 d s",
		"ZDIFFSTORE g 2 e s", "ZRANGESTORE h e 0 1 REV", "ZRANGESTORE i e (0 9 BYSCORE LIMIT 0 1", "SET j 1", "ZDIFFSTORE j 2 s s", "ZADD k 1 " + long, "ZADD k 0.1 m", "PEXPIREAT k 4102444800000",
	},
	"SORT": {
		"RPUSH a 3 1 2 10 -5", "SADD s c a b", "ZADD z 1 x 2 y", "MSET w_1 9 w_2 8 w_3 7 w_10 1 w_-5 2", "HSET h_1 f one", "SORT a STORE b", "SORT a DESC ALPHA LIMIT 1 2 STORE c", "SORT none STORE c",
		"sort a by w_* get # get h_*->f store d", "SORT s BY nosort STORE e", "SORT z BY nosort DESC STORE f", "SORT a BY w_* LIMIT 0 3 STORE g", "SET i 1 PXAT 4102444800000", "SORT a STORE i",
	},
	"geographic positions": {"zadd g 3479099956230698 Palermo", "zadd g NX CH 3479447370796909 Catania"},
	"large hashes": {
		"HSET a f " + long, "HSET a " + long + " 1", "HSET a g 2", "HINCRBY a g 1", "HDEL a f",
	},
}

// long is a value that is above the limit of a small collection.
const long = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
