package ispmail_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestCheckState refuses settings of a wrong form, and columns of the guide.
func TestCheckState(t *testing.T) {
	t.Parallel()
	require.NoError(t, ispmail.CheckState(nil))
	require.NoError(t, ispmail.CheckState([]string{"active", "!virtual_users.Disabled", "status=on hold", "!status=closed", "größe", "virtual_aliases.source2"}))
	const form = "it is not of the form active, !disabled, status=active or virtual_users.active"
	for text, want := range map[string]string{
		"":                    form,
		" active":             form,
		"active = 1":          form,
		"!":                   form,
		"!!active":            form,
		"active; DROP":        form,
		"users.active.x":      form,
		"`active`":            form,
		"status=":             "the value behind = must be",
		"status='active'":     "the value behind = must be",
		"status=a?b":          "the value behind = must be",
		`status=a\b`:          "the value behind = must be",
		"status=ü":            "the value behind = must be",
		"status= a":           "the value behind = must be",
		"mailbox.active":      "the table must be virtual_domains, virtual_users or virtual_aliases",
		"email":               "email is a column of the guide, which switches nothing off",
		"!virtual_users.ID":   "id is a column of the guide, which switches nothing off",
		"quota=0":             "quota is a column of the guide, which switches nothing off",
		"virtual_users.quota": "quota is a column of the guide, which switches nothing off",
	} {
		err := ispmail.CheckState([]string{"active", text})
		require.ErrorContains(t, err, want, text)
		_, fromNew := ispmail.New(t.Context(), ispmailtest.SQLite(t).DB, ispmail.Config{State: []string{text}})
		require.EqualError(t, fromNew, err.Error())
	}
}

// TestStateMissing names columns that are not there, or that never say what the setting says.
func TestStateMissing(t *testing.T) {
	t.Parallel()
	open := func(db *ispmailtest.Database, state ...string) error {
		return errorOf(ispmail.New(t.Context(), db.DB, ispmail.Config{State: state, Timeout: time.Minute}))
	}
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		t.Parallel()
		withColumns(t, db, "virtual_aliases.active TINYINT", "virtual_users.status INTEGER")
		require.NoError(t, open(db, "active", "status=1"))
		for state, want := range map[string]string{
			"activ":                "none of the tables that the account may read has a column activ, which is named as a column of state",
			"virtual_users.active": "virtual_users has no column active, which is named as a column of state",
			"status=active":        `which is never "active"`,
		} {
			err := open(db, "active", state)
			require.ErrorIs(t, err, ispmail.ErrSchema, state)
			require.ErrorContains(t, err, want)
		}
		db.Exec(t, "DROP TABLE virtual_aliases")
		require.ErrorIs(t, open(db, "status=1"), ispmail.ErrSchema)
	})
	t.Run("types", func(t *testing.T) {
		t.Parallel()
		db := ispmailtest.MariaDB(t)
		withColumns(t, db, "virtual_users.enabled ENUM('active','closed')", "virtual_users.deleted_at DATETIME", "virtual_users.place POINT")
		for state, want := range map[string]string{
			"enabled":           "virtual_users.enabled is of the type enum('active','closed'): say which value switches a row on, as in enabled=active",
			"enabled=activ":     `is of the type enum('active','closed'), which is never "activ"`,
			"deleted_at=2024":   "virtual_users.deleted_at is of the type datetime, by which no row can be switched on or off, unless without a value: !deleted_at",
			"place":             "virtual_users.place is of the type point, by which no row can be switched on or off",
			"!enabled=CLOSED":   "",
			"enabled=active":    "",
			"deleted_at":        "",
			"!Deleted_At":       "",
			"virtual_users.gap": "virtual_users has no column gap",
		} {
			err := open(db, state)
			if want == "" {
				require.NoError(t, err, state)
				continue
			}
			require.ErrorIs(t, err, ispmail.ErrSchema, state)
			require.ErrorContains(t, err, want)
		}
	})
	t.Run("dropped", func(t *testing.T) { // while the store runs: nobody is switched on by that
		t.Parallel()
		ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
			t.Parallel()
			db.Example(t)
			store := withState(t, db, ispmail.Config{})
			db.Exec(t, "UPDATE virtual_users SET active = 0")
			require.ErrorIs(t, errorOf(store.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)), ispmail.ErrBadCredentials)
			db.Exec(t, "ALTER TABLE virtual_users DROP COLUMN active")
			require.ErrorIs(t, errorOf(store.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)), ispmail.ErrSchema)
			require.ErrorIs(t, errorOf(store.User(t.Context(), "john@example.org")), ispmail.ErrSchema)
		})
	})
}

