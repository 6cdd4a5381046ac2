//go:build unix

package hash_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	gohash "hash"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/GehirnInc/crypt"
	"github.com/GehirnInc/crypt/sha256_crypt"
	"github.com/GehirnInc/crypt/sha512_crypt"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// TestSpeed holds the verification of sha-crypt against GehirnInc/crypt in one process, in turns, and fails where the
// median of the ratios is too high. It measures time, so it runs only when it is asked for:
//
//	ISPMAIL_BENCH=1 go test -count=1 -v -run '^TestSpeed$' ./hash
//
// What nobody can save are the compressions, one after the other. How much of GehirnInc's time these are is up to the
// processor: 30 % of $5$ on an AMD Zen 3, 45 % on an Intel Sapphire Rapids. So that the same code is not good here and
// bad there, it also passes if it is as near to the compressions alone as the standard library gets.
func TestSpeed(t *testing.T) {
	if os.Getenv("ISPMAIL_BENCH") == "" {
		t.Skip("set ISPMAIL_BENCH=1 to measure")
	}
	const rounds = 5000
	for _, c := range []struct {
		scheme   string
		size     int     // bytes of the password
		most     float64 // of the time of GehirnInc
		overhead float64 // at most, as a multiple of the compressions alone
		oracle   crypt.Crypter
		hash     gohash.Hash
		calls    int // in a turn
	}{
		{"SHA256-CRYPT", 9, 0.55, 1.4, sha256_crypt.New(), sha256.New(), 20},
		{"SHA256-CRYPT", 24, 0.55, 1.4, sha256_crypt.New(), sha256.New(), 20},
		{"SHA256-CRYPT", 511, 0.55, 1.4, sha256_crypt.New(), sha256.New(), 5},
		{"SHA512-CRYPT", 9, 0.78, 1.2, sha512_crypt.New(), sha512.New(), 10},
		{"SHA512-CRYPT", 24, 0.85, 1.2, sha512_crypt.New(), sha512.New(), 10},
		{"SHA512-CRYPT", 511, 0.85, 1.2, sha512_crypt.New(), sha512.New(), 3},
	} {
		h := newHasher(t, hash.Config{Scheme: c.scheme, Rounds: rounds})
		password := strings.Repeat("summersun", c.size/9+1)[:c.size]
		stored, err := h.Generate(password)
		require.NoError(t, err)
		crypted, key := payload(stored), []byte(password)
		blocks := make([]byte, compressions(c.hash.BlockSize(), c.hash.Size(), c.size, rounds)*c.hash.BlockSize())
		ours, ratio, overhead := inTurns(c.calls,
			func() { require.NoError(t, h.Verify(stored, password)) },
			func() { require.NoError(t, c.oracle.Verify(crypted, key)) },
			func() { c.hash.Write(blocks) },
		)
		allocations := testing.AllocsPerRun(10, func() { _ = h.Verify(stored, password) })
		t.Logf("%s, %3d bytes: %5.0f us, %.2f x GehirnInc (at most %.2f), %.2f x compressions, %.0f allocations",
			c.scheme, c.size, ours, ratio, c.most, overhead, allocations)
		if ratio > c.most {
			if overhead > c.overhead {
				t.Errorf("too slow: %.2f is over %.2f, and %.2f over %.2f", ratio, c.most, overhead, c.overhead)
			} else {
				t.Logf("   over %.2f, but within %.2f x the compressions of this processor", c.most, c.overhead)
			}
		}
		if allocations > 3 {
			t.Errorf("%.0f allocations are over 3", allocations)
		}
	}

	long := strings.Repeat("x", 512)
	refusal, _, _ := inTurns(100_000, func() { _ = hash.Verify(guideSHA256, long) }, func() {}, func() {})
	t.Logf("SHA256-CRYPT, 512 bytes: refused in %.2f us (at most 1)", refusal)
	if refusal > 1 {
		t.Error("too slow")
	}
}

// inTurns returns the median time of a call of ours in microseconds, and the medians of its ratios to the other two.
// All three take turns, and a ratio is one of the same turn, so that whatever else the machine does meets them alike.
// It is the time of all processors: garbage is collected on another one.
func inTurns(calls int, ours, theirs, floor func()) (microseconds, ratio, overhead float64) {
	const turns = 31
	functions := [3]func(){ours, theirs, floor}
	var times, ratios, overheads []float64
	for turn := range turns {
		var took [len(functions)]float64
		for i := range functions {
			which := (turn + i) % len(functions) // who comes first changes
			start := processorTime()
			for range calls {
				functions[which]()
			}
			took[which] = float64(processorTime()-start) / float64(time.Microsecond) / float64(calls)
		}
		times = append(times, took[0])
		ratios = append(ratios, took[0]/took[1])
		overheads = append(overheads, took[0]/took[2])
	}
	return median(times), median(ratios), median(overheads)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(fmt.Sprint("getrusage: ", err))
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// compressions counts the blocks of a sha-crypt hash with a salt of 16 characters that depend on the digest before.
func compressions(block, size, password, rounds int) (n int) {
	const salt = 16
	n = password * password / block // P, before the rounds
	for i := range rounds {
		text := size + password
		if i%3 != 0 {
			text += salt
		}
		if i%7 != 0 {
			text += password
		}
		n += (text + 1 + block/8 + block - 1) / block
		if i%2 != 0 {
			n -= (text - size) / block // the digest comes last, and the blocks before are constant
		}
	}
	return n
}
