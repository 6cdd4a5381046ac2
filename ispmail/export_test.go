package ispmail

import (
	"context"
)

// Swap is the compare-and-swap under ChangePassword and the rehash.
func (s *Store) Swap(ctx context.Context, user User, stored string) (bool, error) {
	return s.swap(ctx, user, stored)
}

// Connection is what Open makes of a DSN.
var Connection = connection
