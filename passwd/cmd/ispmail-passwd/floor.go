package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/limit"
)

const (
	// floorEvery is how often the table is looked at.
	floorEvery = time.Hour
	// floorAgain is when it is looked at again if that did not work.
	floorAgain = time.Minute
)

// lookForDearest makes the decoy of the store follow the table, and measures it.
func lookForDearest(ctx context.Context, store *ispmail.Store) (limit.Dearest, error) {
	info, err := store.AdaptDecoy(ctx)
	if err != nil {
		return limit.Dearest{}, err
	}
	return limit.Measure(info, func() error { return store.VerifyDecoy(ctx) })
}

// followTable makes the floor of the service follow the stored passwords, until ctx ends.
func (s *settings) followTable(ctx context.Context, log *slog.Logger, service *passwd.Service, store *ispmail.Store, every time.Duration) {
	floor := s.Floor
	for {
		next := every
		d, err := lookForDearest(ctx, store)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			next = min(every, floorAgain)
			log.Warn("the stored passwords cannot be looked at, wrong credentials are answered as before", slog.Any("cause", err))
		} else {
			if needed := d.Floor(s.Floor); needed != floor && service.SetFloor(needed) == nil {
				floor = needed
				log.Info("wrong credentials are answered at another time, because of the stored passwords",
					slog.Duration("floor", floor), slog.String("scheme", d.Scheme), slog.Duration("verification", d.Took))
			}
			if d.Work > d.Covered(floor) {
				log.Warn("some stored passwords take too long to verify to hide whose they are; --check names them",
					slog.String("scheme", d.Scheme), slog.Duration("verification", d.Took))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		}
	}
}

// checkFloor tells when wrong credentials are answered, and names the users whom that does not hide.
func checkFloor(ctx context.Context, s *settings, store *ispmail.Store, d limit.Dearest, say sayer) {
	floor := d.Floor(s.Floor)
	say("ok", "Wrong credentials are answered after %v. The dearest stored password, %s, takes %v to verify.",
		floor.Round(10*time.Millisecond), d.Scheme, d.Took.Round(time.Millisecond))
	covered := d.Covered(floor)
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
		d.Wanted().Round(100*time.Millisecond))
}
