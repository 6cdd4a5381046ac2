package ispmail_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// What a library must stand that works on other people's tables, a test for each rule.

// TestRuleTextIsText has a bun.DB with a named argument, which makes bun look for placeholders in finished statements.
func TestRuleTextIsText(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		hook := &dbtest.Statements{}
		store := (&ispmailtest.Database{DB: db.DB.WithNamedArg("tenant", "x").WithQueryHook(hook), DSN: db.DSN}).Store(t, ispmail.Config{})
		for _, stored := range []string{`{PLAIN}a\?b`, `{PLAIN}a?(b)c`, `{PLAIN}a?tenant`, `{PLAIN}a'?'\''b`} {
			db.Exec(t, "DELETE FROM virtual_users")
			result, _ := imported(t, store, ispmail.ImportConfig{}, newUser("joe?tenant@example.org", stored))
			assert.Equal(t, ispmail.ImportResult{Users: 1}, result)
			assert.Equal(t, stored, db.Stored(t, "joe?tenant@example.org"))
		}
		require.NoError(t, errorOf(store.CreateUser(t.Context(), "jim?tenant@example.org", "a long enough secret")))
		require.NotEmpty(t, hook.Templates())
		for _, template := range hook.Templates() {
			assert.NotContains(t, template, "{", "what is logged without values has no password")
		}
	})
}

func TestRuleNameColumns(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	for _, table := range []string{"virtual_domains", "virtual_users", "virtual_aliases"} {
		db.Exec(t, "ALTER TABLE "+table+" ADD COLUMN theirs VARCHAR(20) NOT NULL DEFAULT 'untouched' FIRST")
	}
	watched, ran := dbtest.Watch(db)
	store := watched.Store(t, ispmail.Config{})
	fixture := fixture{name: "trixie", quota: 1<<63 - 1}
	db.Exec(t, "DELETE FROM virtual_domains")
	conform(t, fixture, db, store)
	for _, statement := range ran() {
		assert.NotContains(t, statement, "*", "a column is named")
		assert.NotContains(t, statement, "theirs")
	}

	db.Exec(t, "ALTER TABLE virtual_users DROP COLUMN quota")
	_, _, err := store.CreateUser(t.Context(), "jim@example.net", "a long enough secret")
	require.NoError(t, err)
	jim, err := store.User(t.Context(), "jim@example.net")
	require.NoError(t, err, "a column that went away is noticed")
	assert.Nil(t, jim.Quota)
	require.ErrorIs(t, store.SetQuota(t.Context(), "jim@example.net", 1), ispmail.ErrNoQuota)
	db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN quota BIGINT NOT NULL DEFAULT 5")
	require.NoError(t, store.SetQuota(t.Context(), "jim@example.net", 1), "and one that came")
}

func TestRuleColumnsWithoutDefault(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	dbtest.Load(t, db, "console")
	db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN user_id INT NOT NULL, MODIFY quota BIGINT NOT NULL")
	_, err := db.Store(t, ispmail.Config{}).CreateDomain(t.Context(), "example.org")
	require.ErrorIs(t, err, ispmail.ErrSchema)
	require.ErrorContains(t, err, "virtual_domains.created_at, virtual_domains.updated_at")

	var rows []string
	store := db.Store(t, ispmail.Config{Columns: func(_ context.Context, row any) map[string]any {
		rows = append(rows, fmt.Sprintf("%T", row))
		columns := map[string]any{"created_at": bun.Safe("NOW()"), "updated_at": "2026-01-01", "id": 99}
		if user, ok := row.(*ispmail.User); ok && user.Email == "john@example.org" {
			columns["USER_ID"], columns["domain_id"] = 7, 99
		}
		return columns
	}})
	_, err = store.CreateDomain(t.Context(), "example.org")
	require.NoError(t, err)
	john, _, err := store.CreateUser(t.Context(), "john@example.org", "a long enough secret")
	require.NoError(t, err)
	assert.Zero(t, *john.Quota, "which the package knows")
	assert.Less(t, john.ID+john.DomainID, int64(99), "what belongs to this package is not for others to say")
	_, _, err = store.CreateUser(t.Context(), "jane@example.org", "a long enough secret")
	require.ErrorIs(t, err, ispmail.ErrSchema)
	require.ErrorContains(t, err, "virtual_users.user_id")
	_, _, err = store.CreateAlias(t.Context(), "jack@example.org", "john@example.org")
	require.NoError(t, err)
	var user, year int
	require.NoError(t, db.DB.NewRaw("SELECT user_id, YEAR(updated_at) FROM virtual_users").Scan(t.Context(), &user, &year))
	assert.Equal(t, []int{7, 2026}, []int{user, year})
	assert.Equal(t, []string{"*ispmail.Domain", "*ispmail.User", "*ispmail.User", "*ispmail.Alias"}, rows)
}

