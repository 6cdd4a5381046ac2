package check_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestState looks at rows that are switched off. Each case switches some of the rows of plant off, and adds others.
func TestState(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		plant []string
		want  map[check.Code][]string
	}{
		"nothing is off": {nil, map[check.Code][]string{}},
		"passwords": {[]string{
			"INSERT INTO virtual_users (id, domain_id, email, password, active) VALUES (11, 1, 'a@example.org', '{PLAIN}x', 0), (12, 1, 'b@example.org', '{PLAIN}x', 1)",
		}, map[check.Code][]string{check.CodeRecoverablePassword: {"users 12"}}},
		"addresses": {[]string{
			"INSERT INTO virtual_users (id, domain_id, email, password, active) VALUES (11, 1, 'former member', 'SOUND', 0)",
			"INSERT INTO virtual_domains (id, name, active) VALUES (11, 'former domain', 0)",
			"INSERT INTO virtual_aliases (id, domain_id, source, destination, active) VALUES (11, 1, 'former alias', '', 0)",
		}, map[check.Code][]string{}},
		"an alias to a user who is off": {[]string{"UPDATE virtual_users SET active = 0 WHERE id = 4"}, map[check.Code][]string{check.CodeDanglingAlias: {"aliases 4"}}},
		"an alias that is off leads nowhere": {[]string{
			"INSERT INTO virtual_aliases (id, domain_id, source, destination, active) VALUES (11, 1, 'a@example.org', 'gone@example.org', 0)",
		}, map[check.Code][]string{}},
		"nor is it a destination": {[]string{
			"INSERT INTO virtual_aliases (id, domain_id, source, destination, active) VALUES (11, 1, 'a@example.org', 'john@example.org', 0), (12, 1, 'b@example.org', 'a@example.org', 1)",
		}, map[check.Code][]string{check.CodeDanglingAlias: {"aliases 12"}}},
		"nor does it shadow": {[]string{
			"INSERT INTO virtual_aliases (id, domain_id, source, destination, active) VALUES (11, 1, 'john@example.org', 'jim@example.net', 0), (12, 1, 'jane@example.org', 'jim@example.net', 1)",
		}, map[check.Code][]string{check.CodeShadowedAlias: {"users 2"}}},
		"nor is it a loop": {[]string{
			"INSERT INTO virtual_aliases (id, domain_id, source, destination, active) VALUES (11, 1, 'a@example.org', 'b@example.org', 1), (12, 1, 'b@example.org', 'a@example.org', 0)",
		}, map[check.Code][]string{check.CodeDanglingAlias: {"aliases 11"}}},
		"nor a duplicate": {[]string{
			"INSERT INTO virtual_aliases (id, domain_id, source, destination, active) VALUES (11, 1, 'jack@example.org', 'john@example.org', 0)",
		}, map[check.Code][]string{}},
		"nor a catch-all": {[]string{
			"INSERT INTO virtual_aliases (id, domain_id, source, destination, active) VALUES (11, 1, '@example.org', 'john@example.org', 0), (12, 1, 'a@example.org', 'b@example.org', 1)",
		}, map[check.Code][]string{check.CodeDanglingAlias: {"aliases 12"}}},
		"twins": {[]string{
			"INSERT INTO virtual_domains (id, name, active) VALUES (12, 'müller.de', 0)",
			"INSERT INTO virtual_users (id, domain_id, email, password, active) VALUES (12, 3, 'max@xn--mller-kva.de', 'SOUND', 0)",
		}, map[check.Code][]string{}},
		"a domain": {[]string{
			"UPDATE virtual_domains SET active = 0 WHERE id = 3",
			"INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 3, 'moritz@müller.de', '{PLAIN}x')",
			"INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (11, 1, 'max@example.org', 'max@müller.de')",
		}, map[check.Code][]string{check.CodeExternalDestination: {"aliases 11"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
				t.Parallel()
				for _, table := range []string{"virtual_domains", "virtual_users", "virtual_aliases"} {
					db.Exec(t, "ALTER TABLE "+table+" ADD COLUMN active TINYINT DEFAULT 1")
				}
				plant(t, db, test.plant...)
				got := map[check.Code][]string{}
				for _, f := range dbtest.Collect(t, check.Run(t.Context(), db.Store(t, ispmail.Config{State: []string{"active"}}), check.Config{})) {
					got[f.Code] = append(got[f.Code], place(f))
				}
				assert.Equal(t, test.want, got)
			})
		})
	}
}

