package ispmail

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/hash"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

const (
	rehashTimeout = 2 * time.Second
	// changeAttempts bounds how often a change starts again because the row holds another value. A rehash does that
	// once, as the next login finds nothing to do.
	changeAttempts = 3
)

// Authenticate returns the user whose address and password these are. It returns ErrBadCredentials if there is no such
// user, the password is another, or what is stored is no password, cannot be verified or is too costly to verify; the
// log says which. It returns ErrInvalidAddress for what is no address. Any other error means that the database could
// not be asked.
//
// A stored password that is due for it (see hash.Hasher.NeedsRehash) is replaced by one that Config.Hasher makes, with
// at most two seconds for it. Whether that works does not change the answer. Within RunInTx it is not done.
func (s *Store) Authenticate(ctx context.Context, email, password string) (User, error) {
	user, err := s.verify(ctx, email, password)
	if err != nil {
		return User{}, err
	}
	if s.tx == nil && s.hasher.NeedsRehash(user.Password.Reveal()) {
		s.rehash(ctx, &user, password)
	}
	return user, nil
}

// ChangePassword replaces the current password of a user after it has verified it. The new value has the scheme of
// Config.Hasher, whatever the old one had. It returns the errors of Authenticate, and hash.ErrPasswordTooLong or
// hash.ErrInvalidPassword if the replacement is a password that no mail client could log in with, ErrTooLong if its
// hash does not fit the column, and ErrOutcomeUnknown if the database went away during the commit and stayed away. After
// every other error the old password is still the one that counts.
//
// Of several changes with the same current password, one wins; the others get ErrBadCredentials.
func (s *Store) ChangePassword(ctx context.Context, email, current, replacement string) error {
	return s.replace(ctx, replacement, func(ctx context.Context) (User, error) {
		return s.verify(ctx, email, current)
	})
}

// SetPassword gives a user a new password without asking for the current one. A user who is locked stays locked, see
// [Store.Unlock]. It returns [ErrNotFound], [ErrInvalidAddress], [ErrAmbiguous], and for the rest what ChangePassword returns.
func (s *Store) SetPassword(ctx context.Context, email, password string) error {
	return s.replace(ctx, password, func(ctx context.Context) (User, error) {
		return s.User(ctx, email)
	})
}

// verify returns the user whose address and password these are. Every refusal costs a verification, so that time tells
// little; what it tells of a row whose scheme costs more or less than the configured one, only a fixed time of the answer
// hides, as package passwd has it.
func (s *Store) verify(ctx context.Context, email, password string) (User, error) {
	user, err := s.User(ctx, email)
	level, message, subject := slog.LevelDebug, "ispmail: login refused", slog.Any("user", user)
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrAmbiguous):
		subject = slog.String("email", email) // which is an address, as it was looked for
		_ = s.hasher.VerifyContext(ctx, "", s.decoy(), password)
	case err != nil:
		return User{}, err
	case !user.CanLogin():
		err = errors.New("the row is nobody's login")
		_ = s.hasher.VerifyContext(ctx, "", s.decoy(), password)
	default:
		err = s.hasher.VerifyContext(ctx, user.canonical(), user.Password.Reveal(), password)
		if err == nil {
			return user, nil
		}
		if isContextError(err) { // while it waited for memory
			return User{}, s.explain(ctx, mapError(err))
		}
		if !errors.Is(err, hash.ErrMismatch) && !errors.Is(err, hash.ErrPasswordTooLong) {
			level, message = slog.LevelWarn, "ispmail: login refused, the stored password cannot be verified"
			_ = s.hasher.VerifyContext(ctx, "", s.decoy(), password)
		}
	}
	s.log.LogAttrs(ctx, level, message, subject, slog.Any("cause", err))
	return User{}, ErrBadCredentials
}

// replace gives the user that find returns a new password, if the row still holds what find saw. If it does not, a
// rehash or another change came in between: then find decides anew.
func (s *Store) replace(ctx context.Context, password string, find func(context.Context) (User, error)) error {
	ctx, cancel := s.deadline(ctx)
	defer cancel()
	stored := ""
	for range changeAttempts {
		user, err := find(ctx)
		if err != nil {
			return err
		}
		if stored == "" {
			if stored, err = s.generate(ctx, password); err != nil {
				return err
			}
		}
		value := stored
		if s.isLocked(user) { // a new password is no reason to let somebody in
			if value, err = s.locked(ctx, stored); err != nil {
				return err
			}
		}
		swapped, err := s.swap(ctx, user, value)
		if err != nil || swapped {
			return err
		}
	}
	return &databaseError{kind: ErrUnavailable, text: "others are in the way", cause: errors.New("the password kept changing")}
}

