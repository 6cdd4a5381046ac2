package ispmail_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// A fixture is a schema of testdata/schema and what is special about it.
type fixture struct {
	name    string
	columns map[string]any // what Config.Columns says for a user
	stamps  bool           // the tables want time stamps too
	quota   int64          // the highest one, 0 = there is no such column
	narrow  bool           // no scheme that is not broken fits
	single  bool           // a source has one destination
	state   []string       // Config.State
	own     bool           // it has collations of its own
	strict  bool           // it cannot be told, without a strict sql_mode, that a trigger gives the ids
	wide    bool           // the columns hold more than those of the guide
}

var fixtures = []fixture{
	{name: "wheezy", narrow: true},
	{name: "jessie"},
	{name: "stretch"},
	{name: "bookworm", quota: 1<<63 - 1},
	{name: "bookworm-ansible", quota: 1<<31 - 1},
	{name: "trixie", quota: 1<<63 - 1},
	{name: "rails", stamps: true, wide: true},
	{name: "console", stamps: true, quota: 1<<63 - 1},
	{name: "redirects"},
	{name: "switches", quota: 1<<63 - 1, state: []string{"active", "enabled", "!deleted_at", "status=active"}},
	{name: "unsigned", columns: map[string]any{"maildir": "/var/vmail"}, quota: 1<<32 - 1, single: true},
	{name: "linode"},
	{name: "uuid-short", quota: 1<<63 - 1},
	{name: "trigger", strict: true},
	{name: "sequence"},
	{name: "view", own: true},
	{name: "binary", own: true},
	{name: "states", columns: map[string]any{"maildir": "/var/vmail"}, single: true},
}

// config is what a program on such a schema has to say.
func (f fixture) config() ispmail.Config {
	return ispmail.Config{
		State: f.state,
		Columns: func(_ context.Context, row any) map[string]any {
			columns := map[string]any{}
			if f.stamps {
				columns["created_at"], columns["updated_at"] = bun.Safe("NOW()"), bun.Safe("NOW()")
			}
			if _, ok := row.(*ispmail.User); ok {
				for name, value := range f.columns {
					columns[name] = value
				}
			}
			return columns
		},
	}
}

// TestConformance runs the same life of a mail server on every schema, with every collation, under the account of the
// guide for administration, and once more on connections that are not strict.
func TestConformance(t *testing.T) {
	t.Parallel()
	collations := []string{"latin1_swedish_ci", "utf8mb3_general_ci", "utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_uca1400_ai_ci"}
	for _, f := range fixtures {
		for _, collation := range append(collations, "", "own") {
			if f.own != (collation == "own") && collation != "" || f.strict && collation == "" {
				continue
			}
			t.Run(strings.Trim(f.name+"/"+collation, "/"), func(t *testing.T) {
				t.Parallel()
				db := ispmailtest.MariaDB(t)
				dbtest.Load(t, db, f.name)
				if collation == "" {
					conform(t, f, db, dbtest.Lax(t, db, f.config()))
					return
				}
				charset, _, _ := strings.Cut(collation, "_")
				for _, table := range []string{"virtual_aliases", "virtual_users", "virtual_domains"} {
					if f.own {
						break
					}
					db.Exec(t, "ALTER TABLE "+table+" CONVERT TO CHARACTER SET "+charset+" COLLATE "+collation)
				}
				conform(t, f, db, dbtest.Open(t, db.Account(t, "GRANT SELECT, INSERT, UPDATE, DELETE ON * TO %s"), f.config()))
			})
		}
	}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		db := ispmailtest.SQLite(t)
		conform(t, fixture{name: "SQLite", quota: 1<<63 - 1}, db, db.Store(t, ispmail.Config{}))
	})
}

