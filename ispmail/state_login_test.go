package ispmail_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestStateLogin refuses who is switched off, and whose domain is, like a wrong password: the same error, the same work, and
// no warning in the log.
func TestStateLogin(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		ctx := t.Context()
		var log strings.Builder
		store := withState(t, db, ispmail.Config{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		for _, statement := range []string{"UPDATE virtual_users SET active = 0", "UPDATE virtual_domains SET active = NULL"} {
			db.Exec(t, "UPDATE virtual_users SET active = 1")
			db.Exec(t, statement)
			before := dbtest.Dump(t, db)
			log.Reset()
			require.ErrorIs(t, errorOf(store.Authenticate(ctx, "john@example.org", ispmailtest.Password)), ispmail.ErrBadCredentials)
			require.ErrorIs(t, errorOf(store.Authenticate(ctx, "md5@example.org", ispmailtest.Password)), ispmail.ErrBadCredentials)
			require.ErrorIs(t, store.ChangePassword(ctx, "john@example.org", ispmailtest.Password, "a long enough secret"), ispmail.ErrBadCredentials)
			assert.Equal(t, before, dbtest.Dump(t, db), "no rehash either")
			assert.Equal(t, 3, strings.Count(log.String(), "level=DEBUG"))
			assert.Equal(t, 3, strings.Count(log.String(), "switched off"), log.String())
			assert.NotContains(t, log.String(), "level=WARN")
			user, err := store.User(ctx, "john@example.org")
			require.NoError(t, err)
			assert.True(t, user.Off)
			assert.False(t, user.CanLogin())

			// An administrator may set the password. That switches nobody on.
			require.NoError(t, store.SetPassword(ctx, "john@example.org", ispmailtest.Password))
			require.ErrorIs(t, errorOf(store.Authenticate(ctx, "john@example.org", ispmailtest.Password)), ispmail.ErrBadCredentials)
			require.NoError(t, store.Lock(ctx, "john@example.org"))
			require.NoError(t, store.Unlock(ctx, "john@example.org"))
			require.NoError(t, store.SetStoredPassword(ctx, "john@example.org", "{PLAIN}"+ispmailtest.Password))
			require.NoError(t, store.SetPassword(ctx, "john@example.org", ispmailtest.Password))
		}
		db.Exec(t, "UPDATE virtual_domains SET active = 1")
		require.NoError(t, errorOf(store.Authenticate(ctx, "john@example.org", ispmailtest.Password)))
	})
}

// onUpdate calls a function before the first UPDATE of a password.
type onUpdate struct {
	once sync.Once
	do   func()
}

func (o *onUpdate) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	if strings.HasPrefix(event.Query, "UPDATE") && strings.Contains(event.Query, "password") {
		o.once.Do(o.do)
	}
	return ctx
}

func (*onUpdate) AfterQuery(context.Context, *bun.QueryEvent) {}

// TestStateRace switches a user off between the verification and the change.
func TestStateRace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		run  func(context.Context, *ispmail.Store) error
		want error
		same bool // the password stays
	}{
		"change": {func(ctx context.Context, s *ispmail.Store) error {
			return s.ChangePassword(ctx, "md5@example.org", ispmailtest.Password, "a long enough secret")
		}, ispmail.ErrBadCredentials, true},
		"rehash": {func(ctx context.Context, s *ispmail.Store) error {
			return errorOf(s.Authenticate(ctx, "md5@example.org", ispmailtest.Password))
		}, nil, true},
		"set": {func(ctx context.Context, s *ispmail.Store) error {
			return s.SetPassword(ctx, "md5@example.org", "a long enough secret")
		}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t) // a transaction of SQLite would wait for the other one
			db.Example(t)
			withState(t, db, ispmail.Config{})
			hooked := &ispmailtest.Database{DSN: db.DSN, DB: db.DB.WithQueryHook(&onUpdate{do: func() {
				db.Exec(t, "UPDATE virtual_users SET active = 0 WHERE id = 2")
			}})}
			store := hooked.Store(t, ispmail.Config{State: []string{"active"}})
			require.ErrorIs(t, test.run(t.Context(), store), test.want)
			assert.Equal(t, test.same, db.Stored(t, "md5@example.org") == legacy)
		})
	}
}