// rehash is best effort: no error and no panic of it reaches the caller, and no wait of more than rehashTimeout. It
// changes nothing if the row no longer holds the value that was verified. If its answer gets lost, nothing is: either
// value stands for the same password. So it takes no transaction.
func (s *Store) rehash(ctx context.Context, user *User, password string) {
	report := func(cause any) {
		s.log.WarnContext(ctx, "ispmail: password not rehashed", slog.Any("user", *user), slog.Any("cause", cause))
	}
	defer func() {
		if p := recover(); p != nil {
			report("panic") // its value may hold anything
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(rehashTimeout, s.timeout))
	defer cancel()
	stored, err := s.generate(ctx, password)
	if err != nil {
		report(err)
		return
	}
	// What goes in unseen must be sound: a hash that does not verify would lock the user out.
	if !strings.HasPrefix(stored, "{"+s.hasher.Scheme()+"}") || s.hasher.NeedsRehash(stored) {
		report("the new hash is not of the configured scheme")
		return
	}
	swapped, err := s.update(ctx, s.db, *user, stored)
	if err != nil {
		report(err)
	}
	if swapped {
		user.Password = NewSecret(stored)
	}
}

// generate hashes a password and makes sure that the column can hold the result.
func (s *Store) generate(ctx context.Context, password string) (string, error) {
	stored, err := s.hasher.GenerateContext(ctx, password)
	if isContextError(err) { // while it waited for memory
		return "", s.explain(ctx, mapError(err))
	}
	if err != nil {
		return "", err
	}
	return stored, s.read(ctx, func(ctx context.Context, db bun.IDB) error {
		return s.withTable(ctx, db, tables.Users, func(t *tables.Table) error { return fits(t, "password", stored) })
	})
}

// locked returns a stored password behind a lock, if the column can hold it.
func (s *Store) locked(ctx context.Context, stored string) (string, error) {
	stored = s.hasher.Lock(stored)
	return stored, s.read(ctx, func(ctx context.Context, db bun.IDB) error {
		return s.withTable(ctx, db, tables.Users, func(t *tables.Table) error { return fits(t, "password", stored) })
	})
}

// swap is update in a transaction, so that nothing comes later after a failure, and with a look at the row if the answer
// to the commit gets lost. It has the server's isolation level: one row is compared and changed by one statement.
func (s *Store) swap(ctx context.Context, user User, stored string) (swapped bool, err error) {
	change := func(ctx context.Context, tx *transaction) (err error) {
		if swapped, err = s.update(ctx, tx, user, stored); swapped {
			tx.changed(tables.Users, "password", user.ID, user.Password.Reveal(), stored)
			tx.tell(Change{Kind: PasswordChanged, Email: user.canonical(), Domain: address.DomainOf(user.canonical())})
		}
		return err
	}
	if s.tx != nil {
		err = s.write(ctx, change)
	} else {
		err = s.transact(ctx, nil, change)
	}
	return swapped && err == nil, err
}

// update replaces the stored password of a user if the row still holds the bytes that were read. A plain "=" would
// ignore case, and a bare CAST fails on a column that is not Unicode.
func (s *Store) update(ctx context.Context, db bun.IDB, user User, stored string) (bool, error) {
	query := db.NewUpdate().Table(tables.Users).Set("password = ?", stored).Where("id = ?", user.ID)
	if s.isMariaDB() {
		// As bytes, the value is written in hexadecimal, which no sql_mode and no character set reads in another way.
		query.Where("CAST(CONVERT(COALESCE(password, '') USING utf8mb4) AS BINARY) = ?", []byte(user.Password.Reveal()))
	} else {
		query.Where("COALESCE(password, '') = ? COLLATE BINARY", user.Password.Reveal()) // a CAST would compare numbers
	}
	result, err := query.Exec(ctx)
	if err != nil {
		return false, mapError(err)
	}
	// The new value is never the old one, its salt is fresh: rows changed are rows found.
	rows, err := result.RowsAffected()
	return rows == 1, mapError(err)
}
