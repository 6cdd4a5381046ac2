// Package limit slows down who guesses passwords: by account, by client, and by the time of an answer. The service and the page for
// administrators share it.
package limit

import (
	"hash/maphash"
	"sync"
	"time"
)

// A limit lets events of one name through at a steady rate after a burst, by the generic cell rate algorithm (GCRA, ITU-T
// I.371): it stores no more for a name than the time at which its bucket is full again.
//
// Its table has a fixed size, whatever names are thrown at it: a name lives in one of the ways of its set, and only a
// bucket that is full again makes room for another. When all of them wait, the names that find no place share one
// bucket. An attacker who fills the table makes it stricter, never laxer. It is safe for concurrent use.
type limit struct {
	burst    int
	interval time.Duration // until one more event is let through
	now      func() int64  // nanoseconds of a clock that nobody sets
	seed     maphash.Seed

	mu       sync.Mutex
	sets     [limitSets][limitWays]bucket
	overflow bucket
}

const (
	limitSets = 8192
	limitWays = 8 // 65,536 buckets of 16 bytes: 1 MiB
)

// bucket belongs to the name of a hash. Two names with the same 64 bits would share it.
type bucket struct {
	name uint64
	full int64 // when it is full again
}

func newLimit(burst int, interval time.Duration) *limit {
	start := time.Now()
	now := func() int64 { return int64(time.Since(start)) + 1 } // an unused bucket is full since 0
	return &limit{burst: burst, interval: interval, now: now, seed: maphash.MakeSeed()}
}

// take lets an event of a name through and charges it, or says how long to wait for the next.
func (l *limit) take(name string) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.find(name, now)
	full := max(b.full, now)
	// The bucket is empty when it will take longer than this until it is full.
	if over := time.Duration(full-now) - time.Duration(l.burst-1)*l.interval; over > 0 {
		return over, false
	}
	b.full = full + int64(l.interval)
	return 0, true
}

// wait tells how long a name has to wait, without a charge, and without a bucket for a name that has none.
func (l *limit) wait(name string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	hash := maphash.String(l.seed, name)
	for _, b := range l.sets[hash%limitSets] {
		if b.name == hash {
			return max(0, time.Duration(b.full-l.now())-time.Duration(l.burst-1)*l.interval)
		}
	}
	return 0
}

// give takes the charge of an event back.
func (l *limit) give(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.find(name, l.now()).full -= int64(l.interval)
}

// find returns the bucket of a name, if need be one that has become free, else the overflow.
func (l *limit) find(name string, now int64) *bucket {
	hash := maphash.String(l.seed, name)
	set := &l.sets[hash%limitSets]
	var free *bucket
	for i := range set {
		switch b := &set[i]; {
		case b.name == hash:
			return b
		case free == nil && b.full <= now:
			free = b
		}
	}
	if free == nil {
		return &l.overflow
	}
	*free = bucket{name: hash}
	return free
}
