//go:build race

package check_test

// raced: the race detector is on, so that work takes several times as long.
const raced = true
