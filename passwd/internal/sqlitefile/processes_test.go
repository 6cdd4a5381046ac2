package sqlitefile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

func init() {
	roles["users"], roles["export"], roles["backup"] = users, export, backup
}

// pause lets the others have their turn, as people do.
const pause = 2 * time.Millisecond

// patiently does something again for as long as others are at work. SQLite has no queue for those who wait: on a busy machine some
// wait for more than the 5 s they are given.
func patiently(ctx context.Context, do func() error) error {
	err := do()
	for tries := 0; errors.Is(err, ispmail.ErrUnavailable) && ctx.Err() == nil && tries < 20; tries++ {
		err = do()
	}
	return err
}

// again does something until ctx ends, and says each time that it is done.
func again(ctx context.Context, do func() error) error {
	for n := 1; ctx.Err() == nil; n++ {
		if err := do(); err != nil {
			if ctx.Err() != nil {
				return nil // it was told to end
			}
			return err
		}
		fmt.Println(n)
		time.Sleep(pause)
	}
	return nil
}

// users adds and deletes a user, as an administrator.
func users(ctx context.Context, store *ispmail.Store, _ string) error {
	return again(ctx, func() error {
		if err := patiently(ctx, func() error {
			_, _, err := store.CreateUser(ctx, "jim@example.org", "a long enough secret")
			return err
		}); err != nil {
			return err
		}
		return patiently(ctx, func() error {
			_, err := store.DeleteUser(ctx, "jim@example.org")
			return err
		})
	})
}

// export reads everything in one transaction.
func export(ctx context.Context, store *ispmail.Store, _ string) error {
	return again(ctx, func() error {
		return patiently(ctx, func() error {
			n := 0
			for _, err := range store.Export(ctx) {
				if err != nil {
					return err
				}
				n++
			}
			if n < 2 {
				return fmt.Errorf("%d records", n)
			}
			return nil
		})
	})
}

// backup makes a copy as SQLite does it, and looks at it.
func backup(ctx context.Context, _ *ispmail.Store, path string) error {
	db, err := sqlitefile.Open(path, sqlitefile.ReadOnly)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	to := path + ".backup"
	return again(ctx, func() error {
		if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil { // which reads all of it, and fails if it is damaged
			return err
		}
		copied, closer, err := sqlitefile.OpenStore(ctx, to, sqlitefile.ReadOnly, quick())
		if err != nil {
			return err
		}
		_, err = copied.User(ctx, email)
		return errors.Join(err, closer(), os.Remove(to)) //nolint:gosec // a file of the test
	})
}

// TestProcesses has several processes at work on one file: none of them gets in the way of another, and nothing is lost.
func TestProcesses(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	var all []*process
	for _, role := range []string{"change", "users", "export", "backup"} {
		all = append(all, start(t, role, path))
	}
	changes := 0
	for i, p := range all {
		for range 20 {
			if !assert.True(t, p.lines.Scan(), "the process %d ended by itself", i) {
				break
			}
			if i == 0 {
				changes++
			}
		}
	}
	for i, p := range all {
		require.NoError(t, p.stdin.Close())
		for p.lines.Scan() {
			if i == 0 {
				changes++
			}
		}
		require.NoError(t, p.cmd.Wait())
	}
	store, closer, err := sqlitefile.OpenStore(t.Context(), path, sqlitefile.ReadOnly, quick())
	require.NoError(t, err)
	now, err := find(t.Context(), store, changes)
	require.NoError(t, err)
	assert.LessOrEqual(t, now, changes+1)
	require.NoError(t, closer())
	assert.Equal(t, "ok", pragma(t, path, "integrity_check"))
	db, err := sqlitefile.Open(path, sqlitefile.Write)
	require.NoError(t, err)
	var astray []string
	require.NoError(t, db.NewRaw(`SELECT "table" FROM pragma_foreign_key_check`).Scan(t.Context(), &astray))
	assert.Empty(t, astray)
	require.NoError(t, db.Close())
}