func conform(t *testing.T, f fixture, db *ispmailtest.Database, store *ispmail.Store) {
	t.Helper()
	ctx := t.Context()
	const first, second, third = "a long enough secret", "ein anderes Paßwort", "{PLAIN}x"

	domain, err := store.CreateDomain(ctx, "Example.org")
	require.NoError(t, err)
	for _, name := range []string{"müller.example", "example.net"} {
		_, err = store.CreateDomain(ctx, name)
		require.NoError(t, err)
	}
	require.ErrorIs(t, errorOf(store.CreateDomain(ctx, "EXAMPLE.org")), ispmail.ErrExists)
	got, err := store.Domain(ctx, "xn--mller-kva.example")
	require.NoError(t, err)
	assert.Equal(t, "xn--mller-kva.example", got.Name)

	if f.narrow {
		before := dbtest.Dump(t, db)
		require.ErrorIs(t, errorOf(store.CreateUser(ctx, "john@example.org", first)), ispmail.ErrTooLong)
		assert.Equal(t, before, dbtest.Dump(t, db))
		db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (?, 'john@example.org', ?)", domain.ID, legacy[len("{PLAIN-MD5}"):])
		hasher, err := hash.New(hash.Config{Default: "PLAIN-MD5"})
		require.NoError(t, err)
		old := db.Store(t, ispmail.Config{Hasher: hasher})
		user, err := old.Authenticate(ctx, "john@example.org", ispmailtest.Password)
		require.NoError(t, err)
		require.ErrorIs(t, old.ChangePassword(ctx, "john@example.org", ispmailtest.Password, second), ispmail.ErrTooLong)
		assert.Equal(t, user.Password.Reveal(), db.Stored(t, "john@example.org"), "neither the login nor the change wrote anything")
	} else {
		john, _, err := store.CreateUser(ctx, "John@Example.org", first)
		require.NoError(t, err)
		assert.Equal(t, domain.ID, john.DomainID)
		require.ErrorIs(t, errorOf(store.CreateUser(ctx, "john@example.org", first)), ispmail.ErrExists)
		require.ErrorIs(t, errorOf(store.CreateUser(ctx, "john@example.com", first)), ispmail.ErrNoDomain)
		_, _, err = store.CreateUser(ctx, "jane@Müller.example", first)
		require.NoError(t, err)

		found, err := store.User(ctx, "john@example.org")
		require.NoError(t, err)
		assert.Equal(t, john, found)
		for _, spelling := range []string{"jane@müller.example", "Jane@XN--mller-kva.example"} {
			_, err = store.Authenticate(ctx, spelling, first)
			require.NoError(t, err)
		}
		require.NoError(t, store.ChangePassword(ctx, "john@example.org", first, second))
		require.ErrorIs(t, store.ChangePassword(ctx, "john@example.org", first, third), ispmail.ErrBadCredentials)
		require.NoError(t, store.SetPassword(ctx, "john@example.org", third))
		_, err = store.Authenticate(ctx, "john@example.org", third)
		require.NoError(t, err)

		db.Exec(t, "UPDATE virtual_users SET password = ? WHERE id = ?", legacy, john.ID)
		_, err = store.Authenticate(ctx, "john@example.org", ispmailtest.Password)
		require.NoError(t, err)
		assert.Contains(t, db.Stored(t, "john@example.org"), "{SHA256-CRYPT}")
	}
	quotas(t, f, store)
	aliases(t, f, store)
	unchanged(t, f, db, store)

	stop := errors.New("stop")
	before := dbtest.Dump(t, db)
	require.ErrorIs(t, store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
		if _, err := tx.CreateDomain(ctx, "example.com"); err != nil {
			return err
		}
		if !f.narrow {
			if _, _, err := tx.CreateUser(ctx, "judy@example.com", first); err != nil {
				return err
			}
			if _, err := tx.Authenticate(ctx, "judy@example.com", first); err != nil {
				return err
			}
		}
		if _, err := tx.DeleteDomain(ctx, "example.org"); err != nil {
			return err
		}
		return stop
	}), stop)
	assert.Equal(t, before, dbtest.Dump(t, db))

	assert.Len(t, dbtest.Collect(t, store.Domains(ctx, ispmail.Query{})), 3)
	warnings, err := store.DeleteDomain(ctx, "example.org")
	require.NoError(t, err)
	assert.Equal(t, []string{"sales@example.net > john@example.org"}, about(warnings))
	assert.Empty(t, filter(dbtest.Collect(t, store.Users(ctx, ispmail.Query{})), func(u ispmail.User) bool { return u.DomainID == domain.ID }))
	assert.Empty(t, filter(dbtest.Collect(t, store.Aliases(ctx, ispmail.Query{})), func(a ispmail.Alias) bool { return a.DomainID == domain.ID }))
}

