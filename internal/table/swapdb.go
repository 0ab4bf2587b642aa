package table

// SwapDB exchanges the contents of two databases in this shard. A whole SWAPDB does so in every
// shard, with all shards locked. No view may be open.
func (s *Shard) SwapDB(a, b int) {
	if s.table.view.Load() != nil {
		panic("table: SwapDB during a view")
	}
	if a == b {
		return
	}
	s.spaces[a], s.spaces[b] = s.spaces[b], s.spaces[a]
	s.counts[a].swap(&s.counts[b])
}
