package lzf

// AtNumber sets c to its state after base bytes of input.
func (c *Compressor) AtNumber(base uint32) { c.base = base }