func TestRulePasswordWidth(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	// Not strict: the hash would be cut, and its user locked out.
	store := dbtest.Lax(t, db, ispmail.Config{})
	require.NoError(t, store.ChangePassword(t.Context(), "md5@example.org", ispmailtest.Password, "a long enough secret"))
	db.Exec(t, "ALTER TABLE virtual_users MODIFY password VARCHAR(77) NOT NULL")
	h, err := hash.New(hash.Config{Rounds: 6000}) // 89 characters
	require.NoError(t, err)
	wide := dbtest.Lax(t, db, ispmail.Config{Hasher: h})
	old := dbtest.Dump(t, db)
	require.ErrorIs(t, wide.ChangePassword(t.Context(), "john@example.org", ispmailtest.Password, "a long enough secret"), ispmail.ErrTooLong)
	require.ErrorIs(t, wide.SetPassword(t.Context(), "john@example.org", "a long enough secret"), ispmail.ErrTooLong)
	_, _, err = wide.CreateUser(t.Context(), "jane@example.org", "a long enough secret")
	require.ErrorIs(t, err, ispmail.ErrTooLong)
	_, err = wide.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)
	require.NoError(t, err, "the rehash that is due does not fit either")
	assert.Equal(t, old, dbtest.Dump(t, db))
	db.Exec(t, "ALTER TABLE virtual_users MODIFY password VARCHAR(255) NOT NULL")
	require.NoError(t, wide.ChangePassword(t.Context(), "john@example.org", ispmailtest.Password, "a long enough secret"),
		"a column that was widened is noticed")
}

func TestRuleQuotaRange(t *testing.T) {
	t.Parallel()
	for kind, highest := range map[string]int64{
		"TINYINT": 1<<7 - 1, "SMALLINT UNSIGNED": 1<<16 - 1, "MEDIUMINT": 1<<23 - 1, "INT(11)": 1<<31 - 1,
		"INT UNSIGNED": 1<<32 - 1, "BIGINT(11)": 1<<63 - 1, "BIGINT UNSIGNED": 1<<63 - 1,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			db.Example(t)
			db.Exec(t, "ALTER TABLE virtual_users MODIFY quota "+kind+" NOT NULL DEFAULT 0")
			store := dbtest.Lax(t, db, ispmail.Config{})
			require.NoError(t, store.SetQuota(t.Context(), "john@example.org", highest))
			over := highest + 1 // for the widest, this is negative
			require.ErrorIs(t, store.SetQuota(t.Context(), "john@example.org", over), ispmail.ErrTooLong)
			john, err := store.User(t.Context(), "john@example.org")
			require.NoError(t, err)
			assert.Equal(t, highest, *john.Quota)
		})
	}
}

func TestRuleIDs(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	dbtest.Load(t, db, "uuid")
	db.Exec(t, "INSERT INTO virtual_domains VALUES ('2ad7b8a0-16ae', 'example.org')")
	store := db.Store(t, ispmail.Config{})
	for _, err := range []error{
		errorOf(store.Domain(t.Context(), "example.org")),
		errorOf(store.CreateAlias(t.Context(), "jack@example.org", "john@example.org")),
	} {
		require.ErrorIs(t, err, ispmail.ErrSchema)
		require.ErrorContains(t, err, "id is of the type char(36): ")
	}
}

