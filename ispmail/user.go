package ispmail

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// CreateUser adds a mailbox with a password, which it hashes with [Config.Hasher]. The quota is the default of the
// column. To set another one, call [Store.CreateUserStored] and [Store.SetQuota] in one [Store.RunInTx].
//
// A warning says whether the address has aliases that take all its mail.
//
// It returns [ErrInvalidAddress], [ErrNoDomain], [ErrExists], [ErrTooLong], and [hash.ErrPasswordTooLong] or
// [hash.ErrInvalidPassword] for a password that no mail client could log in with, [hash.ErrControlCharacter] among them.
func (s *Store) CreateUser(ctx context.Context, email, password string) (User, []Warning, error) {
	ctx, cancel := s.deadline(ctx)
	defer cancel()
	email, err := newAddressIn("address", email)
	if err != nil {
		return User{}, nil, err
	}
	stored, err := s.generate(ctx, password)
	if err != nil {
		return User{}, nil, err
	}
	return s.createUser(ctx, email, stored)
}

// CreateUserStored is [Store.CreateUser] with a stored password, "{SCHEME}hash", that was made elsewhere, or by
// [Store.Hasher] before a transaction: inside one, hashing makes others wait. It stores the value unchanged.
//
// It returns [hash.ErrMalformed] if the value is neither a lock nor one that Dovecot could verify a login with, and
// [ErrInvalidAddress], [ErrNoDomain], [ErrExists] or [ErrTooLong].
func (s *Store) CreateUserStored(ctx context.Context, email, stored string) (User, []Warning, error) {
	ctx, cancel := s.deadline(ctx)
	defer cancel()
	email, err := newAddressIn("address", email)
	if err != nil {
		return User{}, nil, err
	}
	if err := s.checkStored(stored); err != nil {
		return User{}, nil, err
	}
	if err := s.fitsPassword(ctx, stored); err != nil {
		return User{}, nil, err
	}
	return s.createUser(ctx, email, stored)
}

// createUser adds a mailbox, by its canonical address.
func (s *Store) createUser(ctx context.Context, email, stored string) (User, []Warning, error) {
	var user User
	var warnings []Warning
	err := s.write(ctx, func(ctx context.Context, tx *transaction) error {
		if err := s.administer(ctx, tx, tables.Domains, tables.Users); err != nil {
			return err
		}
		domain, err := s.lockDomainOf(ctx, tx, email)
		if err != nil {
			return err
		}
		switch rows, err := lookup[User](ctx, s, tx, "email", lockRows, email); {
		case err != nil:
			return err
		case len(rows) > 0:
			return fmt.Errorf("%w: user %s%s", ErrExists, email, offNote(s, rows...))
		}
		user = User{DomainID: domain.ID, Email: email, Password: NewSecret(stored)}
		id, err := s.insert(ctx, tx, tables.Users, user.newRow())
		if err != nil {
			return err
		}
		rows, err := selectRows[User](ctx, s, tx, "id = ?", id)
		if err != nil {
			return err
		}
		user = rows[0] // with the quota
		tx.emit(Change{Kind: UserCreated, Email: email, Domain: address.DomainOf(email)})
		aliases, err := s.aliasesWithin(ctx, tx, []int64{domain.ID}, email, readRows)
		if !user.Off && isShadowed(email, onlyOn(aliases)) {
			warnings = []Warning{warnShadowed(email)}
		}
		return err
	})
	if err != nil {
		return User{}, nil, err
	}
	return user, warnings, nil
}

// User returns a user by address. Inside [Store.RunInTx] it locks the row. It returns [ErrNotFound],
// [ErrInvalidAddress] or [ErrAmbiguous]. Of several rows with the address, it is the one that is switched on if there is
// exactly one, see [Config.State].
func (s *Store) User(ctx context.Context, email string) (User, error) {
	given := email
	email, err := Canonical(email)
	if err != nil {
		return User{}, err
	}
	var user User
	err = s.read(ctx, func(ctx context.Context, db bun.IDB) error {
		if s.tx == nil {
			if rows, err := s.exactUsers(ctx, db, email, given); err != nil || len(rows) == 1 && !rows[0].Off {
				user = append(rows, User{})[0]
				return err
			}
		}
		user, err = s.userRow(ctx, db, email, s.lockInTx())
		return err
	})
	return user, err
}

// Users yields the users that a [Query] selects, by id and in constant memory. The zero Query selects all. Rows of
// other programs that are no login are among them, see [User.CanLogin]. An error ends the sequence: see [InDomain] for
// the possible answers.
func (s *Store) Users(ctx context.Context, q Query) iter.Seq2[User, error] {
	return list[User](ctx, s, q)
}