func quotas(t *testing.T, f fixture, store *ispmail.Store) {
	t.Helper()
	ctx := t.Context()
	john, err := store.User(ctx, "john@example.org")
	require.NoError(t, err)
	if f.quota == 0 {
		assert.Nil(t, john.Quota)
		require.ErrorIs(t, store.SetQuota(ctx, "john@example.org", 1), ispmail.ErrNoQuota)
		return
	}
	require.NotNil(t, john.Quota)
	assert.Zero(t, *john.Quota)
	for _, bytes := range []int64{1 << 20, f.quota, f.quota, 0, 1 << 30} {
		require.NoError(t, store.SetQuota(ctx, "john@example.org", bytes))
		john, err = store.User(ctx, "john@example.org")
		require.NoError(t, err)
		assert.Equal(t, bytes, *john.Quota)
	}
	bad := []int64{-1}
	if f.quota < 1<<63-1 {
		bad = append(bad, f.quota+1)
	}
	for _, bytes := range bad {
		require.ErrorIs(t, store.SetQuota(ctx, "john@example.org", bytes), ispmail.ErrTooLong)
	}
	require.ErrorIs(t, store.SetQuota(ctx, "nobody@example.org", 1), ispmail.ErrNotFound)
	for user, err := range store.Users(ctx, ispmail.InDomain("example.org")) {
		require.NoError(t, err)
		assert.Equal(t, int64(1<<30), *user.Quota)
	}
}

func aliases(t *testing.T, f fixture, store *ispmail.Store) {
	t.Helper()
	ctx := t.Context()
	for _, alias := range [][2]string{
		{"Jack@Example.org", "John@example.org"},
		{"sales@example.net", "john@example.org"},
		{"john@example.org", "john@example.org"},
		{"out@example.org", "somebody@elsewhere.example"},
		{"@example.net", "@müller.example"},
	} {
		_, _, err := store.CreateAlias(ctx, alias[0], alias[1])
		require.NoError(t, err, alias)
	}
	again, _, err := store.CreateAlias(ctx, "jack@example.org", "jill@elsewhere.example")
	if f.single {
		require.ErrorIs(t, err, ispmail.ErrExists)
	} else {
		require.NoError(t, err)
		assert.Len(t, aliasesOf(t, store, "jack@example.org"), 2)
		again, _, err = store.ChangeAlias(ctx, "jack@example.org", "jill@elsewhere.example", "june@elsewhere.example")
		require.NoError(t, err)
		assert.Equal(t, "june@elsewhere.example", again.Destination)
		_, err = store.DeleteAlias(ctx, "jack@example.org", "june@elsewhere.example")
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"jack@example.org > john@example.org"}, arrows(aliasesOf(t, store, "JACK@example.org")))
	assert.Len(t, dbtest.Collect(t, store.Aliases(ctx, ispmail.InDomain("example.org"))), 3)
	for alias, want := range map[[2]string]error{
		{"jack@example.org", "john@example.org"}:     ispmail.ErrExists,
		{"jack@example.com", "john@example.org"}:     ispmail.ErrNoDomain,
		{"nobody@example.org", "nobody@example.org"}: ispmail.ErrAliasLoop,
		{"@example.org", "@example.org"}:             ispmail.ErrAliasLoop,
		{"jack@example.org", "@example.net"}:         ispmail.ErrInvalidAddress,
		{"@example.net", "john@example.org"}:         ispmail.ErrExists,
	} {
		require.ErrorIs(t, errorOf(store.CreateAlias(ctx, alias[0], alias[1])), want, alias)
	}
	warnings, err := store.DeleteUser(ctx, "john@example.org")
	require.NoError(t, err)
	want := []string{"jack@example.org > john@example.org", "sales@example.net > john@example.org", "john@example.org > john@example.org"}
	assert.Equal(t, want, about(warnings))
}

