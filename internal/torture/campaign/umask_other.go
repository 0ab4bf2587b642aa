//go:build !unix

package campaign

func umask(int) bool { return false }
