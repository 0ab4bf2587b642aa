package aof

import (
	"github.com/perduredb/perdure/internal/option"
	"github.com/perduredb/perdure/snapshot"
)

// ErrOptions is matched by every error about an option. It is perdure.ErrOptions.
var ErrOptions = option.ErrOptions

// CorruptError describes where a file is damaged, and how.
type CorruptError = snapshot.CorruptError
