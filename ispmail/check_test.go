package ispmail_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// sound is a stored password of which there is nothing to say.
var sound = sync.OnceValue(func() string { return must(hash.Generate("a long enough secret")) })

func must(stored string, err error) string {
	if err != nil {
		panic(err)
	}
	return stored
}

// plant fills an empty database with a few good rows and then with what the statements say. In these, SOUND stands for
// a stored password.
func plant(t *testing.T, db *ispmailtest.Database, statements ...string) {
	t.Helper()
	for _, statement := range append([]string{
		"INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org'), (2, 'example.net'), (3, 'xn--mller-kva.de'), (4, 'empty.example')",
		`INSERT INTO virtual_users (id, domain_id, email, password) VALUES (1, 1, 'john@example.org', 'SOUND'),
			(2, 1, 'Jane@Example.org', 'SOUND'), (3, 2, 'jim@example.net', 'SOUND'), (4, 3, 'max@müller.de', 'SOUND')`,
		`INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (1, 1, 'jack@example.org', 'john@example.org'),
			(2, 1, 'jack@example.org', 'JIM@example.net'), (3, 2, 'team@example.net', 'jack@example.org, jim+team@example.net'),
			(4, 3, 'info@xn--mller-kva.de', 'max@müller.de'), (5, 2, 'jim@example.net', 'jim@example.net'),
			(6, 2, 'jim@example.net', 'jane@example.org')`,
	}, statements...) {
		db.Exec(t, strings.ReplaceAll(statement, "SOUND", sound()))
	}
}

// found returns where Check finds a code, and all of its codes.
func found(t *testing.T, store *ispmail.Store, code ispmail.Code) (places []string, all map[ispmail.Code]int) {
	t.Helper()
	all = map[ispmail.Code]int{}
	for _, f := range collect(t, store.Check(t.Context())) {
		all[f.Code]++
		if f.Code == code {
			places = append(places, place(f))
		}
		assert.NotRegexp(t, `\$|summersun|secret|%!|\n`, f.Message)
		assert.NotContains(t, f.Message, "14cbfb845af1f030")
		assert.NotEmpty(t, f.Message)
		assert.Contains(t, []ispmail.Severity{ispmail.SeverityError, ispmail.SeverityWarning, ispmail.SeverityInformation}, f.Code.Severity())
	}
	return places, all
}

// place is short for the table and the row.
func place(f ispmail.Finding) string {
	return fmt.Sprint(strings.TrimPrefix(f.Table, "virtual_"), " ", f.ID)
}

func users(passwords ...string) string {
	statement := "INSERT INTO virtual_users (id, domain_id, email, password) VALUES "
	for i, stored := range passwords {
		if i > 0 {
			statement += ", "
		}
		statement += fmt.Sprintf("(%d, 1, 'user%d@example.org', '%s')", 11+i, i, stored)
	}
	return statement
}

// rows are aliases in example.org (1) or whichever domain the source is in, with the ids from 11 on.
func rows(aliases ...string) string {
	ids := map[string]int{"example.org": 1, "example.net": 2, "xn--mller-kva.de": 3, "empty.example": 4}
	statement := "INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES "
	for i, alias := range aliases {
		source, destination, _ := strings.Cut(alias, " > ")
		_, domain, _ := strings.Cut(source, "@")
		if i > 0 {
			statement += ", "
		}
		statement += fmt.Sprintf("(%d, %d, '%s', '%s')", 11+i, max(ids[domain], 1), source, destination)
	}
	return statement
}

const (
	bare5     = "$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL8" // of nobody's password
	unsalted  = "{SHA}Ap5TVNW58HqFzaJttpTA9LG+U+8="
	onlyMaria = "MariaDB only"
)

