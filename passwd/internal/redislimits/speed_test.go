package redislimits_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/passwd/internal/redislimits/redistest"
	"github.com/ispmail/go-ispmail/passwd/internal/timing"
)

// hashing is a Changer that takes the time of a verification and of a new hash, and no database.
type hashing struct {
	hasher *hash.Hasher
	stored string
}

func (h hashing) ChangePassword(_ context.Context, _, current, replacement string) error {
	if err := h.hasher.Verify(h.stored, current); err != nil {
		return err
	}
	_, err := h.hasher.Generate(replacement)
	return err
}

// TestSpeedSharedLimits compares a change with shared limits to one without: two questions to a Redis on this machine, a charge
// and what gives it back. The change has no database, which would make the difference smaller.
func TestSpeedSharedLimits(t *testing.T) {
	timing.Need(t)
	server := redistest.Start(t)
	hasher, err := hash.New(hash.Config{})
	require.NoError(t, err)
	stored, err := hasher.Generate("right")
	require.NoError(t, err)
	changer := hashing{hasher, stored}
	shared := open(t, server.URL(), key, patience, io.Discard)
	pair := [2]*instance{newInstance(t, changer, nil), newInstance(t, changer, shared)}
	var times [2][]time.Duration
	for i := range 1000 {
		for j := range pair {
			which := (i + j) % 2 // each comes first as often as the other
			start := time.Now()
			require.Equal(t, 200, attempt(pair[which], "", "john@example.org", "right"))
			times[which] = append(times[which], time.Since(start))
		}
	}
	without, with := timing.Median(times[0]), timing.Median(times[1])
	ratio := float64(with) / float64(without)
	t.Logf("a change %v, with shared limits %v: %.2f times (at most 1.3)", without, with, ratio)
	assert.LessOrEqual(t, ratio, 1.3)
	assert.Zero(t, shared.Alone())
}
