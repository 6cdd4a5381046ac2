package ispmail_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestMemoryBeforeTransaction has others who take all the memory for hashes, all the time. A method that waits for it has
// begun no transaction yet, and says the same whoever it is about.
func TestMemoryBeforeTransaction(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	db.Example(t)
	hasher, err := hash.New(hash.Config{Scheme: "ARGON2ID", Memory: 1024, Rounds: 1, MaxMemory: 1024})
	require.NoError(t, err)
	watched, ran := dbtest.Watch(db)
	store := watched.Store(t, ispmail.Config{Hasher: hasher, Timeout: 100 * time.Millisecond})

	// On a busy machine, anything may take longer than the Timeout, and is tried again.
	eventually := func(want error, method func() error) {
		t.Helper()
		err := method()
		for end := time.Now().Add(time.Minute); !errors.Is(err, want) && time.Now().Before(end); {
			err = method()
		}
		require.ErrorIs(t, err, want)
	}
	eventually(ispmail.ErrBadCredentials, func() error { // makes the decoy
		return errorOf(store.Authenticate(t.Context(), "nobody@example.org", "wrong"))
	})

	const costly = "{ARGON2ID}$argon2id$v=19$m=1024,t=800,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	others, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for others.Err() == nil {
				_ = hasher.VerifyContext(others, "", costly, "x")
			}
		})
	}
	defer all.Wait()
	defer end()
	eventually(context.DeadlineExceeded, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		return errorOf(hasher.GenerateContext(ctx, "a long enough secret"))
	})

	ctx := t.Context()
	for name, method := range map[string]func() error{
		"CreateUser":  func() error { return errorOf(store.CreateUser(ctx, "jim@example.org", "a long enough secret")) },
		"SetPassword": func() error { return store.SetPassword(ctx, "john@example.org", "a long enough secret") },
		"ChangePassword": func() error {
			return store.ChangePassword(ctx, "md5@example.org", ispmailtest.Password, "a long enough secret")
		},
		"wrong": func() error { // the stored value needs no memory, but the decoy does
			return store.ChangePassword(ctx, "md5@example.org", "wrong", "a long enough secret")
		},
		"nobody": func() error {
			return store.ChangePassword(ctx, "nobody@example.org", "wrong", "a long enough secret")
		},
	} {
		ran()
		eventually(ispmail.ErrBusy, method)
		require.NotContains(t, ran(), "BEGIN", name)
	}
}
