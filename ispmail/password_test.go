package ispmail_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

const legacy = "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd"

func TestAuthenticate(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		before := db.Stored(t, "john@example.org")
		for _, email := range []string{"john@example.org", "John@Example.org", "JOHN@EXAMPLE.ORG"} {
			user, err := store.Authenticate(ctx, email, ispmailtest.Password)
			require.NoError(t, err)
			assert.EqualValues(t, 1, user.ID)
		}
		assert.Equal(t, before, db.Stored(t, "john@example.org"), "a good hash stays")
		db.Exec(t, `INSERT INTO virtual_users (domain_id, email, password) VALUES
			(1, 'empty@example.org', ''), (1, 'tilde@example.org', '~'), (1, 'star@example.org', '*'), (1, 'bang@example.org', '!'),
			(1, '@example.org', '~'), (1, 'bare@example.org', 'summersun'), (1, 'rot13@example.org', '{ROT13}fhzzrefha'),
			(1, 'costly@example.org', '{SHA512-CRYPT}$6$rounds=999999999$salt$x')`)
		for _, email := range []string{"john", "nobody", "empty", "tilde", "star", "bang", "bare", "rot13", "costly"} {
			for _, password := range []string{"", "~", "*", "!", "x", "summersun ", "Summersun"} {
				_, err := store.Authenticate(ctx, email+"@example.org", password)
				assert.Equal(t, ispmail.ErrBadCredentials, err, "%s %q", email, password)
			}
		}
		for _, email := range []string{"", "john", "@example.org", "john@example.org ", "jo\x00hn@example.org"} {
			_, err := store.Authenticate(ctx, email, ispmailtest.Password)
			assert.ErrorIs(t, err, ispmail.ErrInvalidAddress, "%q", email)
		}
	})
}

func TestRehash(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		_, err := store.Authenticate(t.Context(), "md5@example.org", "wintermoon")
		require.ErrorIs(t, err, ispmail.ErrBadCredentials)
		assert.Equal(t, legacy, db.Stored(t, "md5@example.org"), "a wrong password rehashes nothing")

		user := rehashed(t, db, store, "MD5@example.org")
		stored := db.Stored(t, "md5@example.org")
		assert.True(t, strings.HasPrefix(stored, "{SHA256-CRYPT}$5$"), stored)
		assert.Equal(t, stored, user.Password.Reveal())

		_, err = store.Authenticate(t.Context(), "md5@example.org", ispmailtest.Password)
		require.NoError(t, err)
		assert.Equal(t, stored, db.Stored(t, "md5@example.org"), "once is enough")
	})
}

// rehashed logs in until the stored password is another one, and returns what the last login did. A rehash does not wait long for
// the database: on a busy machine it may fail.
func rehashed(t *testing.T, db *ispmailtest.Database, store *ispmail.Store, email string) ispmail.User {
	t.Helper()
	var user ispmail.User
	before := db.Stored(t, email)
	for tries := 0; tries < 20 && db.Stored(t, email) == before; tries++ {
		var err error
		user, err = store.Authenticate(t.Context(), email, ispmailtest.Password)
		require.NoError(t, err)
	}
	return user
}

// TestRehashFails has a rehash that cannot be written: the login does not notice.
func TestRehashFails(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"narrow column": "ALTER TABLE virtual_users MODIFY password VARCHAR(50) NOT NULL",
		"refused write": "CREATE TRIGGER no BEFORE UPDATE ON virtual_users FOR EACH ROW SIGNAL SQLSTATE '45000'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			db.Exec(t, `INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')`)
			db.Exec(t, `INSERT INTO virtual_users (domain_id, email, password) VALUES (1, 'md5@example.org', ?)`, legacy)
			db.Exec(t, statement)
			user, err := dbtest.Lax(t, db, ispmail.Config{}).Authenticate(t.Context(), "md5@example.org", ispmailtest.Password)
			require.NoError(t, err)
			assert.Equal(t, legacy, user.Password.Reveal())
			assert.Equal(t, legacy, db.Stored(t, "md5@example.org"))
		})
	}
}