// TestRuleCollationIsNotEquality has rows that every *_ci collation takes for the same.
func TestRuleCollationIsNotEquality(t *testing.T) {
	t.Parallel()
	for _, collation := range []string{"latin1_swedish_ci", "utf8mb3_general_ci", "utf8mb4_unicode_ci", "utf8mb4_uca1400_ai_ci"} {
		t.Run(collation, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			charset, _, _ := strings.Cut(collation, "_")
			db.Exec(t, "ALTER TABLE virtual_users DROP KEY email, ADD KEY email (email), CONVERT TO CHARACTER SET "+charset+" COLLATE "+collation)
			db.Example(t)
			db.Exec(t, `INSERT INTO virtual_users (domain_id, email, password) VALUES
				(1, 'jöhn@example.org', 'x'), (1, 'twin@example.org', 'x'), (1, 'Twin@example.org', 'x'), (1, 'blank@example.org ', 'x')`)
			store := db.Store(t, ispmail.Config{})
			ctx := t.Context()
			user, err := store.User(ctx, "john@example.org")
			require.NoError(t, err)
			assert.EqualValues(t, 1, user.ID)
			_, err = store.User(ctx, "twin@example.org")
			require.ErrorIs(t, err, ispmail.ErrAmbiguous)
			_, err = store.Authenticate(ctx, "twin@example.org", "x")
			require.ErrorIs(t, err, ispmail.ErrBadCredentials)
			_, err = store.User(ctx, "blank@example.org")
			require.ErrorIs(t, err, ispmail.ErrNotFound)
			require.NoError(t, store.ChangePassword(ctx, "John@example.org", ispmailtest.Password, "a long enough secret"))
			var changed []string
			require.NoError(t, db.DB.NewRaw("SELECT email FROM virtual_users WHERE password LIKE '{SHA256-CRYPT}%'").Scan(ctx, &changed))
			assert.Equal(t, []string{"john@example.org"}, changed, "a change goes by id")
		})
	}
}

// TestRuleForeignCharacterSet looks for what a latin1 column cannot hold. MariaDB calls the comparison an error.
func TestRuleForeignCharacterSet(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	for _, table := range []string{"virtual_aliases", "virtual_users", "virtual_domains"} {
		db.Exec(t, "ALTER TABLE "+table+" CONVERT TO CHARACTER SET latin1")
	}
	db.Example(t)
	store := db.Store(t, ispmail.Config{})
	ctx := t.Context()
	require.ErrorIs(t, errorOf(store.User(ctx, "john@例え.example")), ispmail.ErrNotFound)
	require.ErrorIs(t, errorOf(store.Authenticate(ctx, "john@例え.example", "x")), ispmail.ErrBadCredentials)
	require.ErrorIs(t, errorOf(store.CreateUser(ctx, "john@例え.example", "a long enough secret")), ispmail.ErrNoDomain)
	_, err := store.CreateDomain(ctx, "例え.example")
	require.NoError(t, err)
	_, _, err = store.CreateUser(ctx, "john@例え.example", "a long enough secret")
	require.NoError(t, err)
	_, _, err = store.CreateAlias(ctx, "jack@example.org", "john@例え.example")
	require.NoError(t, err)
	warnings, err := store.DeleteUser(ctx, "john@例え.example")
	require.NoError(t, err)
	assert.Equal(t, []string{"jack@example.org > john@xn--r8jz45g.example"}, about(warnings))
}