// TestUnnamedState reports columns of state that no setting names, and the setting that would.
func TestUnnamedState(t *testing.T) {
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		t.Parallel()
		db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN Active TINYINT DEFAULT 1")
		db.Exec(t, "ALTER TABLE virtual_aliases ADD COLUMN deleted_at DATETIME")
		findings := dbtest.Collect(t, check.Run(t.Context(), db.Store(t, ispmail.Config{}), check.Config{}))
		require.Len(t, findings, 2)
		assert.Equal(t, check.CodeUnnamedStateColumn, findings[0].Code)
		assert.Equal(t, check.SeverityWarning, findings[0].Code.Severity())
		assert.Equal(t, []string{"users 0", "aliases 0"}, []string{place(findings[0]), place(findings[1])})
		assert.Contains(t, findings[0].Message, "--state-column 'virtual_users.active'")
		assert.Contains(t, findings[1].Message, "--state-column '!virtual_aliases.deleted_at'")
		store := db.Store(t, ispmail.Config{State: []string{"active", "!virtual_aliases.deleted_at"}})
		assert.Empty(t, dbtest.Collect(t, check.Run(t.Context(), store, check.Config{})))
	})
}

// TestDefaultScheme reads stored passwords without a {SCHEME} as the default scheme of the store says.
func TestDefaultScheme(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		strong, err := hash.New(hash.Config{Scheme: "SHA512-CRYPT"})
		require.NoError(t, err)
		stored, err := strong.Generate("a long enough secret")
		require.NoError(t, err)
		bare6 := strings.TrimPrefix(stored, "{SHA512-CRYPT}")
		db.Exec(t, "UPDATE virtual_users SET password = ? WHERE id = 1", bare5)
		db.Exec(t, "UPDATE virtual_users SET password = '14cbfb845af1f030e372b1cb9275e6dd' WHERE id = 2")
		db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (3, 1, 'a@example.org', ?), (4, 1, 'b@example.org', '!')", bare6)
		for scheme, want := range map[string]map[check.Code][]string{
			"": {check.CodeUnprefixedPassword: {"users 1", "users 2", "users 3", "users 4"}, check.CodeExampleAccount: {"users 2"}},
			"CRYPT": {
				check.CodeUnprefixedPassword: {"users 1", "users 2", "users 3", "users 4"}, check.CodeMalformedPassword: {"users 2"}, check.CodeExampleAccount: {"users 2"},
			},
			"PLAIN-MD5": {
				check.CodeUnprefixedPassword: {"users 1", "users 2", "users 3", "users 4"}, check.CodeMalformedPassword: {"users 1", "users 3"},
				check.CodeWeakScheme: {"users 2"}, check.CodeExampleAccount: {"users 2"},
			},
		} {
			hasher, err := hash.New(hash.Config{Default: scheme})
			require.NoError(t, err)
			got := map[check.Code][]string{}
			hint := 0
			for _, f := range dbtest.Collect(t, check.Run(t.Context(), db.Store(t, ispmail.Config{Hasher: hasher}), check.Config{})) {
				if f.Table == "virtual_users" && f.ID != 0 {
					got[f.Code] = append(got[f.Code], place(f))
				}
				if strings.Contains(f.Message, "--default-pass-scheme") {
					hint++
				}
			}
			assert.Equal(t, want, got, scheme)
			assert.Equal(t, map[bool]int{true: len(want[check.CodeUnprefixedPassword]), false: 0}[scheme == ""], hint, scheme)
		}
	})
}
