package lzf

// AtNumber makes c behave as after base bytes of input.
func (c *Compressor) AtNumber(base uint32) { c.base = base }
