package ispmail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

const (
	// rehashTimeout bounds what a rehash waits for, not what it computes: where hashing takes longer than this, the
	// password must be renewed nevertheless.
	rehashTimeout = 2 * time.Second
	// changeAttempts bounds how often a change starts again because the row holds another value. A rehash causes that
	// once: the next login finds nothing to rehash.
	changeAttempts = 3
)

// Authenticate returns the user with this address if the password is right.
//
// The password may be any bytes, as Dovecot would get them; one with a NUL byte matches nothing.
//
// It returns [ErrBadCredentials] if there is no such user or more than one, the user is locked or switched off, the
// password is wrong, or the stored value is no password, cannot be verified or is too costly to verify; the log says
// which. It returns [ErrInvalidAddress] for a malformed address, and [ErrBusy] if ctx ends the wait for memory, see
// [hash.Hasher.VerifyContext]. Any other error means that the database could not be asked.
//
// If the stored password is outdated (see [hash.Hasher.NeedsRehash]), Authenticate replaces it by one that
// [Config.Hasher] makes. For that it waits at most two seconds for memory and two for the database, and a failure is
// only logged. Inside [Store.RunInTx] it does not rehash.
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

// ChangePassword replaces the password of a user after it has verified the current one. The new value has the scheme of
// [Config.Hasher]. Of concurrent changes from the same current password, one succeeds; the others return
// [ErrBadCredentials].
//
// The current password may be any bytes, as for [Store.Authenticate]; the replacement must be UTF-8 without control
// characters.
//
// It returns the errors of [Store.Authenticate], [hash.ErrPasswordTooLong], or [hash.ErrInvalidPassword] for a
// replacement that no mail client could log in with, [hash.ErrControlCharacter] among them, [ErrTooLong] if the hash does not fit its column, and
// [ErrOutcomeUnknown]. After every other error the old password is still valid.
func (s *Store) ChangePassword(ctx context.Context, email, current, replacement string) error {
	return s.replacePassword(ctx, replacement, func(ctx context.Context) (User, error) {
		return s.verify(ctx, email, current)
	})
}

// SetPassword gives a user a new password without asking for the current one. A locked user stays locked, see
// [Store.Unlock], and one who is switched off stays so.
//
// It returns [ErrNotFound], [ErrInvalidAddress], [ErrAmbiguous], and for the new password the errors of
// [Store.ChangePassword].
func (s *Store) SetPassword(ctx context.Context, email, password string) error {
	return s.replacePassword(ctx, password, func(ctx context.Context) (User, error) {
		return s.User(ctx, email)
	})
}

// verify returns the user with this address if the password is right. Every refusal costs at least what the decoy costs,
// so that its time hides whether the user exists. A row that costs more than the decoy stands out, see AdaptDecoy. Small
// differences remain; only an answer after a fixed time hides those, as in package passwd.
func (s *Store) verify(ctx context.Context, email, password string) (User, error) {
	user, err := s.User(ctx, email)
	level, message, subject := slog.LevelDebug, "ispmail: login refused", slog.Any("user", user)
	done := 0.0 // the work of a verification
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrAmbiguous):
		subject = slog.String("email", email) // a valid address, or User would have refused it
		if errors.Is(err, ErrAmbiguous) || errors.Is(err, errUnfitRow) {
			level, message = slog.LevelWarn, "ispmail: login refused, the rows in virtual_users have to be corrected"
		}
	case err != nil:
		return User{}, err
	case !user.CanLogin(), s.isLocked(user):
		switch {
		case user.Off:
			err = errSwitchedOff
		case s.isLocked(user):
			err = errors.New("the account is locked")
		case user.Password.Reveal() == "":
			level, message = slog.LevelWarn, "ispmail: login refused, the row has no password"
			err = errors.New("virtual_users.password is empty, so the row is nobody's login")
		default:
			err = errors.New("the row is nobody's login")
		}
	default:
		err = s.hasher.VerifyContext(ctx, user.canonical(), user.Password.Reveal(), password)
		if err == nil {
			return user, nil
		}
		if isContextError(err) { // it ended while waiting for memory
			return User{}, noMemory(ctx, err)
		}
		switch {
		case errors.Is(err, hash.ErrMismatch):
			info, _ := s.hasher.Inspect(user.Password.Reveal())
			done = info.Work
		case !errors.Is(err, hash.ErrPasswordTooLong):
			level, message = slog.LevelWarn, "ispmail: login refused, the stored password cannot be verified"
		}
	}
	if err := s.hasher.Refuse(ctx, s.theDecoy(), password, done); err != nil {
		return User{}, noMemory(ctx, err) // as for a user whose own value needs the memory
	}
	s.log.LogAttrs(ctx, level, message, subject, slog.Any("cause", err))
	return User{}, ErrBadCredentials
}

// replacePassword sets a new password for the user that find returns, if the row still holds what find read. Otherwise
// a rehash or another change came in between, and find decides again.
func (s *Store) replacePassword(ctx context.Context, password string, find func(context.Context) (User, error)) error {
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
		if s.isLocked(user) { // a new password does not unlock
			if value, err = s.lockedValue(ctx, stored); err != nil {
				return err
			}
		}
		swapped, err := s.swapInTx(ctx, user, value)
		if err != nil || swapped {
			return err
		}
	}
	return &databaseError{kind: ErrUnavailable, text: "others are in the way", cause: errors.New("the password kept changing")}
}

