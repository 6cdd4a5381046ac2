package limit

import (
	"math/rand/v2"
	"time"
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
