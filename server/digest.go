package server

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/resp"
)

// A digest is the fingerprint of data that DEBUG DIGEST of Redis computes. It does not depend on
// encodings and on the order of keys, fields, and members.
type digest [sha1.Size]byte

// typeNumbers are the numbers of the types in a digest.
var typeNumbers = map[string]uint32{"string": 0, "list": 1, "set": 2, "zset": 3, "hash": 4}

// add adds bytes in any order.
func (d *digest) add(b []byte) {
	for i, x := range sha1.Sum(b) {
		d[i] ^= x
	}
}

// mix adds bytes whose order matters.
func (d *digest) mix(b []byte) {
	d.add(b)
	*d = sha1.Sum(d[:])
}

func (d *digest) mixNumber(n uint32) { d.mix(binary.BigEndian.AppendUint32(nil, n)) }

// debugDigest is DEBUG DIGEST. Keys that other clients change in the meantime may be in the digest
// or not.
func (c *client) debugDigest([][]byte) {
	var all digest
	for db := range c.server.engine.Databases() {
		keys := c.ask(db, "KEYS", []byte("*")).Elements
		if len(keys) > 0 {
			all.mixNumber(uint32(db))
		}
		for _, key := range keys {
			var d digest
			d.mix(key.Text)
			c.mixValue(&d, db, key.Text)
			all.add(d[:])
		}
	}
	c.out.Line(hex.EncodeToString(all[:]))
}

// debugDigestValue is DEBUG DIGEST-VALUE key...
func (c *client) debugDigestValue(words [][]byte) {
	c.out.Array(len(words) - 2)
	for _, key := range words[2:] {
		var d digest
		c.mixValue(&d, c.db, key)
		c.out.Line(hex.EncodeToString(d[:]))
	}
}

// mixValue adds the value of a key, if there is one. Of a type that the store holds opaquely, it
// adds the bytes of a dump.
func (c *client) mixValue(d *digest, db int, key []byte) {
	kind := string(c.ask(db, "TYPE", key).Text)
	number, known := typeNumbers[kind]
	switch {
	case kind == "none":
		return
	case !known:
		d.mix(c.ask(db, "DUMP", key).Text)
	default:
		d.mixNumber(number)
	}
	switch kind {
	case "string":
		d.mix(c.ask(db, "GET", key).Text)
	case "list":
		for _, e := range c.ask(db, "LRANGE", key, []byte("0"), []byte("-1")).Elements {
			d.mix(e.Text)
		}
	case "set":
		for _, e := range c.ask(db, "SMEMBERS", key).Elements {
			d.add(e.Text)
		}
	case "zset":
		d.addPairs(c.ask(db, "ZRANGE", key, []byte("0"), []byte("-1"), []byte("WITHSCORES")).Elements)
	case "hash":
		d.addPairs(c.ask(db, "HGETALL", key).Elements)
	}
	if c.ask(db, "PTTL", key).Int >= 0 {
		d.add([]byte("!!expire!!"))
	}
}

// addPairs adds fields with values, or members with scores.
func (d *digest) addPairs(all []resp.Value) {
	for i := 0; i+1 < len(all); i += 2 {
		var pair digest
		pair.mix(all[i].Text)
		pair.mix(all[i+1].Text)
		d.add(pair[:])
	}
}

// ask returns the reply to a command that only reads, in version 2 of the protocol.
func (c *client) ask(db int, name string, args ...[]byte) resp.Value {
	var r resp.Reply
	c.session.Do(db, op.Lookup(name), append([][]byte{[]byte(name)}, args...), &r)
	v, _ := resp.Decode(r.Buf)
	return v
}
