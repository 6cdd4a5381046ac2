package hash

import (
	"context"
	"errors"
)

// A Decoy is a stored password that is verified where there is none, or a cheaper one, so that the time of a refusal does not tell
// what is stored. The zero value costs nothing. It is safe for concurrent use.
type Decoy struct {
	stored string
	info   Info
}

const (
	// sameWork is the part of the decoy's work that makes a second verification needless.
	sameWork = 0.75
	// decoyPassword is the longest password in bytes that all schemes hash, see ErrPasswordTooLong.
	decoyPassword = 511
)

// Info tells what the decoy costs.
func (d Decoy) Info() Info { return d.info }

// NewDecoy returns a decoy that costs what a value of [Hasher.Generate] costs.
func (h *Hasher) NewDecoy() Decoy {
	stored, _ := h.Generate("decoy") // a failure only makes the decoy cheaper to verify
	return h.Dearer(Decoy{}, stored)
}

// Dearer returns the dearer of a decoy and a stored value by their [Info.Work]. A value that is locked or cannot be verified is none.
func (h *Hasher) Dearer(d Decoy, stored string) Decoy {
	if info, err := h.Inspect(stored); err == nil && !info.Locked && (d.stored == "" || info.Work > d.info.Work) {
		return Decoy{stored, info}
	}
	return d
}

// Refuse verifies a decoy before a password is refused, unless a verification that has taken about as long was done already: done
// is its [Info.Work], 0 if there was none. It returns only the error of ctx, which ends the wait for memory.
func (h *Hasher) Refuse(ctx context.Context, d Decoy, password string, done float64) error {
	if d.stored == "" || done > 0 && done >= sameWork*d.info.Work {
		return nil
	}
	// Cut, because some schemes refuse a longer one without any work, and others do not.
	err := h.VerifyContext(ctx, "", d.stored, password[:min(len(password), decoyPassword)])
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
