package ispmail

import (
	"context"
)

// Swap is the compare-and-swap of ChangePassword.
func (s *Store) Swap(ctx context.Context, user User, stored string) (bool, error) {
	return s.swapInTx(ctx, user, stored)
}

// Connection returns the driver's settings for a DSN, as Open uses them.
var Connection = connection
