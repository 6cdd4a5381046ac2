//go:build race

package check_test

// raced says that the race detector is on. Work takes several times as long then.
const raced = true