// badAddresses are what a form may send. None of them gets as far as a statement that writes.
var badAddresses = map[string]error{
	"":                        ispmail.ErrInvalidAddress,
	"jo\x00hn@example.org":    ispmail.ErrInvalidAddress,
	" john@example.org":       ispmail.ErrInvalidAddress,
	"john@example.org ":       ispmail.ErrInvalidAddress,
	"jo hn@example.org":       ispmail.ErrInvalidAddress,
	"john@example.org\r\n":    ispmail.ErrInvalidAddress,
	"a@b@example.org":         ispmail.ErrInvalidAddress,
	`"john doe"@example.org`:  ispmail.ErrInvalidAddress,
	"john@.example.org":       ispmail.ErrInvalidAddress,
	"john@xn--a.example":      ispmail.ErrInvalidAddress,
	"john@😀.example":          ispmail.ErrInvalidAddress,
	"john@\xff.example":       ispmail.ErrInvalidAddress,
	"josé@example.org":        ispmail.ErrInvalidAddress,
	"' OR 1=1 -- @example.or": ispmail.ErrInvalidAddress,
	"john@elsewhere.example":  ispmail.ErrNoDomain,
}

// unchanged has what must change nothing.
func unchanged(t *testing.T, f fixture, db *ispmailtest.Database, store *ispmail.Store) {
	t.Helper()
	ctx := t.Context()
	before := dbtest.Dump(t, db)
	for address, want := range badAddresses {
		if !f.narrow {
			require.ErrorIs(t, errorOf(store.CreateUser(ctx, address, "a long enough secret")), want, "%q", address)
		}
		require.ErrorIs(t, errorOf(store.CreateAlias(ctx, address, "x@example.org")), want, "%q", address)
		if errors.Is(want, ispmail.ErrNoDomain) {
			want = ispmail.ErrNotFound
		} else {
			require.ErrorIs(t, errorOf(store.CreateDomain(ctx, strings.TrimPrefix(address, "john@"))), want, "%q", address)
			require.ErrorIs(t, errorOf(store.CreateAlias(ctx, "x@example.org", address)), want, "%q", address)
		}
		require.ErrorIs(t, errorOf(store.DeleteUser(ctx, address)), want, "%q", address)
		require.ErrorIs(t, errorOf(store.DeleteAlias(ctx, address, "x@example.org")), want, "%q", address)
		require.ErrorIs(t, store.SetQuota(ctx, address, 1), map[bool]error{true: want, false: ispmail.ErrNoQuota}[f.quota > 0 || !errors.Is(want, ispmail.ErrNotFound)], "%q", address)
		require.ErrorIs(t, store.SetPassword(ctx, address, "a long enough secret"), want, "%q", address)
		require.Error(t, errorOf(store.Authenticate(ctx, address, "a long enough secret")))
		require.Error(t, store.ChangePassword(ctx, address, "a long enough secret", "another long secret"))
	}
	if !f.wide {
		long := strings.Repeat("a", 60) + "@" + strings.Repeat("b", 28) + ".example.org" // 101 characters
		require.ErrorIs(t, errorOf(store.CreateDomain(ctx, strings.Repeat("b", 43)+".example")), ispmail.ErrTooLong)
		err := errorOf(store.CreateAlias(ctx, "x@example.org", long))
		require.ErrorIs(t, err, ispmail.ErrTooLong)
		if f.name != "SQLite" {
			assert.ErrorContains(t, err, "virtual_aliases.destination")
		}
	}
	assert.Equal(t, before, dbtest.Dump(t, db))
}

func arrows(aliases []ispmail.Alias) []string {
	var all []string
	for _, a := range aliases {
		all = append(all, a.Source+" > "+a.Destination)
	}
	return all
}

// about returns the aliases that warnings are about, and mailboxes.
func about(warnings []ispmail.Warning) []string {
	var all []string
	for _, w := range warnings {
		text := "mailbox " + w.Address
		if w.Alias != nil {
			text = w.Alias.Source + " > " + w.Alias.Destination
		}
		all = append(all, text)
	}
	return all
}

func filter[T any](all []T, keep func(T) bool) (kept []T) {
	for _, one := range all {
		if keep(one) {
			kept = append(kept, one)
		}
	}
	return kept
}
