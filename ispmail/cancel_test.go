package ispmail_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// A canceller is a query hook of bun that cancels a context at one of the statements.
type canceller struct {
	mu     sync.Mutex
	seen   int
	at     int // 1 for the first one
	after  bool
	cancel context.CancelFunc
}

func (c *canceller) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen++
	if c.seen == c.at && !c.after {
		c.cancel()
	}
	return ctx
}

func (c *canceller) AfterQuery(context.Context, *bun.QueryEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == c.at && c.after {
		c.cancel()
	}
}

// wasReached reports whether the statement ran.
func (c *canceller) wasReached() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen >= c.at
}

// TestCanceledAnywhere cancels the context of the caller before and after each statement of a method of several. Everything is
// done and told, or nothing.
func TestCanceledAnywhere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		changes int
		method  func(ctx context.Context, s *ispmail.Store) error
	}{
		"RenameUser": {1, func(ctx context.Context, s *ispmail.Store) error {
			return errorOf(s.RenameUser(ctx, "john@example.org", "johann@example.org"))
		}},
		"RenameDomain": {1, func(ctx context.Context, s *ispmail.Store) error {
			return errorOf(s.RenameDomain(ctx, "example.org", "example.com"))
		}},
		"SetAliases": {0, func(ctx context.Context, s *ispmail.Store) error {
			return errorOf(s.SetAliases(ctx, "jack@example.org", "a@elsewhere.example", "b@elsewhere.example"))
		}},
		"Lock": {1, func(ctx context.Context, s *ispmail.Store) error {
			return s.Lock(ctx, "john@example.org")
		}},
		"RunInTx": {1, func(ctx context.Context, s *ispmail.Store) error {
			return s.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
				if err := tx.SetStoredPassword(ctx, "john@example.org", dbtest.Sound()); err != nil {
					return err
				}
				_ = tx.RunInTx(ctx, func(ctx context.Context, inner *ispmail.Store) error {
					_ = inner.Lock(ctx, "md5@example.org")
					return errNo
				})
				return errorOf(tx.DB().ExecContext(ctx, "UPDATE virtual_aliases SET destination = 'a@elsewhere.example'"))
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
				for _, after := range []bool{false, true} {
					for at, reached := 1, true; reached; at++ {
						require.Less(t, at, 100)
						reached = canceledAt(t, db, &canceller{at: at, after: after}, test.changes, test.method)
					}
				}
			})
		})
	}
}

// canceledAt runs a method on the example rows, judges it, and reports whether the statement was reached at which its context
// ends.
func canceledAt(t *testing.T, db *ispmailtest.Database, hook *canceller, changes int, method func(ctx context.Context, s *ispmail.Store) error) bool {
	t.Helper()
	for _, table := range []string{"virtual_aliases", "virtual_users", "virtual_domains"} {
		db.Exec(t, "DELETE FROM "+table)
	}
	db.Example(t)
	heard := 0
	watched := &ispmailtest.Database{DB: db.DB.WithQueryHook(hook), DSN: db.DSN}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hook.at, hook.cancel = hook.at+1, cancel // New runs the first statement
	store := watched.Store(t, ispmail.Config{OnChange: func(context.Context, ispmail.Change) { heard++ }})
	old := dbtest.Dump(t, db)
	err := method(ctx, store)
	now := dbtest.Dump(t, db)
	place := fmt.Sprintf("at %d, after it: %v", hook.at, hook.after)
	if err != nil {
		require.ErrorIs(t, err, context.Canceled, place)
		require.Equal(t, old, now, place)
		require.Zero(t, heard, place)
	} else {
		require.NotEqual(t, old, now, place)
		require.Equal(t, changes, heard, place)
		require.NotContains(t, now, "{CRYPT}!{PLAIN-MD5}", "what was undone")
	}
	return hook.wasReached()
}
