package passwd

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGateDefault(t *testing.T) {
	t.Parallel()
	assert.Equal(t, max(1, runtime.GOMAXPROCS(0)-1), cap(newGate(0).shared))
	assert.Equal(t, 1, cap(newGate(7).reserved))
}

// TestGateQueues: a queue of the page that is full leaves the API its own.
func TestGateQueues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		leaveShared, ok := g.enter(API)
		require.True(t, ok)
		leaveReserved, ok := g.enter(API)
		require.True(t, ok)
		var done sync.WaitGroup
		var mu sync.Mutex
		served := map[Channel]int{}
		for _, channel := range []Channel{Page, API} {
			for range 2 * gateQueue {
				done.Go(func() {
					if leave, ok := g.enter(channel); ok {
						mu.Lock()
						served[channel]++
						mu.Unlock()
						leave()
					}
				})
			}
			synctest.Wait()
		}
		leaveShared()
		leaveReserved()
		done.Wait()
		assert.Equal(t, map[Channel]int{Page: gateQueue, API: gateQueue}, served)
	})
}

func TestGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		var leave []func()
		for range 2 {
			l, ok := g.enter(Page)
			require.True(t, ok)
			leave = append(leave, l)
		}
		// The page waits; the API has a place of its own, one.
		reserved, ok := g.enter(API)
		require.True(t, ok)

		var mu sync.Mutex
		served, refused := 0, 0
		var done sync.WaitGroup
		for range 40 {
			done.Go(func() {
				l, ok := g.enter(Page)
				mu.Lock()
				defer mu.Unlock()
				if !ok {
					refused++
					return
				}
				served++
				l()
			})
		}
		synctest.Wait()
		assert.Equal(t, 40-gateQueue, refused, "the queue is short")
		leave[0]()
		done.Wait()
		assert.Equal(t, gateQueue, served)

		// A place that is never free is waited for gateWait, no longer; synctest's clock jumps.
		l, ok := g.enter(Page)
		require.True(t, ok)
		_, ok = g.enter(Page)
		assert.False(t, ok)
		reserved()
		reserved, ok = g.enter(API)
		assert.True(t, ok, "a full page does not stop the API")
		l()
		leave[1]()
		reserved()
		assert.Empty(t, g.shared)
		assert.Empty(t, g.reserved)
		assert.Zero(t, g.waiting[Page].Load()+g.waiting[API].Load())
	})
}
