package hash_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

var (
	full = flag.Bool("full", false, "run the comparisons with other implementations in the numbers of make fuzz")
	seed = flag.Uint64("seed", 0, "repeat comparisons with the seed that a failed test printed")
)

// newRandom has a fresh seed, which it prints.
func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	s := *seed
	if s == 0 {
		s = rand.Uint64() //nolint:gosec // test input
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	t.Logf("repeat with: go test -run '^%s$' ./hash -seed %d", name, s)
	return rand.New(rand.NewPCG(s, 0)) //nolint:gosec // test input
}

// turns is the number of random inputs of a comparison: few, or many if -full is set.
func turns(few, many int) int {
	switch {
	case *full:
		return many
	case raced || testing.Short():
		return (few + 3) / 4
	default:
		return few
	}
}

// otherProgram ends a test that needs another program where there are only Go's own: with -short. Where
// ISPMAIL_TEST_DOVEADM is "required" the absence of the program is a failure.
func otherProgram(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs other programs, -short does without")
	}
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("ISPMAIL_TEST_DOVEADM") == "required" {
		t.Fatal(what + " is missing, and ISPMAIL_TEST_DOVEADM says that it is required")
	}
	t.Skip(what + " is missing; set ISPMAIL_TEST_DOVEADM=required to make this a failure")
}