// TestRuleLeastPrivilege runs what the password service does with no more rights than it is documented to need.
// TestConformance does so for administration.
func TestRuleLeastPrivilege(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	store := db.As(t, "GRANT SELECT (id, domain_id, email, password), UPDATE (password) ON virtual_users TO %s")
	user, err := store.Authenticate(t.Context(), "md5@example.org", ispmailtest.Password)
	require.NoError(t, err)
	assert.Nil(t, user.Quota)
	assert.NotEqual(t, legacy, db.Stored(t, "md5@example.org"), "rehashed")
	require.NoError(t, store.ChangePassword(t.Context(), "john@example.org", ispmailtest.Password, "a long enough secret"))
	require.NoError(t, store.SetPassword(t.Context(), "john@example.org", "a long enough secret"))
	require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		return tx.ChangePassword(ctx, "john@example.org", "a long enough secret", ispmailtest.Password)
	}))
	old := dbtest.Dump(t, db)
	for _, err := range []error{
		errorOf(store.DeleteUser(t.Context(), "john@example.org")),
		errorOf(store.CreateUser(t.Context(), "jane@example.org", "a long enough secret")),
		errorOf(store.Domain(t.Context(), "example.org")),
		errorOf(store.CreateAlias(t.Context(), "j@example.org", "john@example.org")),
		store.CreateSchema(t.Context()),
	} {
		require.ErrorIs(t, err, ispmail.ErrDenied)
		require.ErrorContains(t, err, "command denied", "and which right is missing")
	}
	require.ErrorIs(t, store.SetQuota(t.Context(), "john@example.org", 1), ispmail.ErrNoQuota)
	assert.Equal(t, old, dbtest.Dump(t, db))

	// The account of Postfix and Dovecot only reads.
	reader := db.As(t, "GRANT SELECT ON * TO %s")
	user, err = reader.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)
	require.NoError(t, err)
	assert.NotNil(t, user.Quota)
	require.NoError(t, reader.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		return errorOf(tx.Authenticate(ctx, "john@example.org", ispmailtest.Password))
	}))
	require.NoError(t, errorOf(reader.Recipients(t.Context(), "jack@example.org")))
	require.NotEmpty(t, dbtest.Collect(t, check.Run(t.Context(), reader, check.Config{})))
	for _, err := range reader.Export(t.Context()) {
		require.NoError(t, err)
	}
	result, err := reader.Import(t.Context(), reader.Export(t.Context()), ispmail.ImportConfig{DryRun: true})
	require.NoError(t, err)
	assert.Equal(t, 4, result.Present)
	require.ErrorIs(t, errorOf(reader.Import(t.Context(), dbtest.Sequence(nil, newDomain("example.net")), ispmail.ImportConfig{})), ispmail.ErrDenied)
}

func TestRuleOldestGuide(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	dbtest.Load(t, db, "lenny")
	db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')")
	_, err := db.Store(t, ispmail.Config{}).User(t.Context(), "john@example.org")
	require.ErrorIs(t, err, ispmail.ErrSchema)
	require.ErrorContains(t, err, "virtual_users has no column email")
}

// TestRuleWidths is about names that DNS and SMTP allow and the columns do not hold, on a server that would cut them.
func TestRuleWidths(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	store := dbtest.Lax(t, db, ispmail.Config{})
	ctx := t.Context()
	old := dbtest.Dump(t, db)
	wide := strings.Repeat("a", 60) + "@" + strings.Repeat("b", 28) + ".example.org"
	require.Len(t, wide, 101)
	for column, err := range map[string]error{
		"virtual_domains.name":        errorOf(store.CreateDomain(ctx, strings.Repeat("b", 39)+".example.org")),
		"virtual_aliases.destination": errorOf(store.CreateAlias(ctx, "jack@example.org", wide)),
	} {
		require.ErrorIs(t, err, ispmail.ErrTooLong)
		assert.ErrorContains(t, err, column)
	}
	assert.Equal(t, old, dbtest.Dump(t, db))
	db.Exec(t, "UPDATE virtual_domains SET name = ?", wide[61:])
	require.ErrorIs(t, errorOf(store.CreateUser(ctx, wide, "a long enough secret")), ispmail.ErrTooLong)
	require.ErrorIs(t, errorOf(store.CreateAlias(ctx, wide, "john@example.org")), ispmail.ErrTooLong)
	require.ErrorIs(t, errorOf(store.CreateAlias(ctx, "a"+wide, "john@example.org")), ispmail.ErrTooLong)
	_, _, err := store.CreateUser(ctx, wide[1:], "a long enough secret")
	require.NoError(t, err, "100 characters fit")
}
