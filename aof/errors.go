package aof

import (
	"github.com/perduredb/perdure/internal/option"
	"github.com/perduredb/perdure/snapshot"
)

// ErrOptions is matched by every error about an invalid option. It is perdure.ErrOptions.
var ErrOptions = option.ErrOptions

// CorruptError describes the place and the kind of damage in a file.
type CorruptError = snapshot.CorruptError
