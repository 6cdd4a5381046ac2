package check_test

import (
	"fmt"
	"strings"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail/check"
)

func must(stored string, err error) string {
	if err != nil {
		panic(err)
	}
	return stored
}

// users returns a statement that adds users in example.org with ids from 11 on.
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

// rows returns a statement that adds aliases with ids from 11 on, each in the domain of its source.
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

// faults has, for each code, rows that cause it beside rows that almost do.
var faults = []struct {
	code  check.Code
	name  string
	plant []string
	want  []string
}{
	{
		check.CodeExampleAccount, "",
		[]string{
			"UPDATE virtual_users SET password = '{PLAIN}summersun' WHERE id = 1",
			users("{PLAIN}summersun", "{BLF-CRYPT}$2y$05$m.GdQNMyUFNG0vPsaXxSB.0ZQqZhe1e9Un841oBcWi6U6HRF2Kmky", "{SHA256-CRYPT}"+bare5),
		},
		[]string{"users 1", "users 12"},
	},
	{
		check.CodeExampleAccount, "unprefixed",
		[]string{
			"UPDATE virtual_users SET password = '" + strings.TrimPrefix(must(hash.Generate("summersun")), "{SHA256-CRYPT}") + "' WHERE id = 1",
			users("14cbfb845af1f030e372b1cb9275e6dd", "24cbfb845af1f030e372b1cb9275e6dd"),
		},
		[]string{"users 1", "users 11"},
	},
	{check.CodeWeakScheme, "", []string{users(unsalted, "SOUND", "{PLAIN}clear", "{PLAIN-MD5}24cbfb845af1f030e372b1cb9275e6dd")}, []string{"users 11", "users 14"}},
	{check.CodeRefusedByDovecot24, "", []string{users(
		"{PLAIN-MD5}24cbfb845af1f030e372b1cb9275e6dd", unsalted, "SOUND", "{OTP}sha1 1024 58ebd555984bd217 58162c99cfac2065")}, []string{"users 11", "users 14"}},
	{check.CodeUnprefixedPassword, "", []string{users(bare5, "SOUND", "", "~")}, []string{"users 11", "users 14"}},
	{check.CodeEmptyPassword, "", []string{users("", "{PLAIN}", "{CRYPT}", "~", "{PLAIN}x")}, []string{"users 11", "users 12"}},
	{check.CodeMalformedPassword, "", []string{users(
		"{SHA}junk", "{NONE}x", "{CRYPT}", "{CRYPT}!SOUND", "{CRYPT}*", bare5, "SOUND", "{PLAIN}!")}, []string{"users 11", "users 12", "users 13"}},
	{check.CodeTooCostlyPassword, "", []string{users(
		"{CRYPT}$6$rounds=999999999$499Y48kWAFYklt6L$g5oPXyvyFoNBDSWvUOzHdnI/H1tfVuEmMSp3r/iVfzAqDcFHtxw/jnRhqy3KLdqwQUMxM41WvHIHvqjILuT0i0", "SOUND")}, []string{"users 11"}},
	{check.CodeTruncatedPassword, "", []string{users(
		"{SHA256-CRYPT}"+bare5[:50], "{BLF-CRYPT}$2y$05$m.GdQNMyUFNG0vPsaXxSB", bare5[:30], bare5, "SOUND", "{SHA}junk", "{MD5-CRYPT}$1$saltsalt$sdQOToC",
		"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ")}, []string{"users 11", "users 12", "users 13", "users 17", "users 18"}},
	{check.CodeTruncatedPassword, onlyMaria, []string{users("{PLAIN}"+strings.Repeat("x", 143), "{PLAIN}"+strings.Repeat("x", 142))}, []string{"users 11"}},
	{check.CodeRecoverablePassword, "", []string{users("{PLAIN}clear", "{PLAIN}!clear", "{CLEARTEXT.HEX}636c656172", "SOUND", unsalted)}, []string{"users 11", "users 12", "users 13"}},

	{
		check.CodeUserInWrongDomain, "",
		[]string{
			`INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 2, 'a@example.org', 'SOUND'),
				(12, 1, 'a@elsewhere.example', 'SOUND'), (13, 3, 'a@müller.de', 'SOUND'), (14, 1, '@example.org', '~'), (15, 2, '@empty.example', '~')`,
		},
		[]string{"users 11", "users 12", "users 15"},
	},
	{
		check.CodeUserInWrongDomain, "orphan " + onlyMaria,
		[]string{
			"ALTER TABLE virtual_users DROP FOREIGN KEY virtual_users_ibfk_1, MODIFY domain_id INT NULL",
			`INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 77, 'a@example.org', 'SOUND'), (12, NULL, 'b@example.org', 'SOUND')`,
		},
		[]string{"users 11", "users 12"},
	},
	{
		check.CodeAliasInWrongDomain, "",
		[]string{
			`INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (11, 2, 'a@example.org', 'john@example.org'),
				(12, 1, '@example.net', 'john@example.org'), (13, 1, '@example.org', 'john@example.org')`,
		},
		[]string{"aliases 11", "aliases 12"},
	},
	{check.CodeDuplicateDomain, "", []string{"INSERT INTO virtual_domains (id, name) VALUES (11, 'müller.de'), (12, 'mueller.de')"}, []string{"domains 11"}},
	{
		check.CodeDuplicateDomain, onlyMaria,
		[]string{
			"ALTER TABLE virtual_domains DROP KEY name",
			"INSERT INTO virtual_domains (id, name) VALUES (11, 'Example.org'), (12, 'example.org'), (13, 'example.com')",
		},
		[]string{"domains 11", "domains 12"},
	},
	{
		check.CodeDuplicateAlias, "",
		[]string{rows(
			"Jack@example.org > John@example.org", "jack@example.org > jane@example.org", "twice@example.org > john@example.org, JOHN@example.org",
			"info@müller.de > max@xn--mller-kva.de", "info@example.org > max@xn--mller-kva.de")},
		[]string{"aliases 11", "aliases 13", "aliases 14"},
	},
	{
		check.CodeSameCanonicalAddress, "",
		[]string{
			"INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 3, 'max@xn--mller-kva.de', 'SOUND'), (12, 1, 'max@example.org', 'SOUND')",
		},
		[]string{"users 11"},
	},
	{
		check.CodeSameCanonicalAddress, onlyMaria,
		[]string{
			"ALTER TABLE virtual_users DROP KEY email",
			"INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 1, 'JOHN@example.org', 'SOUND'), (12, 1, 'jöhn@example.org', 'SOUND')",
		},
		[]string{"users 11"},
	},
	{
		check.CodeInvalidAddress, "",
		[]string{
			"INSERT INTO virtual_domains (id, name) VALUES (11, 'exa mple.org'), (12, 'Fine.example'), (13, '')",
			`INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 1, 'john', 'SOUND'), (12, 1, 'a b@example.org', 'SOUND'),
				(13, 1, '@example.org', '~'), (14, 2, '@example.net', 'SOUND'), (15, 1, '', '~'), (16, 1, '@elsewhere.example', '~')`,
			rows("john > john@example.org", "fine@example.org > /var/mail/john", "fine@example.org > @", "gone@example.org >  ", "@example.org > john@example.org"),
		},
		[]string{"domains 11", "domains 13", "users 11", "users 12", "users 15", "users 16", "aliases 11", "aliases 12", "aliases 13", "aliases 14"},
	},
	{
		check.CodeWholeDomainUser, "",
		[]string{
			`INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 1, '@example.org', '~'), (12, 2, '@Example.net', 'SOUND'),
				(13, 3, '@müller.de', '{PLAIN}x'), (14, 1, '@elsewhere.example', '~'), (15, 1, '@', '~')`,
			rows("@example.net > john@example.org"),
		},
		[]string{"users 11", "users 12", "users 13"},
	},
	{check.CodeUnusableLogins, "", []string{users("SOUND", bare5)}, []string{"users 0"}},
	{check.CodeUnusableLogins, "none", []string{users("SOUND", unsalted, "{PLAIN}clear")}, nil},
	{
		check.CodeDanglingAlias, "a user @domain",
		[]string{
			"INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 4, '@empty.example', '~')",
			rows("a@example.org > any@empty.example", "b@example.org > @empty.example"),
		},
		[]string{"aliases 11", "aliases 12"},
	},
	{
		check.CodeInvalidAddress, "destinations that Postfix delivers",
		[]string{rows(
			"a@example.org > User+AbC@elsewhere.example", "a@example.org > \"a..b\"@elsewhere.example", "a@example.org > a..b@elsewhere.example, \"j, d\"@elsewhere.example",
			"a@example.org > root", "a@example.org > u@[192.0.2.1]", "a@example.org > josé@elsewhere.example", "a@example.org > |/bin/x", "a@example.org > x@192.0.2.1")},
		[]string{"aliases 17", "aliases 18"},
	},
	{
		check.CodeWildcardAddress, "",
		[]string{
			"INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 1, '*@example.org', 'SOUND'), (12, 1, 'a*@example.org', 'SOUND'), (13, 1, '%@example.org', '~')",
			rows("*@example.org > john@example.org", "%@example.org > john@example.org", "* > john@example.org", "@empty.example > john@example.org",
				"@empty.example > *@elsewhere.example", "100%@example.org > john@example.org"),
		},
		[]string{"users 11", "users 13", "aliases 11", "aliases 12", "aliases 13", "aliases 15"},
	},
	{
		check.CodeDanglingAlias, "",
		[]string{rows(
			"a@example.org > gone@example.org", "b@example.org > john+list@example.org", "c@example.org > gone+x@example.net", "d@example.org > team@example.net",
			"e@example.org > x@elsewhere.example", "@empty.example > john@example.org", "f@example.org > any@empty.example",
			"g@example.org > john@example.org gone@müller.de", "h@example.org > @example.net", "jane@example.org > @empty.example")},
		[]string{"aliases 11", "aliases 13", "aliases 18", "aliases 19"},
	},
	{
		check.CodeDanglingAlias, "whole domains",
		[]string{rows(
			"@empty.example > @example.org", "a@example.net > john@empty.example", "b@example.net > gone@empty.example", "c@example.net > jack+x@empty.example")},
		[]string{"aliases 13"},
	},
	{
		check.CodeExternalDestination, "",
		[]string{rows("a@example.org > x@elsewhere.example", "b@example.org > john@example.org", "@empty.example > @elsewhere.example", "c@example.org > root",
			"d@example.org > \"john\"@example.org", "e@example.org > \"a b\"@elsewhere.example")},
		[]string{"aliases 11", "aliases 13", "aliases 14", "aliases 16"},
	},
	{
		check.CodeShadowedAlias, "",
		[]string{rows(
			"john@example.org > jim@example.net", "max@xn--mller-kva.de > jim@example.net, max@müller.de", "@example.org > @example.net", "@example.org > john@example.org",
			"@example.net > @empty.example")},
		[]string{"users 1", "aliases 13"},
	},
	{
		check.CodeCatchAllWithoutEmail2Email, "",
		[]string{rows("@example.org > john@example.org", "@empty.example > john@example.org", "@müller.de > @example.org")},
		[]string{"aliases 11", "aliases 13"},
	},
	{
		check.CodeQuotaOverflow, "",
		[]string{
			"UPDATE virtual_users SET quota = -1 WHERE id = 1",
			"UPDATE virtual_users SET quota = 9223372036854775807 WHERE id = 2",
			"UPDATE virtual_users SET quota = 9223372036854775806 WHERE id = 3",
		},
		[]string{"users 1", "users 2"},
	},
	{
		check.CodeQuotaOverflow, onlyMaria,
		[]string{
			"ALTER TABLE virtual_users MODIFY quota BIGINT UNSIGNED NULL",
			"UPDATE virtual_users SET quota = 18446744073709551615 WHERE id = 1",
			"UPDATE virtual_users SET quota = NULL WHERE id = 2",
		},
		[]string{"users 1"},
	},
	{
		check.CodeQuotaOverflow, "int " + onlyMaria,
		[]string{
			"ALTER TABLE virtual_users MODIFY quota INT NOT NULL DEFAULT 0",
			"UPDATE virtual_users SET quota = 2147483647 WHERE id = 1",
			"UPDATE virtual_users SET quota = 2147483646 WHERE id = 2",
		},
		[]string{"users 1"},
	},

	{check.CodeNarrowPasswordColumn, onlyMaria, []string{"ALTER TABLE virtual_users MODIFY password VARCHAR(139) NOT NULL"}, []string{"users 0"}},
	{check.CodeNarrowPasswordColumn, "wide " + onlyMaria, []string{"ALTER TABLE virtual_users MODIFY password VARCHAR(140) NOT NULL"}, nil},
	{check.CodeMissingForeignKey, onlyMaria, []string{"ALTER TABLE virtual_users DROP FOREIGN KEY virtual_users_ibfk_1"}, []string{"users 0"}},
	{
		check.CodeMissingForeignKey, "",
		[]string{
			"DROP TABLE virtual_aliases", "CREATE TABLE virtual_aliases (id INTEGER PRIMARY KEY, domain_id INTEGER, source VARCHAR(100), destination VARCHAR(100))",
		},
		[]string{"aliases 0"},
	},
	{
		check.CodeMissingIndex, "",
		[]string{
			"DROP TABLE virtual_aliases", "CREATE TABLE virtual_aliases (id INTEGER PRIMARY KEY, domain_id INTEGER, source VARCHAR(100), destination VARCHAR(100))",
		},
		[]string{"aliases 0"},
	},
	{check.CodeMissingIndex, onlyMaria, []string{
		"ALTER TABLE virtual_domains DROP KEY name", "ALTER TABLE virtual_users DROP KEY email, ADD KEY late (domain_id, email)",
	}, []string{"domains 0", "users 0"}},
	{check.CodeMissingIndex, "plain " + onlyMaria, []string{"ALTER TABLE virtual_users DROP KEY email, ADD KEY early (email, domain_id)"}, nil},
	{check.CodeMissingIndex, "view " + onlyMaria, []string{
		"RENAME TABLE virtual_aliases TO theirs", "CREATE VIEW virtual_aliases AS SELECT id, domain_id, source, destination FROM theirs",
	}, nil},
	{check.CodeNonTransactionalTable, onlyMaria, []string{
		"ALTER TABLE virtual_aliases DROP FOREIGN KEY virtual_aliases_ibfk_1", "ALTER TABLE virtual_aliases ENGINE=MyISAM",
	}, []string{"aliases 0"}},
}
