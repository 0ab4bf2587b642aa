module github.com/perduredb/perdure/contrib/valkey

go 1.25.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/perduredb/perdure v0.0.0
	github.com/valkey-io/valkey-go v1.0.79
)

require golang.org/x/sys v0.47.0 // indirect

replace github.com/perduredb/perdure => ../../