// TestSlowRehash has a hash that takes longer than a rehash may wait for the database.
func TestSlowRehash(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("hashes for seconds")
	}
	hasher, err := hash.New(hash.Config{Scheme: "SHA512-CRYPT", Rounds: 15_000_000, MaxRounds: 15_000_000})
	require.NoError(t, err)
	db := ispmailtest.SQLite(t)
	db.Example(t)
	store := db.Store(t, ispmail.Config{Hasher: hasher, Timeout: 3 * time.Second})
	require.NoError(t, errorOf(store.Authenticate(t.Context(), "md5@example.org", ispmailtest.Password)))
	assert.Contains(t, db.Stored(t, "md5@example.org"), "{SHA512-CRYPT}$6$rounds=15000000$")
}

// TestRehashOfLockedRow has somebody else's transaction on the row: the login succeeds without the rehash, and the
// change that the other one makes stays.
func TestRehashOfLockedRow(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	store := dbtest.Open(t, dbtest.Connect(t, db, waits).DSN, ispmail.Config{})
	for range times(2, 20) {
		db.Exec(t, "UPDATE virtual_users SET password = ? WHERE id = 2", legacy)
		holder, err := db.DB.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = holder.ExecContext(t.Context(), "UPDATE virtual_users SET password = 'theirs' WHERE id = 2")
		require.NoError(t, err)
		user, err := store.Authenticate(t.Context(), "md5@example.org", ispmailtest.Password)
		require.NoError(t, err)
		assert.Equal(t, legacy, user.Password.Reveal())
		require.NoError(t, holder.Commit())
		settle(t, db)
		assert.Equal(t, "theirs", db.Stored(t, "md5@example.org"))
	}
}

func TestChangePassword(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		const replacement = "{PLAIN}ein sehr geheimes Paßwort"
		for _, user := range []string{"john@example.org", "md5@example.org"} {
			before := db.Stored(t, user)
			require.ErrorIs(t, store.ChangePassword(ctx, user, "wintermoon", replacement), ispmail.ErrBadCredentials)
			require.ErrorIs(t, store.ChangePassword(ctx, user, "", replacement), ispmail.ErrBadCredentials)
			require.ErrorIs(t, store.ChangePassword(ctx, user, ispmailtest.Password, ""), hash.ErrInvalidPassword)
			require.ErrorIs(t, store.ChangePassword(ctx, user, ispmailtest.Password, "a\x00b"), hash.ErrInvalidPassword)
			require.ErrorIs(t, store.ChangePassword(ctx, user, ispmailtest.Password, strings.Repeat("a", 512)), hash.ErrPasswordTooLong)
			assert.Equal(t, before, db.Stored(t, user))

			require.NoError(t, store.ChangePassword(ctx, strings.ToUpper(user), ispmailtest.Password, replacement))
			assert.True(t, strings.HasPrefix(db.Stored(t, user), "{SHA256-CRYPT}$5$"))
			_, err := store.Authenticate(ctx, user, ispmailtest.Password)
			require.ErrorIs(t, err, ispmail.ErrBadCredentials)
			_, err = store.Authenticate(ctx, user, replacement)
			require.NoError(t, err)
		}
		require.ErrorIs(t, store.ChangePassword(ctx, "nobody@example.org", "x", replacement), ispmail.ErrBadCredentials)
		require.ErrorIs(t, store.ChangePassword(ctx, "nobody", "x", replacement), ispmail.ErrInvalidAddress)
	})
}

func TestSetPassword(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		require.NoError(t, store.SetPassword(t.Context(), "John@example.org", "a long enough secret"))
		_, err := store.Authenticate(t.Context(), "john@example.org", "a long enough secret")
		require.NoError(t, err)
		require.ErrorIs(t, store.SetPassword(t.Context(), "nobody@example.org", "x"), ispmail.ErrNotFound)
	})
}

// TestConcurrentChanges starts from one password in each round: exactly one change may win, and its password must be the
// one that counts.
func TestConcurrentChanges(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		const others = 8
		current := ispmailtest.Password
		for round := range times(5, 2000/others) {
			errs := make([]error, others)
			var start, done sync.WaitGroup
			start.Add(others)
			for i := range errs {
				done.Go(func() {
					start.Done()
					start.Wait()
					errs[i] = store.ChangePassword(t.Context(), "john@example.org", current, fmt.Sprintf("secret %d of round %d", i, round))
				})
			}
			done.Wait()
			winner := slices.Index(errs, nil)
			require.GreaterOrEqual(t, winner, 0, "%v", errs)
			for _, err := range slices.Delete(errs, winner, winner+1) {
				require.ErrorIs(t, err, ispmail.ErrBadCredentials)
			}
			current = fmt.Sprintf("secret %d of round %d", winner, round)
			_, err := store.Authenticate(t.Context(), "john@example.org", current)
			require.NoError(t, err)
		}
	})
}

