package timing_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/passwd/internal/timing"
)

func TestTiming(t *testing.T) {
	t.Parallel()
	low, high := []float64{3, 1, 2}, []float64{30, 10, 20}
	assert.InDelta(t, 2, timing.Median(low), 0)
	assert.InDelta(t, 0.5, timing.AreaUnderCurve(low, low), 1e-9)
	assert.InDelta(t, 0, timing.AreaUnderCurve(low, high), 0)
	assert.InDelta(t, 1, timing.AreaUnderCurve(high, low), 0)
	assert.InDelta(t, 1.0/3, timing.AreaUnderCurve([]float64{2}, []float64{1, 3, 4}), 1e-9)
	assert.InDelta(t, 0, timing.KolmogorovSmirnov(low, low), 0)
	assert.InDelta(t, 1, timing.KolmogorovSmirnov(low, high), 0)
}
