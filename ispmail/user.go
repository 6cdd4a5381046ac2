package ispmail

import (
	"context"
	"fmt"
	"iter"

	"github.com/uptrace/bun"
)

// CreateUser adds a mailbox with a password, which is hashed as Config.Hasher says. It returns ErrInvalidAddress,
// ErrNoDomain, ErrExists, ErrTooLong, or the hash.ErrPasswordTooLong or hash.ErrInvalidPassword of a password that no
// mail client could log in with.
func (s *Store) CreateUser(ctx context.Context, email, password string) (User, error) {
	email, err := Canonical(email)
	if err != nil {
		return User{}, err
	}
	stored, err := s.generate(ctx, password)
	if err != nil {
		return User{}, err
	}
	user := User{Email: email, Password: stored}
	err = s.transact(ctx, func(ctx context.Context, tx bun.IDB) error {
		domain, err := domainOf(ctx, tx, email) // its lock serialises new users where the e-mail is not unique
		if err != nil {
			return err
		}
		switch rows, err := lookup[User](ctx, tx, "email", email, readRows); {
		case err != nil:
			return err
		case len(rows) > 0:
			return fmt.Errorf("%w: user %s", ErrExists, email)
		}
		user.ID, user.DomainID = 0, domain.ID
		_, err = tx.NewInsert().Model(&user).Exec(ctx)
		return mapError(err)
	})
	if err != nil {
		return User{}, err
	}
	return user, nil
}

// User returns the user with that address. It returns ErrNotFound, ErrInvalidAddress or ErrAmbiguous.
func (s *Store) User(ctx context.Context, email string) (User, error) {
	email, err := Canonical(email)
	if err != nil {
		return User{}, err
	}
	return s.user(ctx, s.db, email)
}

// Users lists the users of a domain, or of all domains if domain is "", by id and in constant memory.
func (s *Store) Users(ctx context.Context, domain string) iter.Seq2[User, error] {
	return list(ctx, s, domain, func(u User) int64 { return u.ID })
}

// DeleteUser removes a user. Aliases that lead to it stay. It returns ErrNotFound, ErrInvalidAddress or ErrAmbiguous.
func (s *Store) DeleteUser(ctx context.Context, email string) error {
	email, err := Canonical(email)
	if err != nil {
		return err
	}
	return s.transact(ctx, func(ctx context.Context, tx bun.IDB) error {
		user, err := s.user(ctx, tx, email)
		if err != nil {
			return err
		}
		_, err = tx.NewDelete().Model((*User)(nil)).Where("id = ?", user.ID).Exec(ctx)
		return mapError(err)
	})
}

// user returns the one row of a canonical address. Within a transaction it is locked.
func (s *Store) user(ctx context.Context, db bun.IDB, email string) (User, error) {
	rows, err := lookup[User](ctx, db, "email", email, lockMode(db != bun.IDB(s.root)))
	switch {
	case err != nil:
		return User{}, err
	case len(rows) == 0:
		return User{}, fmt.Errorf("%w: user %s", ErrNotFound, email)
	case len(rows) > 1:
		return User{}, fmt.Errorf("%w: %s", ErrAmbiguous, email)
	}
	return rows[0], nil
}