// TestStateGrants runs as the account of the password service, with and without the rights on the columns of state.
func TestStateGrants(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	withColumns(t, db, "virtual_users.active TINYINT DEFAULT 1", "virtual_domains.active TINYINT DEFAULT 1")
	const (
		guide   = "GRANT SELECT (id, domain_id, email, password), UPDATE (password) ON virtual_users TO %s"
		users   = "GRANT SELECT (active) ON virtual_users TO %s"
		domains = "GRANT SELECT (id, name, active) ON virtual_domains TO %s"
	)
	open := func(state string, grants ...string) (*ispmail.Store, error) {
		store, err := ispmail.Open(t.Context(), db.Account(t, grants...), ispmail.Config{
			State: []string{state}, Logger: slog.New(slog.DiscardHandler), Timeout: time.Minute,
		})
		if err == nil {
			t.Cleanup(func() { require.NoError(t, store.Close()) })
		}
		return store, err
	}
	for _, test := range []struct {
		state, table string
		grants       []string
	}{
		{"active", "virtual_users", []string{guide}},
		{"virtual_users.active", "virtual_users", []string{guide}},
		{"virtual_domains.active", "virtual_domains", []string{guide, users}},
		{"virtual_domains.active", "virtual_domains", []string{guide, users, "GRANT SELECT (id, name) ON virtual_domains TO %s"}},
	} {
		_, err := open(test.state, test.grants...)
		require.ErrorIs(t, err, ispmail.ErrDenied, test.state)
		require.ErrorContains(t, err, "the column of state active cannot be seen: if "+test.table+" has it, the account needs GRANT SELECT (active) ON ")
		require.ErrorContains(t, err, "."+test.table+" TO '")
	}
	_, err := open("activ", guide, users)
	require.ErrorIs(t, err, ispmail.ErrDenied, "MariaDB does not tell such an account that there is no such column")
	_, err = open("activ", "GRANT SELECT ON virtual_users TO %s")
	require.ErrorIs(t, err, ispmail.ErrSchema)

	store, err := open("active", guide, users)
	require.NoError(t, err)
	assert.Equal(t, []string{"virtual_users.active"}, store.State())
	db.Exec(t, "UPDATE virtual_users SET active = 0 WHERE id = 1")
	require.ErrorIs(t, errorOf(store.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)), ispmail.ErrBadCredentials)
	require.NoError(t, store.ChangePassword(t.Context(), "md5@example.org", ispmailtest.Password, "a long enough secret"))
	db.Exec(t, "UPDATE virtual_domains SET active = 0")
	require.NoError(t, errorOf(store.Authenticate(t.Context(), "md5@example.org", "a long enough secret")), "it may not see the domain")
	unnamed, err := store.UnnamedState(t.Context())
	require.NoError(t, err)
	assert.Empty(t, unnamed, "nor that there is a column")

	store, err = open("active", guide, users, domains)
	require.NoError(t, err)
	assert.Equal(t, []string{"virtual_domains.active", "virtual_users.active"}, store.State())
	require.ErrorIs(t, errorOf(store.Authenticate(t.Context(), "md5@example.org", "a long enough secret")), ispmail.ErrBadCredentials)
	db.Exec(t, "UPDATE virtual_domains SET active = 1")
	require.NoError(t, store.ChangePassword(t.Context(), "md5@example.org", "a long enough secret", ispmailtest.Password))

	_, err = open("active", "GRANT SELECT (id, active) ON virtual_domains TO %s", guide, users)
	require.ErrorIs(t, err, ispmail.ErrSchema, "a domain cannot be heeded by half")
}

// TestUnnamedState finds columns by their names, in capitals or not.
func TestUnnamedState(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		withColumns(t, db,
			"virtual_domains.Enabled BOOLEAN", "virtual_domains.created_at DATETIME", "virtual_domains.description TEXT",
			"virtual_users.isActive TINYINT", "virtual_users.deleted_at DATETIME", "virtual_users.account_status VARCHAR(10)", "virtual_users.LOCKED INTEGER",
			"virtual_users.status INTEGER", "virtual_users.last_active_at DATETIME", "virtual_users.smtp_enabled TINYINT", "virtual_users.status_at DATETIME",
			"virtual_aliases.is_disabled TINYINT", "virtual_aliases.active VARCHAR(1)", "virtual_aliases.suspended TINYINT")
		want := []string{
			"virtual_domains.enabled", "virtual_users.account_status=active", "!virtual_users.deleted_at", "virtual_users.isactive",
			"!virtual_users.locked", "virtual_users.status=1", "virtual_aliases.active", "!virtual_aliases.is_disabled", "!virtual_aliases.suspended",
		}
		store := db.Store(t, ispmail.Config{})
		got, err := store.UnnamedState(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, got)
		assert.Empty(t, store.State())

		store = db.Store(t, ispmail.Config{State: want}) // each can be named as it is proposed
		got, err = store.UnnamedState(t.Context())
		require.NoError(t, err)
		assert.Empty(t, got)
		assert.Len(t, store.State(), len(want))
	})
}
