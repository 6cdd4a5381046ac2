package limit

import (
	"math/rand/v2"
	"time"

	"github.com/ispmail/go-ispmail/hash"
)

const jitterPart = 10 // of the floor, on top of it

// WaitForFloor waits until a floor after the arrival of a request, or the next multiple of it, and up to a tenth longer. Then
// the time of the answer does not reveal what was done for it. A place of whatever is scarce should be left before: nobody waits
// for this sleep.
func WaitForFloor(arrival time.Time, floor time.Duration) {
	answer := (time.Since(arrival)/floor + 1) * floor
	// A timer is up to a millisecond late. How late depends on when it was set, and so on the work that was done. The
	// jitter drowns that.
	answer += rand.N(floor/jitterPart + 1) //nolint:gosec // jitter is no secret
	time.Sleep(time.Until(arrival.Add(answer)))
}

const (
	// floorFactor is how many times as long as the dearest verification wrong credentials wait for their answer, so that it comes
	// in time on a busy machine too.
	floorFactor = 3
	// maxFloor is what somebody who has mistyped waits for at most, unless the setting is longer.
	maxFloor = 2 * time.Second
)

// A Dearest is the stored password that takes longest to verify.
type Dearest struct {
	hash.Info
	Took time.Duration
}

// Measure measures the verification of the dearest stored password. It returns the error of verify.
func Measure(info hash.Info, verify func() error) (Dearest, error) {
	d := Dearest{Info: info}
	for try := range 3 { // the shortest is the truest: the machine has other things to do
		start := time.Now()
		if err := verify(); err != nil {
			return d, err
		}
		if took := time.Since(start); try == 0 || took < d.Took {
			d.Took = took
		}
	}
	return d, nil
}

// Floor returns how long wrong credentials have to wait for their answer: at least as long as the setting says.
func (d Dearest) Floor(least time.Duration) time.Duration {
	return max(least, min(d.Wanted(), maxFloor))
}

// Wanted is the floor that hides the dearest stored password.
func (d Dearest) Wanted() time.Duration { return floorFactor * d.Took }

// Covered is the greatest Work of a stored password that a floor hides.
func (d Dearest) Covered(floor time.Duration) float64 {
	return d.Work * float64(floor) / float64(floorFactor*max(d.Took, 1))
}