// withoutKeys takes the unique keys from the tables, which are empty, so that they may hold twins.
func withoutKeys(t *testing.T, db *ispmailtest.Database) {
	t.Helper()
	if db.DB.Dialect().Name() == dialect.MySQL {
		db.Exec(t, "ALTER TABLE virtual_domains DROP INDEX name")
		db.Exec(t, "ALTER TABLE virtual_users DROP INDEX email")
		return
	}
	for _, table := range []string{"virtual_aliases", "virtual_users", "virtual_domains"} {
		db.Exec(t, "DROP TABLE "+table)
	}
	db.Exec(t, "CREATE TABLE virtual_domains (id INTEGER NOT NULL PRIMARY KEY, name TEXT)")
	db.Exec(t, "CREATE TABLE virtual_users (id INTEGER NOT NULL PRIMARY KEY, domain_id INTEGER, email TEXT, password TEXT)")
	db.Exec(t, "CREATE TABLE virtual_aliases (id INTEGER NOT NULL PRIMARY KEY, domain_id INTEGER, source TEXT, destination TEXT)")
}

// TestStateTwins has several rows of one address. Dovecot sees only those that are switched on.
func TestStateTwins(t *testing.T) {
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		t.Parallel()
		ctx := t.Context()
		withoutKeys(t, db)
		db.Example(t)
		withColumns(t, db, "virtual_users.deleted_at DATETIME", "virtual_domains.deleted_at DATETIME", "virtual_aliases.deleted_at DATETIME")
		store := db.Store(t, ispmail.Config{State: []string{"!deleted_at"}})
		const gone = "2024-02-29 12:00:00"
		db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password, deleted_at) VALUES (10, 1, 'jane@example.org', '{PLAIN}old secret', ?), "+
			"(11, 1, 'jane@example.org', '{PLAIN}the secret', NULL), (12, 1, 'jane@example.org', '{PLAIN}older secret', ?)", gone, gone)
		user, err := store.User(ctx, "jane@example.org")
		require.NoError(t, err)
		assert.EqualValues(t, 11, user.ID)
		require.NoError(t, errorOf(store.Authenticate(ctx, "jane@example.org", "the secret")))
		require.ErrorIs(t, errorOf(store.Authenticate(ctx, "jane@example.org", "old secret")), ispmail.ErrBadCredentials)
		require.NoError(t, store.ChangePassword(ctx, "jane@example.org", "the secret", "a long enough secret"))
		err = errorOf(store.CreateUser(ctx, "jane@example.org", "a long enough secret"))
		require.ErrorIs(t, err, ispmail.ErrExists)
		assert.NotContains(t, err.Error(), "switched off")

		recipients, err := store.Recipients(ctx, "jane@example.org")
		require.NoError(t, err)
		assert.Equal(t, []ispmail.Recipient{{Address: "jane@example.org", Mailbox: "jane@example.org"}}, recipients)
		steps, err := store.Trace(ctx, "jane@example.org")
		require.NoError(t, err)
		assert.Equal(t, []int64{11}, steps[0].IDs)

		// Two that are on are ambiguous, and so are several that are off.
		db.Exec(t, "UPDATE virtual_users SET deleted_at = NULL WHERE id = 10")
		require.ErrorIs(t, errorOf(store.User(ctx, "jane@example.org")), ispmail.ErrAmbiguous)
		db.Exec(t, "UPDATE virtual_users SET deleted_at = ? WHERE id IN (10, 11)", gone)
		require.ErrorIs(t, errorOf(store.User(ctx, "jane@example.org")), ispmail.ErrAmbiguous)
		err = errorOf(store.CreateUser(ctx, "jane@example.org", "a long enough secret"))
		require.ErrorIs(t, err, ispmail.ErrExists)
		require.ErrorContains(t, err, "user jane@example.org, which is switched off (virtual_users.deleted_at, virtual_domains.deleted_at)")
		err = errorOf(store.RenameUser(ctx, "john@example.org", "jane@example.org"))
		require.ErrorIs(t, err, ispmail.ErrExists)
		require.ErrorContains(t, err, "switched off")

		// Deleting takes the row that counts, and leaves the others.
		db.Exec(t, "UPDATE virtual_users SET deleted_at = NULL WHERE id = 11")
		require.NoError(t, errorOf(store.DeleteUser(ctx, "jane@example.org")))
		n, err := store.CountUsers(ctx, ispmail.Query{Search: "jane", State: ispmail.SwitchedOff})
		require.NoError(t, err)
		assert.Equal(t, 2, n)

		// New users belong to the domain that is on.
		db.Exec(t, "INSERT INTO virtual_domains (id, name, deleted_at) VALUES (20, 'example.net', ?), (21, 'example.net', NULL)", gone)
		domain, err := store.Domain(ctx, "example.net")
		require.NoError(t, err)
		assert.EqualValues(t, 21, domain.ID)
		user, _, err = store.CreateUser(ctx, "jane@example.net", "a long enough secret")
		require.NoError(t, err)
		assert.EqualValues(t, 21, user.DomainID)
		alias, _, err := store.CreateAlias(ctx, "info@example.net", "jane@example.net")
		require.NoError(t, err)
		assert.EqualValues(t, 21, alias.DomainID)
		db.Exec(t, "UPDATE virtual_domains SET deleted_at = ?", gone)
		require.ErrorContains(t, errorOf(store.CreateDomain(ctx, "example.net")), "which is switched off (virtual_domains.deleted_at)")
	})
}

