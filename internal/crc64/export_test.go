package crc64

// UpdateByTables is Update without the instructions that some processors lack.
var UpdateByTables = update
