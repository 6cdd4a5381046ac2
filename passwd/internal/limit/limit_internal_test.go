package limit

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clock is a time that a test moves.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() int64            { return c.nanos.Load() }
func (c *clock) sleep(d time.Duration) { c.nanos.Add(int64(d)) }

func newTestLimit(burst int, interval time.Duration) (*limit, *clock) {
	c := &clock{}
	c.sleep(time.Hour)
	l := newLimit(burst, interval)
	l.now = c.now
	return l, c
}

func TestLimit(t *testing.T) {
	t.Parallel()
	l, c := newTestLimit(5, 3*time.Minute)
	for range 5 {
		_, ok := l.take("john")
		require.True(t, ok)
	}
	wait, ok := l.take("john")
	require.False(t, ok)
	assert.Equal(t, 3*time.Minute, wait)
	_, ok = l.take("jane")
	require.True(t, ok, "others are not touched")

	c.sleep(wait - 1)
	_, ok = l.take("john")
	require.False(t, ok, "asking does not prolong the wait, nor shorten it")
	c.sleep(1)
	_, ok = l.take("john")
	require.True(t, ok)
	_, ok = l.take("john")
	require.False(t, ok)
	l.give("john")
	_, ok = l.take("john")
	require.True(t, ok, "what is given back can be taken again")

	c.sleep(time.Hour)
	for range 5 {
		l.give("john")
	}
	taken := 0
	for range 20 {
		if _, ok := l.take("john"); ok {
			taken++
		}
	}
	assert.Equal(t, 5, taken, "nobody saves up more than the burst")
}

// TestLimitParallel lets exactly the burst through, however many try at once.
func TestLimitParallel(t *testing.T) {
	t.Parallel()
	l, _ := newTestLimit(5, time.Minute)
	var through atomic.Int32
	var done sync.WaitGroup
	for range 500 {
		done.Go(func() {
			if _, ok := l.take("john"); ok {
				through.Add(1)
			}
		})
	}
	done.Wait()
	assert.EqualValues(t, 5, through.Load())
}

// TestLimitMemory throws eight times as many names at a limit as it has buckets: it neither grows nor forgets a name that has to
// wait.
func TestLimitMemory(t *testing.T) {
	t.Parallel()
	l, _ := newTestLimit(5, time.Minute)
	for range 5 {
		l.take("john")
	}
	through := 0
	for i := range 8 * limitSets * limitWays {
		if _, ok := l.take(strconv.Itoa(i)); ok {
			through++
		}
	}
	_, ok := l.take("john")
	assert.False(t, ok, "a flood of other names resets nobody")
	assert.LessOrEqual(t, through, limitSets*limitWays+5, "names without a place share one bucket")
	perChannel := 1 + len(levels) + 1 // of accounts, of clients at each level, and of those who ask
	assert.LessOrEqual(t, 2*uintptr(perChannel)*unsafe.Sizeof(limit{}), uintptr(11<<20), "what all limits of a Service take")
}

// TestLimitEviction: a bucket that is full again makes room.
func TestLimitEviction(t *testing.T) {
	t.Parallel()
	l, c := newTestLimit(1, time.Minute)
	for i := range 8 * limitSets * limitWays { // so many that no set has room
		l.take(strconv.Itoa(i))
	}
	_, ok := l.take("late")
	require.False(t, ok)
	c.sleep(time.Minute)
	_, ok = l.take("late")
	require.True(t, ok)
	_, ok = l.take("later")
	require.True(t, ok, "it has a bucket of its own now")
}