// faults has for each code rows that cause it, and among them rows that come close and must not.
var faults = []struct {
	code  ispmail.Code
	name  string
	plant []string
	want  []string
}{
	{
		ispmail.CodeExampleAccount, "",
		[]string{
			"UPDATE virtual_users SET password = '{PLAIN}summersun' WHERE id = 1",
			users("{PLAIN}summersun", "{BLF-CRYPT}$2y$05$m.GdQNMyUFNG0vPsaXxSB.0ZQqZhe1e9Un841oBcWi6U6HRF2Kmky", "{SHA256-CRYPT}"+bare5),
		},
		[]string{"users 1", "users 12"},
	},
	{
		ispmail.CodeExampleAccount, "unprefixed",
		[]string{
			"UPDATE virtual_users SET password = '" + strings.TrimPrefix(must(hash.Generate("summersun")), "{SHA256-CRYPT}") + "' WHERE id = 1",
			users("14cbfb845af1f030e372b1cb9275e6dd", "24cbfb845af1f030e372b1cb9275e6dd"),
		},
		[]string{"users 1", "users 11"},
	},
	{ispmail.CodeWeakScheme, "", []string{users(unsalted, "SOUND", "{PLAIN}clear", "{PLAIN-MD5}24cbfb845af1f030e372b1cb9275e6dd")}, []string{"users 11", "users 14"}},
	{ispmail.CodeRefusedByDovecot24, "", []string{users(
		"{PLAIN-MD5}24cbfb845af1f030e372b1cb9275e6dd", unsalted, "SOUND", "{OTP}sha1 1024 58ebd555984bd217 58162c99cfac2065")}, []string{"users 11", "users 14"}},
	{ispmail.CodeUnprefixedPassword, "", []string{users(bare5, "SOUND", "", "~")}, []string{"users 11", "users 14"}},
	{ispmail.CodeEmptyPassword, "", []string{users("", "{PLAIN}", "{CRYPT}", "~", "{PLAIN}x")}, []string{"users 11", "users 12"}},
	{ispmail.CodeMalformedPassword, "", []string{users(
		"{SHA}junk", "{NONE}x", "{CRYPT}", "{CRYPT}!SOUND", "{CRYPT}*", bare5, "SOUND", "{PLAIN}!")}, []string{"users 11", "users 12", "users 13"}},
	{ispmail.CodeTooCostlyPassword, "", []string{users(
		"{CRYPT}$6$rounds=999999999$499Y48kWAFYklt6L$g5oPXyvyFoNBDSWvUOzHdnI/H1tfVuEmMSp3r/iVfzAqDcFHtxw/jnRhqy3KLdqwQUMxM41WvHIHvqjILuT0i0", "SOUND")}, []string{"users 11"}},
	{ispmail.CodeTruncatedPassword, "", []string{users(
		"{SHA256-CRYPT}"+bare5[:50], "{BLF-CRYPT}$2y$05$m.GdQNMyUFNG0vPsaXxSB", bare5[:30], bare5, "SOUND", "{SHA}junk", "{MD5-CRYPT}$1$saltsalt$sdQOToC",
		"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ")}, []string{"users 11", "users 12", "users 13", "users 17", "users 18"}},
	{ispmail.CodeTruncatedPassword, onlyMaria, []string{users("{PLAIN}"+strings.Repeat("x", 143), "{PLAIN}"+strings.Repeat("x", 142))}, []string{"users 11"}},
	{ispmail.CodeRecoverablePassword, "", []string{users("{PLAIN}clear", "{PLAIN}!clear", "{CLEARTEXT.HEX}636c656172", "SOUND", unsalted)}, []string{"users 11", "users 12", "users 13"}},

	{
		ispmail.CodeUserInWrongDomain, "",
		[]string{
			`INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 2, 'a@example.org', 'SOUND'),
				(12, 1, 'a@elsewhere.example', 'SOUND'), (13, 3, 'a@müller.de', 'SOUND'), (14, 1, '@example.org', '~'), (15, 2, '@empty.example', '~')`,
		},
		[]string{"users 11", "users 12", "users 15"},
	},
	{
		ispmail.CodeUserInWrongDomain, "orphan " + onlyMaria,
		[]string{
			"ALTER TABLE virtual_users DROP FOREIGN KEY virtual_users_ibfk_1, MODIFY domain_id INT NULL",
			`INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 77, 'a@example.org', 'SOUND'), (12, NULL, 'b@example.org', 'SOUND')`,
		},
		[]string{"users 11", "users 12"},
	},
	{
		ispmail.CodeAliasInWrongDomain, "",
		[]string{
			`INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (11, 2, 'a@example.org', 'john@example.org'),
				(12, 1, '@example.net', 'john@example.org'), (13, 1, '@example.org', 'john@example.org')`,
		},
		[]string{"aliases 11", "aliases 12"},
	},
	{ispmail.CodeDuplicateDomain, "", []string{"INSERT INTO virtual_domains (id, name) VALUES (11, 'müller.de'), (12, 'mueller.de')"}, []string{"domains 11"}},
	{
		ispmail.CodeDuplicateDomain, onlyMaria,
		[]string{
			"ALTER TABLE virtual_domains DROP KEY name",
			"INSERT INTO virtual_domains (id, name) VALUES (11, 'Example.org'), (12, 'example.org'), (13, 'example.com')",
		},
		[]string{"domains 11", "domains 12"},
	},
	{
		ispmail.CodeDuplicateAlias, "",
		[]string{rows(
			"Jack@example.org > John@example.org", "jack@example.org > jane@example.org", "twice@example.org > john@example.org, JOHN@example.org",
			"info@müller.de > max@xn--mller-kva.de", "info@example.org > max@xn--mller-kva.de")},
		[]string{"aliases 11", "aliases 13", "aliases 14"},
	},
	{
		ispmail.CodeSameCanonicalAddress, "",
		[]string{
			"INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 3, 'max@xn--mller-kva.de', 'SOUND'), (12, 1, 'max@example.org', 'SOUND')",
		},
		[]string{"users 11"},
	},
	{
		ispmail.CodeSameCanonicalAddress, onlyMaria,
		[]string{
			"ALTER TABLE virtual_users DROP KEY email",
			"INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 1, 'JOHN@example.org', 'SOUND'), (12, 1, 'jöhn@example.org', 'SOUND')",
		},
		[]string{"users 11"},
	},
	{
		ispmail.CodeInvalidAddress, "",
		[]string{
			"INSERT INTO virtual_domains (id, name) VALUES (11, 'exa mple.org'), (12, 'Fine.example'), (13, '')",
			`INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 1, 'john', 'SOUND'), (12, 1, 'a b@example.org', 'SOUND'),
				(13, 1, '@example.org', '~'), (14, 2, '@example.net', 'SOUND'), (15, 1, '', '~')`,
			rows("john > john@example.org", "fine@example.org > john", "fine@example.org > @", "gone@example.org >  ", "@example.org > john@example.org"),
		},
		[]string{"domains 11", "domains 13", "users 11", "users 12", "users 14", "users 15", "aliases 11", "aliases 12", "aliases 13", "aliases 14"},
	},
	{
		ispmail.CodeDanglingAlias, "",
		[]string{rows(
			"a@example.org > gone@example.org", "b@example.org > john+list@example.org", "c@example.org > gone+x@example.net", "d@example.org > team@example.net",
			"e@example.org > x@elsewhere.example", "@empty.example > john@example.org", "f@example.org > any@empty.example",
			"g@example.org > john@example.org gone@müller.de", "h@example.org > @example.net", "jane@example.org > @empty.example")},
		[]string{"aliases 11", "aliases 13", "aliases 18", "aliases 19"},
	},
	{
		ispmail.CodeDanglingAlias, "whole domains",
		[]string{rows(
			"@empty.example > @example.org", "a@example.net > john@empty.example", "b@example.net > gone@empty.example", "c@example.net > jack+x@empty.example")},
		[]string{"aliases 13"},
	},
	{
		ispmail.CodeExternalDestination, "",
		[]string{rows("a@example.org > x@elsewhere.example", "b@example.org > john@example.org", "@empty.example > @elsewhere.example")},
		[]string{"aliases 11", "aliases 13"},
	},
	{
		ispmail.CodeShadowedAlias, "",
		[]string{rows(
			"john@example.org > jim@example.net", "max@xn--mller-kva.de > jim@example.net, max@müller.de", "@example.org > @example.net", "@example.org > john@example.org",
			"@example.net > @empty.example")},
		[]string{"users 1", "aliases 13"},
	},
	{
		ispmail.CodeCatchAllWithoutEmail2Email, "",
		[]string{rows("@example.org > john@example.org", "@empty.example > john@example.org", "@müller.de > @example.org")},
		[]string{"aliases 11", "aliases 13"},
	},
	{
		ispmail.CodeQuotaOverflow, "",
		[]string{
			"UPDATE virtual_users SET quota = -1 WHERE id = 1",
			"UPDATE virtual_users SET quota = 9223372036854775807 WHERE id = 2",
			"UPDATE virtual_users SET quota = 9223372036854775806 WHERE id = 3",
		},
		[]string{"users 1", "users 2"},
	},
	{
		ispmail.CodeQuotaOverflow, onlyMaria,
		[]string{
			"ALTER TABLE virtual_users MODIFY quota BIGINT UNSIGNED NULL",
			"UPDATE virtual_users SET quota = 18446744073709551615 WHERE id = 1",
			"UPDATE virtual_users SET quota = NULL WHERE id = 2",
		},
		[]string{"users 1"},
	},
	{
		ispmail.CodeQuotaOverflow, "int " + onlyMaria,
		[]string{
			"ALTER TABLE virtual_users MODIFY quota INT NOT NULL DEFAULT 0",
			"UPDATE virtual_users SET quota = 2147483647 WHERE id = 1",
			"UPDATE virtual_users SET quota = 2147483646 WHERE id = 2",
		},
		[]string{"users 1"},
	},

	{ispmail.CodeNarrowPasswordColumn, onlyMaria, []string{"ALTER TABLE virtual_users MODIFY password VARCHAR(139) NOT NULL"}, []string{"users 0"}},
	{ispmail.CodeNarrowPasswordColumn, "wide " + onlyMaria, []string{"ALTER TABLE virtual_users MODIFY password VARCHAR(140) NOT NULL"}, nil},
	{ispmail.CodeMissingForeignKey, onlyMaria, []string{"ALTER TABLE virtual_users DROP FOREIGN KEY virtual_users_ibfk_1"}, []string{"users 0"}},
	{
		ispmail.CodeMissingForeignKey, "",
		[]string{
			"DROP TABLE virtual_aliases", "CREATE TABLE virtual_aliases (id INTEGER PRIMARY KEY, domain_id INTEGER, source VARCHAR(100), destination VARCHAR(100))",
		},
		[]string{"aliases 0"},
	},
	{
		ispmail.CodeMissingIndex, "",
		[]string{
			"DROP TABLE virtual_aliases", "CREATE TABLE virtual_aliases (id INTEGER PRIMARY KEY, domain_id INTEGER, source VARCHAR(100), destination VARCHAR(100))",
		},
		[]string{"aliases 0"},
	},
	{ispmail.CodeMissingIndex, onlyMaria, []string{
		"ALTER TABLE virtual_domains DROP KEY name", "ALTER TABLE virtual_users DROP KEY email, ADD KEY late (domain_id, email)",
	}, []string{"domains 0", "users 0"}},
	{ispmail.CodeMissingIndex, "plain " + onlyMaria, []string{"ALTER TABLE virtual_users DROP KEY email, ADD KEY early (email, domain_id)"}, nil},
	{ispmail.CodeMissingIndex, "view " + onlyMaria, []string{
		"RENAME TABLE virtual_aliases TO theirs", "CREATE VIEW virtual_aliases AS SELECT id, domain_id, source, destination FROM theirs",
	}, nil},
	{ispmail.CodeNonTransactionalTable, onlyMaria, []string{
		"ALTER TABLE virtual_aliases DROP FOREIGN KEY virtual_aliases_ibfk_1", "ALTER TABLE virtual_aliases ENGINE=MyISAM",
	}, []string{"aliases 0"}},
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, fault := range faults {
		kinds := map[string]func(testing.TB) *ispmailtest.Database{"MariaDB": ispmailtest.MariaDB, "SQLite": ispmailtest.SQLite}
		if strings.Contains(fault.name, onlyMaria) {
			delete(kinds, "SQLite")
		}
		for kind, open := range kinds {
			t.Run(string(fault.code)+"/"+fault.name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				db := open(t)
				plant(t, db, fault.plant...)
				places, _ := found(t, db.Store(t, ispmail.Config{}), fault.code)
				assert.Equal(t, fault.want, places)
			})
		}
	}
}

