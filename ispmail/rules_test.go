package ispmail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// What a library must stand that works on other people's tables, a test for each rule.

// watch returns the same database, and a function that returns the statements that ran through it since it was last
// called.
func watch(db *ispmailtest.Database) (*ispmailtest.Database, func() []string) {
	hook := &statements{}
	return &ispmailtest.Database{DB: db.DB.WithQueryHook(hook), DSN: db.DSN}, hook.take
}

type statements struct {
	mu        sync.Mutex
	ran       []string
	templates []string // without values
}

func (s *statements) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (s *statements) AfterQuery(_ context.Context, event *bun.QueryEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ran = append(s.ran, event.Query)
	s.templates = append(s.templates, event.QueryTemplate)
}

func (s *statements) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ran := s.ran
	s.ran = nil
	return ran
}

// TestRuleTextIsText has a database with a named argument, for which bun reads a statement again where it can.
func TestRuleTextIsText(t *testing.T) {
	onEach(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		hook := &statements{}
		store := (&ispmailtest.Database{DB: db.DB.WithNamedArg("tenant", "x").WithQueryHook(hook), DSN: db.DSN}).Store(t, ispmail.Config{})
		for _, stored := range []string{`{PLAIN}a\?b`, `{PLAIN}a?(b)c`, `{PLAIN}a?tenant`, `{PLAIN}a'?'\''b`} {
			db.Exec(t, "DELETE FROM virtual_users")
			result, _ := imported(t, store, ispmail.ImportConfig{}, newUser("joe?tenant@example.org", stored))
			assert.Equal(t, ispmail.ImportResult{Users: 1}, result)
			assert.Equal(t, stored, db.Stored(t, "joe?tenant@example.org"))
		}
		require.NoError(t, errorOf(store.CreateUser(t.Context(), "jim?tenant@example.org", "a long enough secret")))
		require.NotEmpty(t, hook.templates)
		for _, template := range hook.templates {
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
	watched, ran := watch(db)
	store := watched.Store(t, ispmail.Config{})
	fixture := fixture{name: "trixie", quota: 1<<63 - 1}
	db.Exec(t, "DELETE FROM virtual_domains")
	conform(t, fixture, db, store)
	for _, statement := range ran() {
		assert.NotContains(t, statement, "*", "a column is named")
		assert.NotContains(t, statement, "theirs")
	}

	db.Exec(t, "ALTER TABLE virtual_users DROP COLUMN quota")
	_, err := store.CreateUser(t.Context(), "jim@example.net", "a long enough secret")
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
	load(t, db, "console")
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
	john, err := store.CreateUser(t.Context(), "john@example.org", "a long enough secret")
	require.NoError(t, err)
	assert.Zero(t, *john.Quota, "which the package knows")
	assert.Less(t, john.ID+john.DomainID, int64(99), "what belongs to this package is not for others to say")
	_, err = store.CreateUser(t.Context(), "jane@example.org", "a long enough secret")
	require.ErrorIs(t, err, ispmail.ErrSchema)
	require.ErrorContains(t, err, "virtual_users.user_id")
	_, err = store.CreateAlias(t.Context(), "jack@example.org", "john@example.org")
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
	store := lax(t, db, ispmail.Config{})
	require.NoError(t, store.ChangePassword(t.Context(), "md5@example.org", ispmailtest.Password, "a long enough secret"))
	db.Exec(t, "ALTER TABLE virtual_users MODIFY password VARCHAR(77) NOT NULL")
	h, err := hash.New(hash.Config{Rounds: 6000}) // 89 characters
	require.NoError(t, err)
	wide := lax(t, db, ispmail.Config{Hasher: h})
	old := dump(t, db)
	require.ErrorIs(t, wide.ChangePassword(t.Context(), "john@example.org", ispmailtest.Password, "a long enough secret"), ispmail.ErrTooLong)
	require.ErrorIs(t, wide.SetPassword(t.Context(), "john@example.org", "a long enough secret"), ispmail.ErrTooLong)
	_, err = wide.CreateUser(t.Context(), "jane@example.org", "a long enough secret")
	require.ErrorIs(t, err, ispmail.ErrTooLong)
	_, err = wide.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)
	require.NoError(t, err, "the rehash that is due does not fit either")
	assert.Equal(t, old, dump(t, db))
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
			store := lax(t, db, ispmail.Config{})
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
	load(t, db, "uuid")
	db.Exec(t, "INSERT INTO virtual_domains VALUES ('2ad7b8a0-16ae', 'example.org')")
	db.Exec(t, "INSERT INTO virtual_users VALUES ('6a8f', '2ad7b8a0-16ae', 'john@example.org', 'x', 0)")
	store := db.Store(t, ispmail.Config{})
	for _, err := range []error{
		errorOf(store.Domain(t.Context(), "example.org")),
		errorOf(store.User(t.Context(), "john@example.org")),
		errorOf(store.Authenticate(t.Context(), "john@example.org", "x")),
		errorOf(store.CreateAlias(t.Context(), "jack@example.org", "john@example.org")),
	} {
		require.ErrorIs(t, err, ispmail.ErrSchema)
		require.ErrorContains(t, err, "id is of the type varchar(64), ids must be whole numbers")
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
	_, err = store.CreateUser(ctx, "john@例え.example", "a long enough secret")
	require.NoError(t, err)
	_, err = store.CreateAlias(ctx, "jack@example.org", "john@例え.example")
	require.NoError(t, err)
	dangling, err := store.DeleteUser(ctx, "john@例え.example")
	require.NoError(t, err)
	assert.Equal(t, []string{"jack@example.org > john@xn--r8jz45g.example"}, arrows(dangling))
}

// TestRuleDuplicates is about the schemas in which nothing keeps out twins.
func TestRuleDuplicates(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"REPEATABLE-READ", "READ-COMMITTED"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			load(t, db, "console")
			console := fixture{stamps: true}.config()
			store := connect(t, db, map[string]string{"tx_isolation": "'" + isolation + "'"}).Store(t, console)
			ctx := t.Context()
			for _, create := range []func() error{
				func() error { return errorOf(store.CreateDomain(ctx, "example.org")) },
				func() error { return errorOf(store.CreateUser(ctx, "john@example.org", "a long enough secret")) },
				func() error { return errorOf(store.CreateAlias(ctx, "jack@example.org", "john@example.org")) },
				func() error {
					return store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
						collect(t, tx.Users(ctx, "")) // from here on, plain reads are of the past
						collect(t, tx.Aliases(ctx, ""))
						if _, err := tx.CreateUser(ctx, "jane@example.org", "a long enough secret"); err != nil {
							return err
						}
						return errorOf(tx.CreateAlias(ctx, "june@example.org", "jane@example.org"))
					})
				},
			} {
				errs := make([]error, 4)
				var done sync.WaitGroup
				for i := range errs {
					done.Go(func() { errs[i] = create() })
				}
				done.Wait()
				assert.Len(t, filter(errs, func(err error) bool { return err == nil }), 1, "%v", errs)
			}
			assert.Len(t, collect(t, store.Domains(ctx)), 1)
			assert.Len(t, collect(t, store.Users(ctx, "")), 2)
			assert.Len(t, collect(t, store.Aliases(ctx, "")), 2)

			// And if there are some already, they are one domain.
			db.Exec(t, "INSERT INTO virtual_domains (name, created_at, updated_at) VALUES ('Example.org', NOW(), NOW())")
			db.Exec(t, `INSERT INTO virtual_users (domain_id, email, password, created_at, updated_at)
				SELECT MAX(id), 'jim@example.org', 'x', NOW(), NOW() FROM virtual_domains`)
			db.Exec(t, `INSERT INTO virtual_aliases (domain_id, source, destination, created_at, updated_at)
				SELECT domain_id, source, destination, NOW(), NOW() FROM virtual_aliases`)
			assert.Len(t, collect(t, store.Users(ctx, "example.org")), 3)
			_, err := store.DeleteAlias(ctx, "jack@example.org", "john@example.org")
			require.NoError(t, err)
			assert.Len(t, collect(t, store.Aliases(ctx, "example.org")), 2)
			_, err = store.DeleteDomain(ctx, "example.org")
			require.NoError(t, err)
			assert.Empty(t, dump(t, db))
		})
	}
}

