//go:build race

package ispmail_test

// raced: the race detector is on, so that hashing takes several times as long.
const raced = true
