package ispmail

import (
	"context"

	"github.com/ispmail/go-ispmail/hash"
)

// A decoy is a stored password that is verified where there is none, so that the time of a refusal hides whether the user
// exists.
type decoy struct {
	stored string
	work   float64 // see hash.Info
}

// sameWork is the part of the decoy's work that makes a second verification needless.
const sameWork = 0.75

// decoyPassword is the longest password in bytes that all schemes hash, see hash.ErrPasswordTooLong.
const decoyPassword = 511

// theDecoy returns the decoy: what AdaptDecoy has found, or else a value as Config.Hasher makes it.
func (s *Store) theDecoy() decoy {
	if found := s.dearest.Load(); found != nil {
		return *found
	}
	return s.decoy()
}

// newDecoy makes a stored password.
func newDecoy(hasher *hash.Hasher) decoy {
	stored, _ := hasher.Generate("decoy") // a failure only makes the decoy cheaper to verify
	info, _ := hasher.Inspect(stored)
	return decoy{stored, info.Work}
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
		stored := user.Password.Reveal()
		if info, err := s.hasher.Inspect(stored); err == nil && !info.Locked && info.Work > dearest.work {
			dearest = decoy{stored, info.Work}
		}
	}
	s.dearest.Store(&dearest)
	info, _ := s.hasher.Inspect(dearest.stored)
	return info, nil
}

// VerifyDecoy verifies the decoy once, without the database. A service measures with it how long a refusal takes. It returns
// only the error of ctx, which ends the wait for memory.
func (s *Store) VerifyDecoy(ctx context.Context) error {
	err := s.hasher.VerifyContext(ctx, "", s.theDecoy().stored, "no password")
	if isContextError(err) {
		return err
	}
	return nil
}

// refuse verifies the decoy, unless a verification of the given work has been done already.
func (s *Store) refuse(ctx context.Context, password string, done float64) {
	if d := s.theDecoy(); done < sameWork*d.work {
		// Cut, because some schemes refuse a longer one without any work, and others do not.
		_ = s.hasher.VerifyContext(ctx, "", d.stored, password[:min(len(password), decoyPassword)])
	}
}
