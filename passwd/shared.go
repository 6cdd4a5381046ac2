package passwd

import (
	"context"
	"net/netip"
	"time"

	"github.com/ispmail/go-ispmail/passwd/internal/limit"
)

// SharedLimits count attempts for several services together, so that two instances do not let through twice as many guesses
// as one. The limits of the [Service] itself count as well, and refuse what they would refuse alone: while SharedLimits fail,
// nothing but the sum over the instances is lost. An implementation must be safe for concurrent use, must return soon,
// because an attempt waits for it, and has to tell by itself when it does not work.
type SharedLimits interface {
	// Take charges an attempt to all buckets, or to none of them if one has no room. Then wait is the time until that
	// bucket has room again, and empty the index of the first such bucket. A wait of 0 means that all were charged.
	Take(ctx context.Context, buckets []Bucket) (wait time.Duration, empty int, err error)

	// Give takes the charge of an attempt back. A bucket never holds more than its burst. What cannot be given back stays
	// charged until its time is over.
	Give(ctx context.Context, buckets []Bucket)
}

// A Bucket is one of the limits that an attempt is charged to: that of the account, of the client or of a network around
// the client. All instances name it the same.
type Bucket struct {
	Name     string        // has a mail address or an IP address in it, so do not store it as it is
	Burst    int           // attempts that go through at once when the bucket has not been used; at least 1
	Interval time.Duration // until one more attempt goes through
}

// charge takes an attempt from the limits of this service, and then from the shared ones. It returns what gives the charge
// back, or how long to wait.
func (s *Service) charge(ctx context.Context, channel Channel, client netip.Addr, email string) (giveBack func(), wait time.Duration, ok bool) {
	attempts, shared := s.attempts[channel], s.config.SharedLimits
	giveHere := func() { attempts.GiveBack(client, email) }
	wait, ok = attempts.Charge(client, email)
	if !ok || shared == nil {
		return giveHere, wait, ok
	}
	buckets := sharedBuckets(channel, client, email)
	wait, empty, err := shared.Take(ctx, buckets)
	switch {
	case err != nil:
		return giveHere, 0, true // the limits of this service hold
	case wait > 0:
		giveHere()
		if account := len(buckets) - 1; client.IsValid() && empty == account {
			attempts.Ask(client)
		}
		return nil, wait, false
	}
	return func() { shared.Give(ctx, buckets); giveHere() }, 0, true
}

// sharedBuckets are the buckets of an attempt, the widest network first and the account last: a client that has to wait hears
// of its own limit. What asking for accounts that have to wait costs is not shared, because it protects this service alone.
func sharedBuckets(channel Channel, client netip.Addr, email string) (buckets []Bucket) {
	if client.IsValid() {
		for name, level := range limit.Networks(client) {
			buckets = append(buckets, Bucket{channel.String() + " client " + name, level.Burst, level.Interval})
		}
	}
	return append(buckets, Bucket{channel.String() + " account " + email, limit.AccountBurst, limit.AccountInterval})
}