// TestChangeDuringRehash lets logins rehash the row under a change, which must go on.
func TestChangeDuringRehash(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		for round := range times(20, 1000) {
			db.Exec(t, "UPDATE virtual_users SET password = ? WHERE id = 2", legacy)
			replacement := fmt.Sprint("secret of round ", round)
			var done sync.WaitGroup
			done.Go(func() { _, _ = store.Authenticate(t.Context(), "md5@example.org", ispmailtest.Password) })
			done.Go(func() {
				assert.NoError(t, store.ChangePassword(t.Context(), "md5@example.org", ispmailtest.Password, replacement))
			})
			done.Wait()
			_, err := store.Authenticate(t.Context(), "md5@example.org", replacement)
			require.NoError(t, err, "the rehash must not bring the old password back")
		}
	})
}

// TestSwapComparesBytes compares by bytes, not by collation: an old value that differs in case, accent or trailing
// blanks is another value, and one that holds other than ASCII characters is found again.
func TestSwapComparesBytes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		charsets := []string{""}
		if strings.Contains(t.Name(), "MariaDB") {
			charsets = []string{"latin1", "utf8mb3", "utf8mb4"}
		}
		for _, charset := range charsets {
			if charset != "" {
				db.Exec(t, "ALTER TABLE virtual_users MODIFY password VARCHAR(150) CHARACTER SET "+charset+" NOT NULL")
			}
			const stored = "{PLAIN}Grüße 1"
			db.Exec(t, "UPDATE virtual_users SET password = ? WHERE id = 1", stored)
			user, err := store.User(t.Context(), "john@example.org")
			require.NoError(t, err)
			require.Equal(t, stored, user.Password.Reveal())
			for _, wrong := range []string{"{PLAIN}grüße 1", "{plain}Grüße 1", "{PLAIN}Grusse 1", "{PLAIN}Grüße 1 ", "{PLAIN}Grüße", "", "1", "0", "{PLAIN}日本"} {
				user.Password = ispmail.NewSecret(wrong)
				swapped, err := store.Swap(t.Context(), user, "{PLAIN}new")
				require.NoError(t, err, charset)
				assert.False(t, swapped, "%s %q", charset, wrong)
			}
			assert.Equal(t, stored, db.Stored(t, "john@example.org"))
			user.Password = ispmail.NewSecret(stored)
			swapped, err := store.Swap(t.Context(), user, "{PLAIN}new")
			require.NoError(t, err, charset)
			assert.True(t, swapped, charset)
			assert.Equal(t, "{PLAIN}new", db.Stored(t, "john@example.org"))
		}
	})
}

// TestSecretsStayInside greps for canaries in everything that is logged or returned.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	db.Exec(t, "UPDATE virtual_users SET password = '{ROT13}canary' WHERE id = 1")
	var log bytes.Buffer
	store := db.Store(t, ispmail.Config{Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	ctx := t.Context()
	user, err := store.User(ctx, "john@example.org")
	require.NoError(t, err)
	slog.New(slog.NewTextHandler(&log, nil)).Info("user", "user", user)
	db.Exec(t, "CREATE TRIGGER no BEFORE UPDATE ON virtual_users FOR EACH ROW SIGNAL SQLSTATE '45000'")
	errs := []error{
		store.ChangePassword(ctx, "john@example.org", "canary", "canary canary"),
		store.ChangePassword(ctx, "nobody@example.org", "canary", "canary canary"),
		store.ChangePassword(ctx, "md5@example.org", ispmailtest.Password, "canary canary"),
		store.SetPassword(ctx, "md5@example.org", "canary canary"),
	}
	for _, err := range errs {
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "canary")
		assert.NotContains(t, err.Error(), "$5$")
	}
	assert.Contains(t, log.String(), "cannot be verified")
	assert.NotContains(t, log.String(), "canary")
}
