package main

import (
	"context"

	"github.com/ispmail/go-ispmail/passwd/internal/database"
)

// A lateStore is a [passwd.Changer] that exists before its database is open. Make one with newLateStore and call Open.
type lateStore struct{ *database.Late }

func newLateStore() lateStore { return lateStore{database.NewLate()} }

// ChangePassword calls the store. At the start it waits for the first attempt to open the database: systemd may have started
// the service for this very request.
func (l lateStore) ChangePassword(ctx context.Context, email, current, replacement string) error {
	select {
	case <-l.Tried():
	case <-ctx.Done():
	}
	store, err := l.Store()
	if err != nil {
		return database.ErrNotOpen
	}
	return store.ChangePassword(ctx, email, current, replacement)
}

// canChange returns nil if a change to a stored value of a length would work.
func (l lateStore) canChange(ctx context.Context, length int) error {
	store, err := l.Store()
	if err != nil {
		return err
	}
	return canChange(ctx, store, length)
}