// TestStateEmpty compares the statements of a store without columns of state with what they were before there were any, on a
// table that has such a column.
func TestStateEmpty(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		withState(t, db, ispmail.Config{})
		db.Exec(t, "UPDATE virtual_users SET active = 0")
		watched, ran := dbtest.Watch(db)
		store := watched.Store(t, ispmail.Config{})
		for _, statement := range ran() {
			assert.NotContains(t, statement, "virtual_", "New reads no table")
		}
		user, err := store.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)
		require.NoError(t, err)
		assert.False(t, user.Off)
		ran()
		require.NoError(t, store.SetPassword(t.Context(), "john@example.org", ispmailtest.Password))
		require.NoError(t, errorOf(store.Recipients(t.Context(), "jack@example.org")))
		dbtest.Collect(t, store.Users(t.Context(), ispmail.Query{}))
		require.NoError(t, errorOf(store.CountUsers(t.Context(), ispmail.Query{})))
		for _, statement := range ran() {
			assert.NotContains(t, statement, "CASE")
			assert.NotContains(t, statement, "active")
		}
		n, err := store.CountUsers(t.Context(), ispmail.Query{State: ispmail.SwitchedOff})
		require.NoError(t, err)
		assert.Zero(t, n, "nobody is off")
		n, err = store.CountUsers(t.Context(), ispmail.Query{State: ispmail.SwitchedOn})
		require.NoError(t, err)
		assert.Equal(t, 2, n)
	})
}

// TestStateStatements counts the statements of a login and a change where columns of state are named: no more than without.
func TestStateStatements(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		withState(t, db, ispmail.Config{})
		watched, ran := dbtest.Watch(db)
		store := watched.Store(t, ispmail.Config{State: []string{"active"}})
		ran()
		require.NoError(t, errorOf(store.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)))
		assert.Len(t, ran(), 1)
		require.NoError(t, store.ChangePassword(t.Context(), "john@example.org", ispmailtest.Password, "a long enough secret"))
		assert.Len(t, ran(), 4, "SELECT, BEGIN, UPDATE, COMMIT")
	})
}
