// Package clients tests client libraries for Redis and Valkey against package server. It is a
// separate module, so that perdure does not require them.
package clients
