module github.com/perduredb/perdure/internal/torture/linear

go 1.26.0

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/perduredb/perdure v0.0.0
)

replace github.com/perduredb/perdure => ../../..