// TestRuleNoTwinDomains has two stores that both look for a domain before either adds it, on a server with a level of
// isolation at which that would make two of it.
func TestRuleNoTwinDomains(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	load(t, db, "bookworm")
	weak := connect(t, db, map[string]string{"tx_isolation": "'READ-COMMITTED'"})
	var both, done sync.WaitGroup
	both.Add(2)
	errs := make([]error, 2)
	for i := range errs {
		proxy, dsn := through(t, weak.DSN)
		store := open(t, dsn, ispmail.Config{Logger: silent})
		proxy.armed.Store(&cut{statement: "INSERT", do: func() {
			both.Done()
			both.Wait()
		}})
		done.Go(func() { _, errs[i] = store.CreateDomain(t.Context(), "example.org") })
	}
	done.Wait()
	assert.Len(t, collect(t, db.Store(t, ispmail.Config{}).Domains(t.Context())), 1)
	assert.Len(t, filter(errs, func(err error) bool { return errors.Is(err, ispmail.ErrExists) }), 1, "%v", errs)
}

// TestRuleDeleteDomain does not rely on foreign keys.
func TestRuleDeleteDomain(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	load(t, db, "console")
	store := db.Store(t, fixture{stamps: true}.config())
	ctx := t.Context()
	for _, name := range []string{"example.org", "example.net"} {
		_, err := store.CreateDomain(ctx, name)
		require.NoError(t, err)
		_, err = store.CreateUser(ctx, "john@"+name, "a long enough secret")
		require.NoError(t, err)
		_, err = store.CreateAlias(ctx, "jack@"+name, "john@"+name)
		require.NoError(t, err)
	}
	_, err := store.CreateAlias(ctx, "sales@example.net", "jack@example.org")
	require.NoError(t, err)
	dangling, err := store.DeleteDomain(ctx, "example.org")
	require.NoError(t, err)
	assert.Equal(t, []string{"sales@example.net > jack@example.org"}, arrows(dangling))
	assert.Len(t, collect(t, store.Users(ctx, "")), 1)
	assert.Equal(t, []string{"jack@example.net > john@example.net", "sales@example.net > jack@example.org"}, arrows(collect(t, store.Aliases(ctx, ""))))
}

