//go:build !race

package ispmail_test

const raced = false
