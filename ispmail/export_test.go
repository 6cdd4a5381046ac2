package ispmail

import (
	"context"

	"github.com/uptrace/bun"
)

// Swap is the compare-and-swap under ChangePassword and the rehash.
func (s *Store) Swap(ctx context.Context, user User, stored string) (bool, error) {
	return s.swap(ctx, user, stored)
}

// DB is the database of the Store.
func (s *Store) DB() *bun.DB { return s.db }

// Connection is what Open makes of a DSN.
var Connection = connection
