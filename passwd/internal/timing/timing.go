// Package timing is for tests that measure: whether they are asked for, and how long two kinds of requests take.
package timing

import (
	"cmp"
	"math"
	"os"
	"slices"
	"testing"
)

// Need skips a test that measures time, unless ISPMAIL_BENCH is set, as make bench does.
func Need(t *testing.T) {
	t.Helper()
	if os.Getenv("ISPMAIL_BENCH") == "" {
		t.Skip("set ISPMAIL_BENCH=1 to measure")
	}
}

// Median returns the middle of the values, the greater one of two.
func Median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// AreaUnderCurve is the chance that a sample of a is greater than one of b: 0.5 if nothing tells them apart.
func AreaUnderCurve(a, b []float64) float64 {
	greater := 0.0
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				greater++
			case x == y:
				greater += 0.5
			}
		}
	}
	return greater / float64(len(a)*len(b))
}

// KolmogorovSmirnov is the greatest difference between the distributions of two samples.
func KolmogorovSmirnov(a, b []float64) (distance float64) {
	below := func(values []float64, x float64) float64 {
		n := 0
		for _, v := range values {
			if v <= x {
				n++
			}
		}
		return float64(n) / float64(len(values))
	}
	for _, x := range a {
		distance = max(distance, math.Abs(below(a, x)-below(b, x)))
	}
	return distance
}
