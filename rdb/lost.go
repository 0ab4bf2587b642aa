package rdb

import "github.com/perduredb/perdure/snapshot"

// Fits reports whether a dump of a format version can hold values of type t unchanged. version is
// the number in the header of a dump; from 80 on it is a version of Valkey.
func Fits(t snapshot.Type, version int) bool {
	return t == snapshot.String || versionOf(version).has(t)
}

// Data that EncodeValue omits from a stream for older versions.
const (
	lostDeleted = "maximum deleted ID of streams"
	lostAdded   = "number of entries added to streams"
	lostRead    = "number of entries read by groups"
	lostActive  = "last active time of consumers"
	lostMemory  = "duration and number of IDs for producer tracking of streams"
)

// idmpDefault is the default that a Redis 8.6 server sets for a stream: the number of seconds and
// of ids that it remembers.
const idmpDefault = 100

// Lost returns the data that [EncodeValue] omits from v in a format version. EncodeValue omits data
// that the version cannot hold; Lost lists such data if a server that loads the value cannot derive
// it. Lost does not list data for which EncodeValue returns an error.
func Lost(v Value, version int) []string {
	s, ok := v.(*Stream)
	if !ok {
		return nil
	}
	to := versionOf(version)
	var lost []string
	note := func(isLost bool, what string) {
		if isLost {
			lost = append(lost, what)
		}
	}
	if !to.has(typeStream2) {
		note(s.MaxDeletedID != StreamID{}, lostDeleted)
		note(s.EntriesAdded != s.Length, lostAdded)
		note(s.readIsLost(), lostRead)
	}
	if !to.has(typeStream3) {
		note(s.activeIsLost(), lostActive)
	}
	if x := s.Idempotence; x != nil && !to.has(typeStream4) {
		note(x.Duration != idmpDefault || x.MaxIDs != idmpDefault, lostMemory)
	}
	return lost
}

// readIsLost reports whether, for any group, the number of entries read differs from the estimate
// of a server that loads a stream without that number.
func (s *Stream) readIsLost() bool {
	first := s.firstEntry()
	for i := range s.Groups {
		g := &s.Groups[i]
		estimate := int64(-1)
		switch {
		case s.Length == 0, g.LastID == s.LastID:
			estimate = int64(s.Length)
		case g.LastID.Compare(first) < 0:
			estimate = 0
		case g.LastID == first:
			estimate = 1
		}
		if g.EntriesRead != estimate {
			return true
		}
	}
	return false
}

// firstEntry returns the id of the first entry.
func (s *Stream) firstEntry() StreamID {
	for e := range s.All() {
		return e.ID
	}
	return StreamID{}
}

func (s *Stream) activeIsLost() bool {
	for i := range s.Groups {
		for _, c := range s.Groups[i].Consumers {
			if c.ActiveAtMs != c.SeenAtMs {
				return true
			}
		}
	}
	return false
}
