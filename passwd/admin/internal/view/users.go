package view

import (
	"context"
	"errors"
	"iter"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
)

// A User is a row of virtual_users without its password.
type User struct {
	ID, DomainID int64
	Email        string
	Quota        *int64
	Scheme       string // of the password, "" if there is none or it is unknown
	Weak         bool   // the password can be guessed quickly from the hash
	Locked       bool
	Off          bool
	Login        bool   // whether the right password lets somebody in
	Regular      bool   // the address is canonical, so that it names the row
	Version      string // see [ErrStale]
}

func (v View) user(store *ispmail.Store, u ispmail.User) User {
	info, err := store.Hasher().Inspect(u.Password.Reveal())
	canonical, errAddress := ispmail.Canonical(u.Email)
	return User{
		ID: u.ID, DomainID: u.DomainID, Email: u.Email, Quota: u.Quota, Scheme: schemeOf(info, err), Weak: info.Weak && info.Scheme != "",
		Locked: info.Locked, Off: u.Off, Login: u.CanLogin() && (err == nil || !errors.Is(err, hash.ErrMalformed)),
		Regular: errAddress == nil && canonical != "", Version: userVersion(v.data, u),
	}
}

func schemeOf(info hash.Info, err error) string {
	switch {
	case info.Scheme != "":
		return info.Scheme
	case info.Locked, err != nil && !errors.Is(err, hash.ErrTooCostly):
		return ""
	}
	return info.Label
}

// User returns a user by id.
func (v View) User(ctx context.Context, id int64) (User, error) {
	store, err := v.data.store()
	if err != nil {
		return User{}, err
	}
	u, err := v.userRow(ctx, store, id)
	if err != nil {
		return User{}, err
	}
	return v.user(store, u), nil
}

func (v View) userRow(ctx context.Context, store *ispmail.Store, id int64) (ispmail.User, error) {
	u, err := one(store.Users(ctx, ispmail.ByID(id)))
	if err != nil {
		return u, err
	}
	names, err := v.names(ctx, store)
	if err == nil && !v.seesRow(u.Email, u.DomainID, names) {
		err = ispmail.ErrNotFound
	}
	return u, err
}

// one returns the only row of a list.
func one[T any](rows iter.Seq2[T, error]) (row T, err error) {
	for row, err := range rows {
		return row, err
	}
	return row, ispmail.ErrNotFound
}

// onUser changes a user who is as shown. The row is locked first, so that of two who have seen the same, one is told.
func (v View) onUser(ctx context.Context, id int64, version string, action Action, do func(ctx context.Context, tx *ispmail.Store, u ispmail.User) error) error {
	store, err := v.data.store()
	if err != nil {
		return err
	}
	seen, err := v.userRow(ctx, store, id)
	if err != nil {
		return err
	}
	err = store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
		u, err := tx.User(ctx, seen.Email)
		switch {
		case errors.Is(err, ispmail.ErrNotFound):
			return ErrStale
		case err != nil:
			return err
		case u.ID != id || userVersion(v.data, u) != version:
			return ErrStale
		}
		return do(ctx, tx, u)
	})
	return v.record(ctx, action, seen.Email, "", err)
}

// onRow changes a row of virtual_users that is as shown, whatever it holds.
func (v View) onRow(ctx context.Context, id int64, version string, do func(ctx context.Context, tx *ispmail.Store, u ispmail.User) error) (ispmail.User, error) {
	var u ispmail.User
	store, err := v.data.store()
	if err != nil {
		return u, err
	}
	err = store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) (err error) {
		if u, err = v.userRow(ctx, tx, id); err != nil {
			return err
		}
		if userVersion(v.data, u) != version {
			return ErrStale
		}
		err = do(ctx, tx, u)
		if errors.Is(err, ispmail.ErrChanged) {
			return ErrStale
		}
		return err
	})
	return u, err
}

// CreateUser makes a user, with the default of the table if there is no quota.
func (v View) CreateUser(ctx context.Context, email, password string, quota *int64) (id int64, warnings []Warning, others int, err error) {
	store, err := v.data.store()
	if err != nil {
		return 0, nil, 0, err
	}
	if email, err = v.own(email); err != nil {
		return 0, nil, 0, err
	}
	stored, err := store.Hasher().GenerateContext(ctx, password)
	if err != nil {
		return 0, nil, 0, err
	}
	var found []ispmail.Warning
	err = store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
		u, w, err := tx.CreateUserStored(ctx, email, stored)
		if err != nil {
			return err
		}
		id, found = u.ID, w
		if quota != nil {
			return tx.SetQuota(ctx, email, *quota)
		}
		return nil
	})
	warnings, others = v.warnings(found)
	return id, warnings, others, v.record(ctx, UserCreated, email, "", err)
}

// own returns the canonical form of an address in a domain of the administrator.
func (v View) own(email string) (string, error) {
	canonical, err := ispmail.Canonical(email)
	if err == nil && !v.sees(canonical) {
		err = ispmail.ErrNoDomain
	}
	return canonical, err
}

// SetPassword gives a user another password. It is hashed before the transaction: nobody waits for a row while this waits for memory.
func (v View) SetPassword(ctx context.Context, id int64, version, password string) error {
	store, err := v.data.store()
	if err != nil {
		return err
	}
	stored, err := store.Hasher().GenerateContext(ctx, password)
	if err != nil {
		return err
	}
	return v.onUser(ctx, id, version, PasswordChanged, func(ctx context.Context, tx *ispmail.Store, u ispmail.User) error {
		return tx.SetStoredPassword(ctx, u.Email, stored)
	})
}

// Lock keeps a user from logging in.
func (v View) Lock(ctx context.Context, id int64, version string) error {
	return v.onUser(ctx, id, version, UserLocked, func(ctx context.Context, tx *ispmail.Store, u ispmail.User) error {
		return tx.Lock(ctx, u.Email)
	})
}

// Unlock lets a user log in again.
func (v View) Unlock(ctx context.Context, id int64, version string) error {
	return v.onUser(ctx, id, version, UserUnlocked, func(ctx context.Context, tx *ispmail.Store, u ispmail.User) error {
		return tx.Unlock(ctx, u.Email)
	})
}

// SetQuota limits the size of a mailbox, in bytes; 0 is no limit.
func (v View) SetQuota(ctx context.Context, id int64, version string, bytes int64) error {
	return v.onUser(ctx, id, version, QuotaChanged, func(ctx context.Context, tx *ispmail.Store, u ispmail.User) error {
		return tx.SetQuota(ctx, u.Email, bytes)
	})
}

var errPreview = errors.New("only a look")

// DeleteUser deletes a user and returns the warnings about it. With preview it changes nothing, but locks rows for a moment.
func (v View) DeleteUser(ctx context.Context, id int64, version string, preview bool) (warnings []Warning, others int, err error) {
	var found []ispmail.Warning
	u, err := v.onRow(ctx, id, version, func(ctx context.Context, tx *ispmail.Store, u ispmail.User) (err error) {
		if found, err = tx.DeleteRow(ctx, u); err == nil && preview {
			err = errPreview
		}
		return err
	})
	warnings, others = v.warnings(found)
	if errors.Is(err, errPreview) {
		return warnings, others, nil
	}
	return warnings, others, v.record(ctx, UserDeleted, u.Email, "", err)
}