// DeleteUser removes a user. It returns warnings about the aliases that now lead nowhere, because they lead to the address, which
// has no alias of its own and no catch-all, and about those of the address itself, which go on sending mail elsewhere. All of them
// stay in the table: see [Store.DeleteAlias] and [Store.ChangeAlias].
//
// The mail on the disk stays where it is: a new user of the address would get the mail of the old one. Remove it, and end
// open sessions.
//
// It returns [ErrNotFound], [ErrInvalidAddress], [ErrAmbiguous], or [ErrReferenced] if a table of another program refers
// to the user.
func (s *Store) DeleteUser(ctx context.Context, email string) (warnings []Warning, err error) {
	email, err = Canonical(email)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(ctx context.Context, tx *transaction) error {
		if err := s.administer(ctx, tx, tables.Users); err != nil {
			return err
		}
		if err := s.lockMailbox(ctx, tx, email); err != nil {
			return err
		}
		user, err := s.userRow(ctx, tx, email, lockRows)
		if err != nil {
			return err
		}
		if _, err := tx.NewDelete().Table(tables.Users).Where("id = ?", user.ID).Exec(ctx); err != nil {
			return s.deleteError(ctx, tx, err, tables.Users, "id = ?", user.ID)
		}
		tx.recordChange(tables.Users, "id", user.ID, user.ID, nil)
		tx.emit(Change{Kind: UserDeleted, Email: email, Domain: address.DomainOf(email)})
		if warnings, err = s.dangling(ctx, tx, removal{key: email, mailbox: user.ID, off: user.Off}); err != nil {
			return err
		}
		remaining, err := s.remaining(ctx, tx, email)
		warnings = append(warnings, remaining...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return warnings, nil
}

// SetQuota sets the size limit of a mailbox in bytes; 0 means no limit.
//
// It returns [ErrNotFound], [ErrInvalidAddress], [ErrAmbiguous], [ErrNoQuota] if virtual_users has no column quota, and
// [ErrTooLong] if the number is negative or the column cannot hold it.
func (s *Store) SetQuota(ctx context.Context, email string, bytes int64) error {
	email, err := Canonical(email)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *transaction) error {
		if err := s.administer(ctx, tx, tables.Users); err != nil {
			return err
		}
		return s.withTable(ctx, tx, tables.Users, func(t *tables.Table) error {
			if !t.HasQuota() {
				return ErrNoQuota
			}
			user, err := s.userRow(ctx, tx, email, lockRows)
			if err != nil {
				return err
			}
			if err := fitsQuota(t, bytes); err != nil {
				return err
			}
			if _, err := tx.NewUpdate().Table(tables.Users).Set("quota = ?", bytes).Where("id = ?", user.ID).Exec(ctx); err != nil {
				return mapError(err)
			}
			var before any
			if user.Quota != nil {
				before = *user.Quota
			}
			tx.recordChange(tables.Users, "quota", user.ID, before, bytes)
			return nil
		})
	})
}

// newRow returns the user as a row to insert. Without a quota, the column gets its default.
func (u *User) newRow() newRow {
	row := newRow{of: u, columns: tables.Needed[tables.Users][1:], values: []any{u.DomainID, u.Email, u.Password.Reveal()}}
	if u.Quota != nil {
		row = row.with("quota", *u.Quota)
	}
	return row
}

// errUnfitRow is wrapped with ErrNotFound if the database, and so Dovecot, takes the address of a row for the one that is
// looked for, although it is none.
var errUnfitRow = errors.New("has this address in virtual_users, in a form that is no address, such as with a blank at its end")

// userRow returns the only row of a canonical address, or the only one that is switched on, or ErrNotFound or ErrAmbiguous.
func (s *Store) userRow(ctx context.Context, db bun.IDB, email string, lock lockMode) (User, error) {
	rows, unfit, err := lookupAll[User](ctx, s, db, "email", lock, email)
	if on := onlyOn(rows); len(on) == 1 {
		rows = on
	}
	switch {
	case err != nil:
		return User{}, err
	case len(rows) == 0 && len(unfit) > 0:
		return User{}, fmt.Errorf("%w: user %s: the row with the id %d %w", ErrNotFound, email, unfit[0].ID, errUnfitRow)
	case len(rows) == 0:
		return User{}, fmt.Errorf("%w: user %s", ErrNotFound, email)
	case len(rows) > 1:
		return User{}, fmt.Errorf("%w: %s is in the rows %s of %s", ErrAmbiguous, email, idList(rows), tables.Users)
	}
	return rows[0], nil
}

// idList returns the ids of rows, "3, 7 and 12". There are at least two.
func idList[T model](rows []T) string {
	var text strings.Builder
	for i, row := range rows {
		switch {
		case i == len(rows)-1:
			text.WriteString(" and ")
		case i > 0:
			text.WriteString(", ")
		}
		text.WriteString(strconv.FormatInt(row.key(), 10))
	}
	return text.String()
}

// lockInTx returns lockRows inside a transaction, where a snapshot read may be stale.
func (s *Store) lockInTx() lockMode { return lockMode(s.tx != nil) }