func TestCheckClean(t *testing.T) {
	t.Parallel()
	for kind, open := range map[string]func(testing.TB) *ispmailtest.Database{"MariaDB": ispmailtest.MariaDB, "SQLite": ispmailtest.SQLite} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			assert.Empty(t, collect(t, db.Store(t, ispmail.Config{}).Check(t.Context())), "no rows")
			plant(t, db)
			assert.Empty(t, collect(t, db.Store(t, ispmail.Config{}).Check(t.Context())))
		})
	}
}

// TestCheckLoops names the loops. A path begins at the alias with the lowest id.
func TestCheckLoops(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		aliases []string
		want    map[int64]string
	}{
		"two":        {[]string{"a@example.org > b@example.org", "B@example.org > a@example.org"}, map[int64]string{11: "a@example.org -> b@example.org -> a@example.org"}},
		"itself":     {[]string{"a@example.org > a@example.org", "john@example.org > john@example.org"}, map[int64]string{11: "a@example.org -> a@example.org"}},
		"one of two": {[]string{"a@example.org > john@example.org, b@example.net", "b@example.net > a@example.org"}, map[int64]string{11: "a@example.org -> b@example.net -> a@example.org"}},
		"three, entered from outside": {
			[]string{"out@example.org > c@example.org", "c@example.org > d@example.org", "d@example.org > e@example.org", "e@example.org > c@example.org"},
			map[int64]string{12: "c@example.org -> d@example.org -> e@example.org -> c@example.org"},
		},
		"two loops": {
			[]string{"a@example.org > b@example.org", "c@example.org > d@example.org", "b@example.org > a@example.org", "d@example.org > c@example.org"},
			map[int64]string{11: "a@example.org -> b@example.org -> a@example.org", 12: "c@example.org -> d@example.org -> c@example.org"},
		},
		"loops that lead to loops": {
			[]string{
				"a@example.org > b@example.org, c@example.org", "b@example.org > a@example.org", "c@example.org > d@example.org, e@example.org", "d@example.org > c@example.org",
				"e@example.org > f@example.org, g@example.org", "f@example.org > e@example.org", "g@example.org > h@example.org", "h@example.org > g@example.org",
			},
			map[int64]string{
				11: "a@example.org -> b@example.org -> a@example.org", 13: "c@example.org -> d@example.org -> c@example.org",
				15: "e@example.org -> f@example.org -> e@example.org", 17: "g@example.org -> h@example.org -> g@example.org",
			},
		},
		"over a catch-all":   {[]string{"a@example.org > any@empty.example", "@empty.example > a@example.org"}, map[int64]string{11: "a@example.org -> any@empty.example -> a@example.org"}},
		"catch-alls":         {[]string{"@example.org > x@empty.example", "@empty.example > y@example.org"}, map[int64]string{11: "@example.org -> x@empty.example -> y@example.org"}},
		"catch-all, itself":  {[]string{"@example.org > x@example.org"}, map[int64]string{11: "@example.org -> x@example.org"}},
		"a mailbox ends it":  {[]string{"@example.org > x@empty.example", "@empty.example > john@example.org"}, map[int64]string{}},
		"an alias ends it":   {[]string{"@example.org > x@empty.example", "@empty.example > jack@example.org"}, map[int64]string{}},
		"whole domains":      {[]string{"@example.org > @empty.example", "@empty.example > @example.org"}, map[int64]string{11: "@example.org -> @empty.example -> @example.org"}},
		"own domain":         {[]string{"@example.org > @example.org"}, map[int64]string{11: "@example.org -> @example.org"}},
		"back by a domain":   {[]string{"@empty.example > @example.org", "x@example.org > x@empty.example"}, map[int64]string{12: "x@example.org -> x@empty.example"}},
		"another by domain":  {[]string{"@empty.example > @example.org", "x@example.org > john@empty.example"}, map[int64]string{}},
		"domain and address": {[]string{"@empty.example > @example.org", "@example.org > y@empty.example"}, map[int64]string{12: "@example.org -> y@empty.example"}},
		"extension":          {[]string{"a@example.org > b+x@example.org", "b@example.org > a@example.org"}, map[int64]string{11: "a@example.org -> b+x@example.org -> a@example.org"}},
		"one way":            {[]string{"a@example.org > b@example.org", "b@example.org > c@example.org", "a@example.org > c@example.org", "c@example.org > john@example.org"}, map[int64]string{}},
		"elsewhere":          {[]string{"a@example.org > a@elsewhere.example"}, map[int64]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.SQLite(t)
			plant(t, db, rows(test.aliases...))
			got := map[int64]string{}
			for _, f := range collect(t, db.Store(t, ispmail.Config{}).Check(t.Context())) {
				if f.Code == ispmail.CodeAliasLoop {
					assert.Equal(t, "virtual_aliases", f.Table)
					assert.NotContains(t, got, f.ID)
					got[f.ID], _, _ = strings.Cut(f.Message, " leads ")
				}
			}
			assert.Equal(t, test.want, got)
		})
	}
}