// TestRuleForeignKeysOfOthers has a row that another program ties to a user.
func TestRuleForeignKeysOfOthers(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	load(t, db, "redirects")
	db.Example(t)
	db.Exec(t, "UPDATE virtual_aliases SET mailbox_id = 1")
	old := dump(t, db)
	_, err := db.Store(t, ispmail.Config{}).DeleteUser(t.Context(), "john@example.org")
	require.ErrorContains(t, err, "FOREIGN KEY (`mailbox_id`)")
	require.NotErrorIs(t, err, ispmail.ErrNoDomain)
	assert.Equal(t, old, dump(t, db))
}

func TestRuleDanglingAliases(t *testing.T) {
	onEach(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'example.net')")
		db.Exec(t, "DELETE FROM virtual_aliases")
		row := func(source, destination string) {
			db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, ?, ?)", source, destination)
		}
		row("a@example.org", "John@Example.org")
		row("b@example.net", "x@elsewhere.example, john@example.org")
		row("c@example.org", "notjohn@example.org")
		row("d@example.org", "john@example.organic")
		row("e@example.org", "c@example.org")
		want := []string{"a@example.org > John@Example.org", "b@example.net > x@elsewhere.example, john@example.org"}

		remove := func() []string {
			var dangling []ispmail.Alias
			_ = store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) (err error) {
				dangling, err = tx.DeleteUser(ctx, "john@example.org")
				require.NoError(t, err)
				return context.Canceled // once more, please
			})
			return arrows(dangling)
		}
		assert.Equal(t, want, remove())
		row("john@example.org", "john@example.org")
		assert.Equal(t, append(want, "john@example.org > john@example.org"), remove(), "to itself is nowhere")
		row("@example.org", "md5@example.org")
		assert.Empty(t, remove(), "the catch-all takes it")

		dangling, err := store.DeleteAlias(ctx, "@example.org", "md5@example.org")
		require.NoError(t, err)
		assert.Equal(t, []string{"c@example.org > notjohn@example.org"}, arrows(dangling), "john is there")
		dangling, err = store.DeleteAlias(ctx, "c@example.org", "notjohn@example.org")
		require.NoError(t, err)
		assert.Equal(t, []string{"e@example.org > c@example.org"}, arrows(dangling))
	})
}

// TestRuleSeveralDestinationsInARow reads what other programs join, and takes it apart only where it must.
func TestRuleSeveralDestinationsInARow(t *testing.T) {
	onEach(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		db.Exec(t, "UPDATE virtual_aliases SET destination = 'John@example.org,x@elsewhere.example  y@elsewhere.example' WHERE id = 1")
		require.ErrorIs(t, errorOf(store.CreateAlias(ctx, "jack@example.org", "x@elsewhere.example")), ispmail.ErrExists)
		all := collect(t, store.Aliases(ctx, "jack@example.org"))
		require.Len(t, all, 1)
		assert.Equal(t, []string{"John@example.org", "x@elsewhere.example", "y@elsewhere.example"}, all[0].Destinations())
		changed, err := store.ChangeAlias(ctx, "jack@example.org", "x@elsewhere.example", "z@elsewhere.example")
		require.NoError(t, err)
		assert.Equal(t, "John@example.org, z@elsewhere.example, y@elsewhere.example", changed.Destination)
		for _, destination := range []string{"john@example.org", "y@elsewhere.example"} {
			_, err = store.DeleteAlias(ctx, "jack@example.org", destination)
			require.NoError(t, err)
		}
		assert.Equal(t, []string{"jack@example.org > z@elsewhere.example"}, arrows(collect(t, store.Aliases(ctx, ""))))
		_, err = store.DeleteAlias(ctx, "jack@example.org", "z@elsewhere.example")
		require.NoError(t, err)
		assert.Empty(t, collect(t, store.Aliases(ctx, "")))
	})
}

