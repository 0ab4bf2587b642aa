package aof

// FsyncPolicy says when appended bytes are forced to disk: Redis's appendfsync.
type FsyncPolicy uint8

// The policies. The zero value is EverySec, which is also the default.
const (
	EverySec FsyncPolicy = iota // at most two seconds of acknowledged writes are lost with power
	Always                      // a write returns when it is on disk
	No                          // the system decides; Sync, Rewrite and Close still force
)

// String gives Redis's word.
func (p FsyncPolicy) String() string {
	switch p {
	case Always:
		return "always"
	case No:
		return "no"
	default:
		return "everysec"
	}
}
