package table

// MaskHash keeps only some bits of every hash, until the function that it returns is called.
func MaskHash(mask uint64) (restore func()) {
	hashMask = mask
	return func() { hashMask = ^uint64(0) }
}

// Checked says that the build looks for misuse of memory.
const Checked = checked
