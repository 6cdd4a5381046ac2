//go:build unix

package hash_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// TestSpeedOfCostliest holds the costliest values that the zero Config accepts against bcrypt of MaxCost, and prints the
// table of what each scheme may take. It measures time, so it runs only when it is asked for:
//
//	ISPMAIL_BENCH=1 go test -count=1 -v -run '^TestSpeedOfCostliest$' ./hash
func TestSpeedOfCostliest(t *testing.T) {
	if os.Getenv("ISPMAIL_BENCH") == "" {
		t.Skip("set ISPMAIL_BENCH=1 to measure")
	}
	const most = 1.5
	h := newHasher(t, hash.Config{})
	bcrypt := costliest()[0]
	verify := func(c costly) {
		assert.ErrorIs(t, h.VerifyFor("john@example.org", c.stored, c.password), hash.ErrMismatch, c.what)
	}
	t.Logf("%-32s %8s %9s %10s %6s", "costliest value", "ms", "x bcrypt", "MiB", "bytes")
	for _, c := range costliest() {
		info, err := h.Inspect(c.stored)
		require.NoError(t, err)
		before := allocated()
		verify(c)
		memory := float64(allocated()-before) / (1 << 20)
		var time, ratio float64
		for range 3 { // a second look only at what seems too slow
			start := processorTime()
			verify(c)
			between := processorTime()
			verify(bcrypt)
			time = float64((between - start).Microseconds())
			if ratio = time / float64((processorTime() - between).Microseconds()); ratio <= most {
				break
			}
		}
		t.Logf("%-32s %8.1f %9.2f %10.1f %6d", c.what, time/1000, ratio, memory, len(c.stored))
		assert.LessOrEqual(t, ratio, most, "%s takes more than %.1f times bcrypt of MaxCost", c.what, most)
		if info.Memory > 0 {
			assert.LessOrEqual(t, memory, float64(mostMemory)/1024+0.5, "%s takes more memory than MaxMemory", c.what)
		}
		assert.LessOrEqual(t, len(c.stored), hash.MaxStored)
	}
}
