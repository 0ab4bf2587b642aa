package rdb

import (
	"strconv"
	"time"
)

const (
	maxAux      = 64  // limit of retained fields
	maxAuxValue = 256 // limit of retained bytes of each name and value
)

// auxOrder is the name of the field that stores the word of a View.Order of package snapshot.
// Servers ignore it.
const auxOrder = "perdure-order"

// auxOrigin is the name of the field that stores a View.Origin of package snapshot.
const auxOrigin = "perdure-origin"

// A Header holds the description of a dump that the dump itself contains.
type Header struct {
	Version    string    // "RDB 9", "VALKEY 80"
	Checksum   bool      // the dump ends with a checksum
	Server     string    // version of the writing server: redis-ver or valkey-ver
	Created    time.Time // ctime; zero if absent
	UsedMemory int64     // used-mem, bytes; 0 if absent
	Origin     string    // perdure-origin: see snapshot.View
	AOFBase    bool      // aof-base, or aof-preamble of older servers: part of an append-only file
	Aux        []Aux     // the first 64 fields in order; names and values truncated at 256 bytes
}

// add adds one field.
func (h *Header) add(field *Aux) {
	a := Aux{field.Name[:min(len(field.Name), maxAuxValue)], field.Value[:min(len(field.Value), maxAuxValue)]}
	switch a.Name {
	case "redis-ver", "valkey-ver":
		h.Server = a.Value
	case "ctime":
		if seconds, err := strconv.ParseInt(a.Value, 10, 64); err == nil {
			h.Created = time.Unix(seconds, 0)
		}
	case "used-mem":
		if n, err := strconv.ParseInt(a.Value, 10, 64); err == nil {
			h.UsedMemory = n
		}
	case auxOrigin:
		h.Origin = a.Value
	case "aof-base", "aof-preamble":
		h.AOFBase = a.Value == "1"
	}
	if len(h.Aux) < maxAux {
		h.Aux = append(h.Aux, a)
	}
}
