package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
)

const (
	// floorFactor is how many times as long as the dearest verification takes wrong credentials wait for their answer, so
	// that it comes in time on a busy machine too.
	floorFactor = 3
	// maxFloor is what somebody who has mistyped waits for at most, unless --floor is longer.
	maxFloor = 2 * time.Second
	// floorEvery is how often the table is looked at.
	floorEvery = time.Hour
)

// A dearest is the stored password that takes longest to verify.
type dearest struct {
	hash.Info
	took time.Duration
}

// lookForDearest makes the decoy of the store follow the table, and measures it.
func lookForDearest(ctx context.Context, store *ispmail.Store) (d dearest, err error) {
	if d.Info, err = store.AdaptDecoy(ctx); err != nil {
		return d, err
	}
	for try := range 3 { // the shortest is the truest: the machine has other things to do
		start := time.Now()
		if err := store.VerifyDecoy(ctx); err != nil {
			return d, err
		}
		if took := time.Since(start); try == 0 || took < d.took {
			d.took = took
		}
	}
	return d, nil
}

// floor returns how long wrong credentials have to wait for their answer: at least as long as --floor says.
func (d dearest) floor(least time.Duration) time.Duration {
	return max(least, min(floorFactor*d.took, maxFloor))
}

// covered is the greatest Work of a stored password that a floor hides.
func (d dearest) covered(floor time.Duration) float64 {
	return d.Work * float64(floor) / float64(floorFactor*max(d.took, 1))
}

// followTable makes the floor of the service follow the stored passwords, until ctx ends.
func (s *settings) followTable(ctx context.Context, log *slog.Logger, service *passwd.Service, store *ispmail.Store, every time.Duration) {
	floor := s.Floor
	for {
		d, err := lookForDearest(ctx, store)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			log.Warn("the stored passwords cannot be looked at, wrong credentials are answered as before", slog.Any("cause", err))
		} else {
			if needed := d.floor(s.Floor); needed != floor && service.SetFloor(needed) == nil {
				floor = needed
				log.Info("wrong credentials are answered at another time, because of the stored passwords",
					slog.Duration("floor", floor), slog.String("scheme", d.Scheme), slog.Duration("verification", d.took))
			}
			if d.Work > d.covered(floor) {
				log.Warn("some stored passwords take too long to verify to hide whose they are; --check names them",
					slog.String("scheme", d.Scheme), slog.Duration("verification", d.took))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

// checkFloor tells when wrong credentials are answered, and names the users whom that does not hide.
func checkFloor(ctx context.Context, s *settings, store *ispmail.Store, d dearest, say sayer) {
	floor := d.floor(s.Floor)
	say("ok", "Wrong credentials are answered after %v. The dearest stored password, %s, takes %v to verify.",
		floor.Round(10*time.Millisecond), d.Scheme, d.took.Round(time.Millisecond))
	covered := d.covered(floor)
	if d.Work <= covered {
		return
	}
	n := 0
	for user, err := range store.Users(ctx, ispmail.Query{}) {
		if err != nil {
			say("warn", "The passwords cannot be read: %v.", err)
			return
		}
		if info, err := s.hasher.Inspect(user.Password.Reveal()); err == nil && !info.Locked && info.Work > covered {
			n++
			say("warn", "%s: the stored password, %s, takes so long to verify that the time of an answer can tell that the user exists.", nameOf(user), info.Scheme)
		}
	}
	say("warn", "Users who stand out by the time of a verification: %d. Give them new passwords, or set --floor to %v.", n,
		(floorFactor * d.took).Round(100*time.Millisecond))
}