// TestRulePseudoUsers has a Hasher to which a bare value is the clear text, so that "~" would be a password.
func TestRulePseudoUsers(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	load(t, db, "redirects")
	db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')")
	pseudo := []string{"", "~", "*", "!"}
	for i, password := range pseudo {
		db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, ?, ?)", fmt.Sprintf("pseudo%d@example.org", i), password)
	}
	db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, '@example.org', '~')")
	hasher, err := hash.New(hash.Config{Default: "PLAIN"})
	require.NoError(t, err)
	old := dump(t, db)
	var log bytes.Buffer
	store := db.Store(t, ispmail.Config{Hasher: hasher, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	for i := range pseudo {
		for _, password := range append(pseudo, ispmailtest.Password) {
			email := fmt.Sprintf("pseudo%d@example.org", i)
			require.Equal(t, ispmail.ErrBadCredentials, errorOf(store.Authenticate(t.Context(), email, password)))
			require.Equal(t, ispmail.ErrBadCredentials, store.ChangePassword(t.Context(), email, password, "a long enough secret"))
		}
	}
	assert.Equal(t, 2*len(pseudo)*(len(pseudo)+1), strings.Count(log.String(), "nobody's login"), "the value is not even looked at")
	require.ErrorIs(t, errorOf(store.Authenticate(t.Context(), "@example.org", "~")), ispmail.ErrInvalidAddress)
	users := collect(t, store.Users(t.Context(), ""))
	assert.Len(t, users, 5)
	for _, user := range users {
		assert.False(t, user.CanLogin(), user.Email)
	}
	assert.Equal(t, old, dump(t, db))
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
	old := dump(t, db)
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
	assert.Equal(t, old, dump(t, db))

	// The account of Postfix and Dovecot only reads.
	reader := db.As(t, "GRANT SELECT ON * TO %s")
	user, err = reader.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)
	require.NoError(t, err)
	assert.NotNil(t, user.Quota)
	require.NoError(t, reader.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		return errorOf(tx.Authenticate(ctx, "john@example.org", ispmailtest.Password))
	}))
	require.NoError(t, errorOf(reader.Recipients(t.Context(), "jack@example.org")))
	require.NotEmpty(t, collect(t, reader.Check(t.Context())))
	for _, err := range reader.Export(t.Context()) {
		require.NoError(t, err)
	}
	result, err := reader.Import(t.Context(), reader.Export(t.Context()), ispmail.ImportConfig{DryRun: true})
	require.NoError(t, err)
	assert.Equal(t, 4, result.Present)
	require.ErrorIs(t, errorOf(reader.Import(t.Context(), sequence(nil, newDomain("example.net")), ispmail.ImportConfig{})), ispmail.ErrDenied)
}

func TestRuleOldestGuide(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	load(t, db, "lenny")
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
	store := lax(t, db, ispmail.Config{})
	ctx := t.Context()
	old := dump(t, db)
	wide := strings.Repeat("a", 60) + "@" + strings.Repeat("b", 28) + ".example.org"
	require.Len(t, wide, 101)
	for column, err := range map[string]error{
		"virtual_domains.name":        errorOf(store.CreateDomain(ctx, strings.Repeat("b", 39)+".example.org")),
		"virtual_aliases.destination": errorOf(store.CreateAlias(ctx, "jack@example.org", wide)),
	} {
		require.ErrorIs(t, err, ispmail.ErrTooLong)
		assert.ErrorContains(t, err, column)
	}
	assert.Equal(t, old, dump(t, db))
	db.Exec(t, "UPDATE virtual_domains SET name = ?", wide[61:])
	require.ErrorIs(t, errorOf(store.CreateUser(ctx, wide, "a long enough secret")), ispmail.ErrTooLong)
	require.ErrorIs(t, errorOf(store.CreateAlias(ctx, wide, "john@example.org")), ispmail.ErrTooLong)
	require.ErrorIs(t, errorOf(store.CreateAlias(ctx, "a"+wide, "john@example.org")), ispmail.ErrTooLong)
	_, err := store.CreateUser(ctx, wide[1:], "a long enough secret")
	require.NoError(t, err, "100 characters fit")
}
