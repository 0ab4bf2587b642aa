package aof

// ValidName is exported for tests.
var ValidName = validName
