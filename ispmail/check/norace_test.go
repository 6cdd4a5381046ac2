//go:build !race

package check_test

const raced = false

// few is how many random tables are made by default.
const few = 300