// TestCheckReads runs with no right but to read, and finds no faults in what it may not see.
func TestCheckReads(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	plant(t, db, "INSERT INTO virtual_domains (id, name) VALUES (11, 'exa mple.org')")
	old := dump(t, db)
	columns := []string{
		"GRANT SELECT (id, name) ON virtual_domains TO %s", "GRANT SELECT (id, domain_id, email, password) ON virtual_users TO %s",
		"GRANT SELECT (id, domain_id, source, destination) ON virtual_aliases TO %s",
	}
	for name, grants := range map[string][]string{"tables": {"GRANT SELECT ON * TO %s"}, "columns": columns} {
		findings := collect(t, db.As(t, grants...).Check(t.Context()))
		require.Len(t, findings, 1, name)
		assert.Equal(t, ispmail.CodeInvalidAddress, findings[0].Code)
	}
	watched, ran := watch(db)
	collect(t, watched.Store(t, ispmail.Config{}).Check(t.Context()))
	for _, statement := range ran() {
		assert.True(t, strings.HasPrefix(statement, "SELECT "), statement)
	}
	assert.Equal(t, old, dump(t, db))

	var err error
	for _, err = range db.As(t, columns[:2]...).Check(t.Context()) {
		if err != nil {
			break
		}
	}
	require.ErrorIs(t, err, ispmail.ErrDenied)
}

