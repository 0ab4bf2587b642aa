module github.com/perduredb/perdure

go 1.25.0
