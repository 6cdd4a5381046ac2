package passwd

import (
	"runtime"
	"sync/atomic"
	"time"
)

// A gate limits how many changes are under way, so that the mail server always has a processor. The API has one place for
// itself: a flood on the public page does not stop the webmail.
type gate struct {
	shared, reserved chan struct{}
	waiting          [2]atomic.Int32 // by channel
}

const (
	gateQueue = 16 // by channel
	gateWait  = 3 * time.Second
)

// newGate returns a gate with n shared places, by default one less than there are processors.
func newGate(n int) *gate {
	if n == 0 {
		n = max(1, runtime.GOMAXPROCS(0)-1)
	}
	return &gate{shared: make(chan struct{}, n), reserved: make(chan struct{}, 1)}
}

// enter waits for a place and returns what gives it back. It gives up when the queue is full, or after gateWait.
func (g *gate) enter(channel Channel) (leave func(), ok bool) {
	reserved := g.reserved
	if channel != API {
		reserved = nil // a send to it waits for ever
	}
	leaveShared := func() { <-g.shared }
	leaveReserved := func() { <-g.reserved }
	select {
	case g.shared <- struct{}{}:
		return leaveShared, true
	case reserved <- struct{}{}:
		return leaveReserved, true
	default:
	}
	waiting := &g.waiting[channel]
	defer waiting.Add(-1)
	if waiting.Add(1) > gateQueue {
		return nil, false
	}
	timer := time.NewTimer(gateWait)
	defer timer.Stop()
	select {
	case g.shared <- struct{}{}:
		return leaveShared, true
	case reserved <- struct{}{}:
		return leaveReserved, true
	case <-timer.C:
	}
	return nil, false
}