// TestCheckSchemas runs on the tables of every release.
func TestCheckSchemas(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]map[ispmail.Code]int{
		"wheezy":    {ispmail.CodeNarrowPasswordColumn: 1, ispmail.CodeMissingIndex: 2},
		"jessie":    {ispmail.CodeMissingIndex: 2},
		"bookworm":  {ispmail.CodeMissingIndex: 2},
		"redirects": {ispmail.CodeMissingIndex: 2},
		"unsigned":  {ispmail.CodeMissingIndex: 2, ispmail.CodeInvalidAddress: 1, ispmail.CodeNarrowPasswordColumn: 1},
		"trixie":    {ispmail.CodeMissingIndex: 1},
		"console":   {ispmail.CodeMissingIndex: 3, ispmail.CodeMissingForeignKey: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			load(t, db, name)
			if name == "unsigned" {
				db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (4294967295, 'exa mple.org')")
			}
			_, all := found(t, db.Store(t, ispmail.Config{}), "")
			assert.Equal(t, want, all)
		})
	}
}

// TestCheckStops looks for connections that stay with an iterator which ended early, or by an error.
func TestCheckStops(t *testing.T) {
	onEach(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		for i := range 150 {
			db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, ?, 'gone@example.org')", fmt.Sprintf("a%d@example.org", i))
		}
		for stop := range 5 {
			n := 0
			for _, err := range store.Check(t.Context()) {
				require.NoError(t, err)
				require.Zero(t, db.DB.Stats().InUse, "none is held meanwhile")
				if n++; n > stop*30 {
					break
				}
			}
			require.Equal(t, stop*30+1, n)
		}
		watched, ran := watch(db)
		store = watched.Store(t, ispmail.Config{})
		ran() // what New asked
		collect(t, store.Check(t.Context()))
		whole := len(ran())
		for f, err := range store.Check(t.Context()) {
			require.NoError(t, err)
			if f.Code == ispmail.CodeDanglingAlias {
				break // on the first of two pages
			}
		}
		require.Equal(t, whole-1, len(ran()), "nothing is read for nobody")

		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var errs []error
		for _, err := range store.Check(ctx) {
			cancel()
			if err != nil {
				errs = append(errs, err)
			}
		}
		require.Len(t, errs, 1, "and nothing after it")
		require.ErrorIs(t, errs[0], context.Canceled)
		require.Zero(t, db.DB.Stats().InUse)

		db.Exec(t, "DROP TABLE virtual_aliases")
		errs = nil
		for _, err := range store.Check(t.Context()) {
			if err != nil {
				errs = append(errs, err)
			}
		}
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], ispmail.ErrSchema)
		require.NotErrorIs(t, errs[0], sql.ErrNoRows)
	})
}

