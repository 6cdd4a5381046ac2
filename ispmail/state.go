package ispmail

import (
	"context"
	"fmt"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// Lock keeps a user from logging in without losing the password. It puts "{CRYPT}!" before the stored value, see
// [hash.Hasher.Lock]. Mail still arrives. Open sessions go on, and Dovecot's cache may still know the password:
// [Config.OnChange] is the place to end both.
//
// It returns [ErrNotFound], [ErrAmbiguous], [ErrInvalidAddress], [ErrLocked] if the user is locked already, and
// [ErrTooLong] if the column cannot hold the longer value.
func (s *Store) Lock(ctx context.Context, email string) error {
	return s.replaceStored(ctx, email, StateChanged, func(user User) (string, error) {
		if s.isLocked(user) {
			return "", fmt.Errorf("%w: %s", ErrLocked, user.canonical())
		}
		stored := s.hasher.Lock(user.Password.Reveal())
		if back, err := s.hasher.Unlock(stored); err != nil || back != user.Password.Reveal() {
			return "", fmt.Errorf("%w: nobody can log in as %s, so there is nothing to lock", ErrLocked, user.canonical())
		}
		return stored, nil
	})
}

// Unlock lets a locked user log in again with the password from before the lock.
//
// It returns [ErrNotFound], [ErrAmbiguous], [ErrInvalidAddress], and [ErrNotLocked] if the user is not locked or if
// there is no password behind the lock. In the latter case, [Store.SetStoredPassword] replaces the lock.
func (s *Store) Unlock(ctx context.Context, email string) error {
	return s.replaceStored(ctx, email, StateChanged, func(user User) (string, error) {
		if !s.isLocked(user) {
			return "", fmt.Errorf("%w: %s", ErrNotLocked, user.canonical())
		}
		stored, err := s.hasher.Unlock(user.Password.Reveal())
		if err != nil {
			return "", fmt.Errorf("%w, or there is no password behind the lock: %s: %w", ErrNotLocked, user.canonical(), err)
		}
		return stored, nil
	})
}

// isLocked is [User.IsLocked] with the default scheme of [Config.Hasher].
func (s *Store) isLocked(user User) bool {
	info, _ := s.hasher.Inspect(user.Password.Reveal())
	return info.Locked
}

// replaceStored replaces the stored password of a user by what change makes of the row.
func (s *Store) replaceStored(ctx context.Context, email string, kind ChangeKind, change func(User) (string, error)) error {
	email, err := Canonical(email)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *transaction) error {
		user, err := s.userRow(ctx, tx, email, lockRows)
		if err != nil {
			return err
		}
		stored, err := change(user)
		if err != nil || stored == user.Password.Reveal() {
			return err
		}
		return s.withTable(ctx, tx, tables.Users, func(t *tables.Table) error {
			if err := fits(t, "password", stored); err != nil {
				return err
			}
			swapped, err := s.compareAndSwap(ctx, tx, user, stored)
			if err != nil {
				return err
			}
			if !swapped {
				return fmt.Errorf("%w: user %s", ErrNotFound, email)
			}
			tx.recordChange(tables.Users, "password", user.rowID(), user.Password.Reveal(), stored)
			tx.emit(Change{Kind: kind, Email: email, Domain: address.DomainOf(email)})
			return nil
		})
	})
}

// SetStoredPassword gives a user a stored password, "{SCHEME}hash", that was made elsewhere. It stores the value
// unchanged.
//
// It returns [ErrNotFound], [ErrAmbiguous], [ErrInvalidAddress], [ErrTooLong], and [hash.ErrMalformed] if the value is
// neither a lock nor one that Dovecot could verify a login with.
func (s *Store) SetStoredPassword(ctx context.Context, email, stored string) error {
	if err := s.checkStored(stored); err != nil {
		return err
	}
	return s.replaceStored(ctx, email, PasswordChanged, func(user User) (string, error) {
		info, _ := s.hasher.Inspect(stored)
		if s.isLocked(user) && !info.Locked { // a reset keeps a lock
			return s.hasher.Lock(stored), nil
		}
		return stored, nil
	})
}
