package rdb

import (
	"fmt"

	"github.com/perduredb/perdure/snapshot"
)

// A dump is a head, records, and an end:
//
//	dump   = magic record* 255 crc          crc: 8 bytes little-endian, from version 5
//	magic  = "REDIS" 4 digits | "VALKEY" 3 digits
//	record = 250 string string              aux: name, value
//	       | 245 string                     a function library
//	       | 247 module-id module-stream    auxiliary data of a module
//	       | 254 length                     the database of the following keys; 0 before the first
//	       | 251 length length              numbers of its keys and of keys with an expiry: a hint
//	       | 244 length length length       cluster slot: a hint
//	       | attribute* type string value   a key
//	attribute = 252 8 bytes                 expiry, Unix milliseconds, signed little-endian; -1 none
//	          | 253 4 bytes                 expiry, Unix seconds, signed little-endian
//	          | 248 length | 249 1 byte     idle time, use counter
//
// The dump of foo = "bar", with 18 bytes around it:
//
//	52 45 44 49 53 30 30 30 39  REDIS0009
//	00 03 66 6f 6f 03 62 61 72  type 0, key, value
//	ff <crc>
//
// Lengths and strings are drawn in string.go, values of the other types in walk.go.
const (
	opKeyMeta     = 243 // Redis
	opSlotImport  = 243 // Valkey
	opTemplate    = 242 // Redis
	opUpdate      = 242 // Valkey
	opSlotInfo    = 244
	opFunction    = 245
	opFunctionOld = 246
	opModuleAux   = 247
	opIdle        = 248
	opFreq        = 249
	opAux         = 250
	opResizeDB    = 251
	opExpireMs    = 252
	opExpire      = 253
	opSelectDB    = 254
	opEOF         = 255
)

// Type numbers, shared by both dialects unless noted.
const (
	typeString        = 0
	typeList          = 1
	typeSet           = 2
	typeZSetText      = 3
	typeHash          = 4
	typeZSet          = 5
	typeModuleOld     = 6
	typeModule        = 7
	typeHashZipmap    = 9
	typeListZiplist   = 10
	typeSetIntset     = 11
	typeZSetZiplist   = 12
	typeHashZiplist   = 13
	typeQuicklist     = 14
	typeStream        = 15
	typeHashListpack  = 16
	typeZSetListpack  = 17
	typeQuicklist2    = 18
	typeStream2       = 19
	typeSetListpack   = 20
	typeStream3       = 21
	typeHashTTLOld    = 22 // Redis 7.4 release candidates
	typeHashTTLLPOld  = 23 // Redis 7.4 release candidates
	typeHashTTL       = 24 // Redis
	typeHashTTLLP     = 25 // Redis
	typeStream4       = 26 // Redis
	typeStream5       = 27 // Redis
	typeArray         = 28 // Redis
	typeValkeyHashTTL = snapshot.Valkey | 22
)

// kind describes a type apart from its structure.
type kind struct {
	name    string // name in the TYPE command
	version int    // the first format version with the type
}

// kinds holds the types that can be read and written. Types 0 to 21 have the same number in both
// dialects.
var kinds = map[snapshot.Type]kind{
	typeString:        {"string", 1},
	typeList:          {"list", 1},
	typeSet:           {"set", 1},
	typeZSetText:      {"zset", 1},
	typeHash:          {"hash", 1},
	typeZSet:          {"zset", 8},
	typeModule:        {"module", 8},
	typeHashZipmap:    {"hash", 2},
	typeListZiplist:   {"list", 2},
	typeSetIntset:     {"set", 2},
	typeZSetZiplist:   {"zset", 2},
	typeHashZiplist:   {"hash", 4},
	typeQuicklist:     {"list", 7},
	typeStream:        {"stream", 9},
	typeHashListpack:  {"hash", 10},
	typeZSetListpack:  {"zset", 10},
	typeQuicklist2:    {"list", 10},
	typeStream2:       {"stream", 10},
	typeSetListpack:   {"set", 11},
	typeStream3:       {"stream", 11},
	typeHashTTLOld:    {"hash", 12},
	typeHashTTLLPOld:  {"hash", 12},
	typeHashTTL:       {"hash", 12},
	typeHashTTLLP:     {"hash", 12},
	typeStream4:       {"stream", 13},
	typeStream5:       {"stream", 14},
	typeArray:         {"array", 14},
	typeValkeyHashTTL: {"hash", 80},
}

// TypeName returns what the TYPE command calls a value of type t, such as "zset", or "type 40"
// for a type that this package does not know.
func TypeName(t snapshot.Type) string {
	if int(t) < len(redisNames) && redisNames[t] != "" {
		return redisNames[t]
	}
	if k, ok := kinds[t]; ok {
		return k.name
	}
	if t.IsValkey() {
		return fmt.Sprintf("valkey type %d", t.RDB())
	}
	return fmt.Sprintf("type %d", t.RDB())
}

// redisNames has the names of Redis's types by number. A command on a collection looks up a name,
// which takes 30 ns less than in the map.
var redisNames = func() (names [64]string) {
	for t, k := range kinds {
		if int(t) < len(names) {
			names[t] = k.name
		}
	}
	return names
}()

// redisOnly reports whether a type has a number that Valkey does not know as Redis means it.
func redisOnly(t snapshot.Type) bool { return !t.IsValkey() && t > typeStream3 }
