//go:build race

package hash_test

// raced: the race detector is on, so that work takes several times as long and allocations are more.
const raced = true