func TestCheckInTx(t *testing.T) {
	onEach(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
			assert.Len(t, collect(t, tx.Check(ctx)), 4, "john, and md5 which is weak, refused, and printed in the guide")
			return nil
		}))
	})
}

// TestCheckFollowsPostfix holds what Check finds against where Recipients says that mail goes, which TestPostfix holds against
// a real Postfix: a loop that mail runs into is reported, and so is an alias whose mail nobody gets.
func TestCheckFollowsPostfix(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	all := slices.Concat(constellations, randomConstellations(300))
	arrange(t, db, all)
	store := db.Store(t, ispmail.Config{Timeout: time.Minute}) // the longest chains take a while
	sources := map[int64]string{}
	for alias, err := range store.Aliases(t.Context(), "") {
		require.NoError(t, err)
		sources[alias.ID] = alias.Source
	}
	found := map[string]bool{} // code and number of the constellation
	for _, f := range collect(t, store.Check(t.Context())) {
		_, domain, _ := strings.Cut(sources[f.ID], "@c")
		number, _, _ := strings.Cut(domain, ".")
		found[string(f.Code)+" "+number] = true
	}
	seen := map[string]int{}
	for i, c := range all {
		recipients, err := store.Recipients(t.Context(), in(i, c.to))
		word := outcome(t, recipients, err)[0]
		has := func(code ispmail.Code) bool { return found[fmt.Sprintf("%s %d", code, i)] }
		switch {
		case word == "loop":
			assert.True(t, has(ispmail.CodeAliasLoop), "%d %+v", i, c)
		case word == "nobody" && slices.ContainsFunc(c.aliases, func(alias string) bool { return strings.HasPrefix(alias, c.to+" > ") }):
			// An alias that leads to itself alone is a loop to Check. Postfix goes no further there, and finds nobody. So it is
			// with a whole domain beside others.
			reported := has(ispmail.CodeDanglingAlias) || has(ispmail.CodeAliasLoop) || has(ispmail.CodeInvalidAddress) || has(ispmail.CodeShadowedAlias)
			// What is not of this server is nobody's to Check, though an alias may lead from there.
			assert.True(t, reported || slices.ContainsFunc(c.aliases, func(alias string) bool { return strings.HasPrefix(alias, "@away.example > ") }), "%d %+v", i, c)
		default:
			continue
		}
		seen[word]++
	}
	assert.Greater(t, seen["loop"], 10)
	assert.Greater(t, seen["nobody"], 5)
}
