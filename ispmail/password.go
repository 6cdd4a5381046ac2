package ispmail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/hash"
)

const rehashTimeout = 2 * time.Second

// Authenticate returns the user whose address and password these are. It returns ErrBadCredentials if there is no such
// user, the password is another, or what is stored is no password; the log says which. It returns ErrInvalidAddress
// for what is no address. Any other error means that the database could not be asked.
//
// A stored password that is due for it (see hash.Hasher.NeedsRehash) is replaced by one that Config.Hasher makes, with
// at most two seconds for it. Whether that works does not change the answer.
func (s *Store) Authenticate(ctx context.Context, email, password string) (User, error) {
	user, err := s.verify(ctx, email, password)
	if err != nil {
		return User{}, err
	}
	if !s.inTx() && s.hasher.NeedsRehash(user.Password) {
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

// SetPassword gives a user a new password without asking for the current one. It returns ErrNotFound,
// ErrInvalidAddress, ErrAmbiguous, and for the rest what ChangePassword returns.
func (s *Store) SetPassword(ctx context.Context, email, password string) error {
	return s.replace(ctx, password, func(ctx context.Context) (User, error) {
		return s.User(ctx, email)
	})
}

// verify returns the user whose address and password these are.
func (s *Store) verify(ctx context.Context, email, password string) (User, error) {
	email, err := Canonical(email)
	if err != nil {
		return User{}, err
	}
	user, err := s.user(ctx, s.db, email)
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrAmbiguous):
		// As much work as for a user that exists, so that time does not tell.
		_ = s.hasher.Verify(s.decoy(), password)
		s.log.DebugContext(ctx, "ispmail: login refused", slog.String("email", email), slog.Any("cause", err))
		return User{}, ErrBadCredentials
	case err != nil:
		return User{}, err
	}
	switch err := s.hasher.Verify(user.Password, password); {
	case err == nil:
		return user, nil
	case errors.Is(err, hash.ErrMismatch), errors.Is(err, hash.ErrPasswordTooLong):
		s.log.DebugContext(ctx, "ispmail: login refused", slog.Any("user", user), slog.Any("cause", err))
	default:
		s.log.WarnContext(ctx, "ispmail: login refused, the stored password cannot be verified", slog.Any("user", user), slog.Any("cause", err))
	}
	return User{}, ErrBadCredentials
}

// replace gives the user that find returns a new password, if the row still holds what find saw. If it does not, a
// rehash or another change came in between: then find decides anew.
func (s *Store) replace(ctx context.Context, password string, find func(context.Context) (User, error)) error {
	stored := ""
	for range attempts {
		user, err := find(ctx)
		if err != nil {
			return err
		}
		if stored == "" {
			if stored, err = s.generate(ctx, password); err != nil {
				return err
			}
		}
		swapped, err := s.swap(ctx, user, stored)
		if err != nil || swapped {
			return err
		}
	}
	return errors.New("ispmail: the password was changed by others at the same time, too often")
}

// rehash is best effort: no error and no panic of it reaches the caller, and no wait of more than rehashTimeout. It
// changes nothing if the row no longer holds the value that was verified.
func (s *Store) rehash(ctx context.Context, user *User, password string) {
	report := func(cause any) {
		s.log.WarnContext(ctx, "ispmail: password not rehashed", slog.Any("user", *user), slog.Any("cause", cause))
	}
	defer func() {
		if p := recover(); p != nil {
			report("panic") // its value may hold anything
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rehashTimeout)
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
		user.Password = stored
	}
}

// generate hashes a password and makes sure that the column can hold the result.
func (s *Store) generate(ctx context.Context, password string) (string, error) {
	stored, err := s.hasher.Generate(password)
	if err != nil {
		return "", err
	}
	if err := s.width.fits(ctx, s, stored); err != nil {
		return "", err
	}
	return stored, nil
}

// swap is update in a transaction, so that a connection that breaks before the commit changes nothing, and with a look
// at the row if it breaks during the commit.
func (s *Store) swap(ctx context.Context, user User, stored string) (swapped bool, err error) {
	err = s.transact(ctx, func(ctx context.Context, tx bun.IDB) (err error) {
		swapped, err = s.update(ctx, tx, user, stored)
		return err
	})
	if errors.Is(err, ErrOutcomeUnknown) {
		if !swapped {
			return false, nil // there was nothing to commit
		}
		return s.readBack(ctx, user, stored, err)
	}
	return swapped && err == nil, err
}

// update replaces the stored password of a user if the row still holds the bytes that were read. A plain "=" would
// ignore case, and a bare CAST fails on a column that is not Unicode.
func (s *Store) update(ctx context.Context, db bun.IDB, user User, stored string) (bool, error) {
	same := "password = ? COLLATE BINARY" // SQLite; a CAST there would compare numbers
	if s.isMariaDB() {
		same = "CAST(CONVERT(password USING utf8mb4) AS BINARY) = CAST(CONVERT(? USING utf8mb4) AS BINARY)"
	}
	result, err := db.NewUpdate().Model((*User)(nil)).Set("password = ?", stored).
		Where("id = ?", user.ID).Where(same, user.Password).Exec(ctx)
	if err != nil {
		return false, mapError(err)
	}
	// The new value is never the old one, its salt is fresh: rows changed are rows found.
	rows, err := result.RowsAffected()
	return rows == 1, mapError(err)
}

// readBack finds out whether a commit whose answer got lost took place. It reads with a lock, which waits for a commit
// that is still under way.
func (s *Store) readBack(ctx context.Context, user User, stored string, lost error) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readBackTimeout)
	defer cancel()
	for {
		var now User
		err := s.transactOnce(ctx, func(ctx context.Context, tx bun.IDB) error {
			query := tx.NewSelect().Model(&now).Where("id = ?", user.ID)
			if s.isMariaDB() {
				query.For("UPDATE")
			}
			return mapError(query.Scan(ctx))
		})
		switch {
		case err == nil && now.Password == stored:
			return true, nil
		case err == nil && now.Password == user.Password:
			return false, fmt.Errorf("ispmail: database: the connection broke, nothing was changed")
		case err == nil, errors.Is(err, ErrNotFound):
			return false, lost // somebody else came after us
		}
		select {
		case <-ctx.Done():
			return false, lost
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// columnWidth knows how many characters the column password holds.
type columnWidth struct {
	mu    sync.Mutex
	known bool
	chars int // 0 = no limit
}

// fits returns ErrTooLong if the column cannot hold a value. A width that is known is trusted as long as it suffices.
func (w *columnWidth) fits(ctx context.Context, s *Store, stored string) error {
	if !s.isMariaDB() {
		return nil // SQLite cuts nothing, and a CHECK refuses
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	length := utf8.RuneCountInString(stored)
	if w.known && length <= w.chars {
		return nil
	}
	err := s.db.NewSelect().ColumnExpr("character_maximum_length").TableExpr("information_schema.columns").
		Where("table_schema = DATABASE()").Where("table_name = 'virtual_users'").Where("column_name = 'password'").
		Scan(ctx, &w.chars)
	if err = mapError(err); errors.Is(err, ErrNotFound) {
		return errors.New("ispmail: database: there is no column virtual_users.password that this account may see")
	}
	if err != nil {
		return err
	}
	w.known = true
	if length > w.chars {
		return fmt.Errorf("%w: %d characters, virtual_users.password holds %d", ErrTooLong, length, w.chars)
	}
	return nil
}
