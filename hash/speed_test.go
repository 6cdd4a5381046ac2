package hash_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/GehirnInc/crypt"
	"github.com/GehirnInc/crypt/sha256_crypt"
	"github.com/GehirnInc/crypt/sha512_crypt"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// TestSpeed holds the verification of sha-crypt against GehirnInc/crypt in one process, call by call, and fails where
// the ratio of the medians is too high. It looks at the clock, so it runs only when it is asked for:
//
//	ISPMAIL_BENCH=1 go test -count=1 -v -run '^TestSpeed$' ./hash
func TestSpeed(t *testing.T) {
	if os.Getenv("ISPMAIL_BENCH") == "" {
		t.Skip("set ISPMAIL_BENCH=1 to measure")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, c := range []struct {
		scheme string
		size   int // bytes of the password
		most   float64
	}{
		{"SHA256-CRYPT", 9, 0.55},
		{"SHA256-CRYPT", 24, 0.55},
		{"SHA256-CRYPT", 511, 0.55},
		{"SHA512-CRYPT", 9, 0.78},
		{"SHA512-CRYPT", 24, 0.85},
		{"SHA512-CRYPT", 511, 0.85},
	} {
		oracle := map[string]func() crypt.Crypter{"SHA256-CRYPT": sha256_crypt.New, "SHA512-CRYPT": sha512_crypt.New}[c.scheme]()
		h := newHasher(t, hash.Config{Scheme: c.scheme})
		password := strings.Repeat("summersun", c.size/9+1)[:c.size]
		stored, err := h.Generate(password)
		require.NoError(t, err)
		crypted := payload(stored)
		ours, theirs := pairedMedians(
			func() { require.NoError(t, h.Verify(stored, password)) },
			func() { require.NoError(t, oracle.Verify(crypted, []byte(password))) },
		)
		allocations := testing.AllocsPerRun(10, func() { _ = h.Verify(stored, password) })
		report(t, fmt.Sprintf("%s verify, %d bytes, 5000 rounds: %v, GehirnInc %v, allocations %.0f",
			c.scheme, c.size, ours, theirs, allocations), float64(ours)/float64(theirs), c.most)
		require.LessOrEqual(t, allocations, 3.0)
	}
	long := strings.Repeat("x", 512)
	const batch = 1000
	refusal, _ := pairedMedians(func() {
		for range batch {
			_ = hash.Verify(guideSHA256, long)
		}
	}, func() {})
	report(t, fmt.Sprintf("SHA256-CRYPT verify, 512 bytes: refused in %v, in microseconds", refusal/batch),
		float64(refusal/batch)/float64(time.Microsecond), 1)
}

// pairedMedians calls both functions in turns, so that whatever else the machine does meets them alike.
func pairedMedians(a, b func()) (medianA, medianB time.Duration) {
	const pairs = 301
	times := [2][]time.Duration{}
	for i := range pairs {
		for j := range 2 {
			which := (i + j) % 2 // who comes first alternates
			start := time.Now()
			[]func(){a, b}[which]()
			times[which] = append(times[which], time.Since(start))
		}
	}
	slices.Sort(times[0])
	slices.Sort(times[1])
	return times[0][pairs/2], times[1][pairs/2]
}

func report(t *testing.T, what string, ratio, most float64) {
	t.Helper()
	t.Logf("%-100s %.2f (at most %.2f)", what, ratio, most)
	if ratio > most {
		t.Errorf("%s: %.2f is over %.2f", what, ratio, most)
	}
}
