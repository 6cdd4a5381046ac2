package limit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/hash"
)

func TestFloor(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ took, least, want time.Duration }{
		{4 * time.Millisecond, 500 * time.Millisecond, 500 * time.Millisecond},
		{250 * time.Millisecond, 500 * time.Millisecond, 750 * time.Millisecond},
		{time.Second, 500 * time.Millisecond, 2 * time.Second},
		{time.Second, 5 * time.Second, 5 * time.Second},
		{0, time.Millisecond, time.Millisecond},
	} {
		d := Dearest{Info: hash.Info{Work: 16}, Took: test.took}
		floor := d.Floor(test.least)
		assert.Equal(t, test.want, floor)
		assert.Equal(t, d.Wanted() > floor, d.Work > d.Covered(floor), "%v is not hidden by %v", test.took, floor)
	}
}
