//go:build !perdure_check

package storecheck

// Checked reports whether the table is built with the checks of its memory. It then copies keys.
const Checked = false
