//go:build race

package check_test

// raced says that the race detector is on. Work takes several times as long then.
const raced = true

// few is how many random tables are made by default. SQLite, which is written in Go, takes twenty times as long.
const few = 25
