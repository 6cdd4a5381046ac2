package ispmail

import (
	"context"

	"github.com/ispmail/go-ispmail/hash"
)

// theDecoy returns the decoy: what AdaptDecoy has found, or else a value as Config.Hasher makes it.
func (s *Store) theDecoy() hash.Decoy {
	if found := s.dearest.Load(); found != nil {
		return *found
	}
	return s.decoy()
}

// AdaptDecoy makes each refusal of [Store.Authenticate] and [Store.ChangePassword] cost at least what the dearest stored
// password costs that can be verified, whether the user exists or not. Without it, a refusal costs what the scheme of
// [Config.Hasher] costs, and a row that costs more stands out.
//
// It reads all users, in pages. Call it when a service starts, and now and then: the table changes. It returns what the
// decoy is now, and [hash.Info.Work] tells what it costs. It returns only errors of the database; then the decoy stays as
// it is.
func (s *Store) AdaptDecoy(ctx context.Context) (hash.Info, error) {
	dearest := s.decoy() // at least: every change writes such a value
	for user, err := range s.Users(ctx, Query{State: SwitchedOn}) {
		if err != nil {
			return hash.Info{}, err
		}
		dearest = s.hasher.Dearer(dearest, user.Password.Reveal())
	}
	s.dearest.Store(&dearest)
	return dearest.Info(), nil
}

// VerifyDecoy verifies the decoy once, without the database. A service measures with it how long a refusal takes. It returns
// only the error of ctx, which ends the wait for memory.
func (s *Store) VerifyDecoy(ctx context.Context) error {
	return s.hasher.Refuse(ctx, s.theDecoy(), "no password", 0)
}
