package table

// SwapDB exchanges the contents of two databases in this shard. A whole SWAPDB does so in every
// shard, with all shards locked. A view continues with the keyspaces that each database had when it
// began.
func (s *Shard) SwapDB(a, b int) {
	if a == b {
		return
	}
	s.spaces[a], s.spaces[b] = s.spaces[b], s.spaces[a]
	s.counts[a].swap(&s.counts[b])
}
