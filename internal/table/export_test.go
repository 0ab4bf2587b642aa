package table

// MaskHash keeps only some bits of every hash, until the function that it returns is called.
func MaskHash(mask uint64) (restore func()) {
	hashMask = mask
	return func() { hashMask = ^uint64(0) }
}