// rehash replaces a stored password if it can. It returns no error, recovers from panics, and waits at most
// rehashTimeout for memory and as long again for the database. It changes nothing if the row no longer holds the
// verified value. It needs no transaction: if the answer gets lost, either value verifies the same password.
func (s *Store) rehash(ctx context.Context, user *User, password string) {
	report := func(cause any) {
		s.log.WarnContext(ctx, "ispmail: password not rehashed", slog.Any("user", *user), slog.Any("cause", cause))
	}
	defer func() {
		if p := recover(); p != nil {
			report("panic") // its value may hold anything
		}
	}()
	ctx = context.WithoutCancel(ctx)
	memory, cancel := context.WithTimeout(ctx, min(rehashTimeout, s.timeout))
	defer cancel()
	stored, err := s.hash(memory, password, s.hasher.RehashContext)
	if err != nil {
		report(err)
		return
	}
	// Nobody sees this change, so the new hash must be sound: one that does not verify would lock the user out.
	if !strings.HasPrefix(stored, "{"+s.hasher.Scheme()+"}") || s.hasher.NeedsRehash(stored) {
		report("the new hash is not of the configured scheme")
		return
	}
	ctx, cancel = context.WithTimeout(ctx, min(rehashTimeout, s.timeout))
	defer cancel()
	if err := s.fitsPassword(ctx, stored); err != nil {
		report(err)
		return
	}
	swapped, err := s.compareAndSwap(ctx, s.db, *user, stored)
	if err != nil {
		report(err)
	}
	if swapped {
		user.Password = NewSecret(stored)
	}
}

// generate hashes a password and checks that the column can hold the result.
func (s *Store) generate(ctx context.Context, password string) (string, error) {
	stored, err := s.hash(ctx, password, s.hasher.GenerateContext)
	if err != nil {
		return "", err
	}
	return stored, s.fitsPassword(ctx, stored)
}

// hash hashes a password with a method of the hasher. A context that ends ends the wait for memory, not the computation.
func (s *Store) hash(ctx context.Context, password string, generate func(context.Context, string) (string, error)) (string, error) {
	stored, err := generate(ctx, password)
	if isContextError(err) {
		return "", noMemory(ctx, err)
	}
	return stored, err
}

// noMemory returns the error for a wait for memory that ctx has ended.
func noMemory(ctx context.Context, ended error) error {
	if err := blameCaller(ctx, mapError(ended)); errors.Is(err, errCallerGone) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrBusy, ended)
}

// lockedValue returns a stored password behind a lock, if the column can hold it.
func (s *Store) lockedValue(ctx context.Context, stored string) (string, error) {
	stored = s.hasher.Lock(stored)
	return stored, s.fitsPassword(ctx, stored)
}

// fitsPassword returns an error if the column cannot hold a stored password.
func (s *Store) fitsPassword(ctx context.Context, stored string) error {
	return s.read(ctx, func(ctx context.Context, db bun.IDB) error {
		return s.withTable(ctx, db, tables.Users, func(t *tables.Table) error { return fits(t, "password", stored) })
	})
}

// swapInTx runs compareAndSwap in a transaction, so that nothing changes after a failure, and so that a lost answer to
// the commit is investigated. It keeps the server's isolation level, because one statement compares and changes one
// row.
func (s *Store) swapInTx(ctx context.Context, user User, stored string) (swapped bool, err error) {
	change := func(ctx context.Context, tx *transaction) (err error) {
		if swapped, err = s.compareAndSwap(ctx, tx, user, stored); swapped {
			tx.recordChange(tables.Users, "password", user.rowID(), user.Password.Reveal(), stored)
			tx.emit(Change{Kind: PasswordChanged, Email: user.canonical(), Domain: address.DomainOf(user.canonical())})
		}
		return err
	}
	if s.tx != nil {
		err = s.write(ctx, change)
	} else {
		err = s.transact(ctx, nil, change)
	}
	return swapped && err == nil, s.named(err)
}

// compareAndSwap replaces the stored password of a user if the row still holds the bytes that were read, and has not been
// switched off since. A plain "=" would ignore case, and CAST alone fails on a column that is not Unicode.
func (s *Store) compareAndSwap(ctx context.Context, db bun.IDB, user User, stored string) (bool, error) {
	query := db.NewUpdate().Table(tables.Users).Set("password = ?", stored).Where("id = ?", user.rowID())
	if s.isMariaDB() {
		// Bytes are written in hexadecimal, which every sql_mode and character set reads alike.
		query.Where("CAST(CONVERT(COALESCE(password, '') USING utf8mb4) AS BINARY) = ?", []byte(user.Password.Reveal()))
	} else {
		query.Where("COALESCE(password, '') = ? COLLATE BINARY", user.Password.Reveal()) // a CAST would compare numbers
	}
	if t := s.catalog.get(tables.Users); t != nil && t.RowOn != "" && !user.Off {
		query.Where(t.RowOn)
	}
	result, err := query.Exec(ctx)
	if err != nil {
		return false, mapError(err)
	}
	// The salt is fresh, so the new value differs from the old one: the number of changed rows is that of matched rows.
	rows, err := result.RowsAffected()
	return rows == 1, mapError(err)
}
