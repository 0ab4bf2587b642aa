package rdb

import (
	"strconv"
	"time"
)

const (
	maxAux      = 64  // fields kept of a dump
	maxAuxValue = 256 // bytes kept of each
)

// auxOrder is the field that keeps the word of a View.Order of package snapshot. Servers pass over it.
const auxOrder = "perdure-order"

// auxOrigin is the field that keeps a View.Origin of package snapshot.
const auxOrigin = "perdure-origin"

// Header is what a dump says about itself.
type Header struct {
	Version    string    // "RDB 9", "VALKEY 80"
	Checksum   bool      // the dump ends with a checksum
	Server     string    // who wrote it: redis-ver or valkey-ver
	Created    time.Time // ctime; zero when the dump does not say
	UsedMemory int64     // used-mem, bytes; 0 when the dump does not say
	Origin     string    // perdure-origin: see snapshot.View
	AOFBase    bool      // aof-base, or aof-preamble of older servers: part of an append-only file
	Aux        []Aux     // all the fields in order, the first 64 of them, each cut at 256 bytes
}

// add takes one field.
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
