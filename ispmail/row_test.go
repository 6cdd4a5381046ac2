package ispmail_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// loose runs a test on both kinds of database, with tables that take everything and the rows of the example.
func loose(t *testing.T, test func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store)) {
	t.Helper()
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		t.Parallel()
		dbtest.Loosen(t, db)
		db.Example(t)
		test(t, db, db.Store(t, ispmail.Config{}))
	})
}

// one returns the only row that a query selects.
func one[T any](t *testing.T, store *ispmail.Store, q ispmail.Query) T {
	t.Helper()
	var rows []T
	var all any
	switch any(rows).(type) {
	case []ispmail.Domain:
		all = dbtest.Collect(t, store.Domains(t.Context(), q))
	case []ispmail.User:
		all = dbtest.Collect(t, store.Users(t.Context(), q))
	default:
		all = dbtest.Collect(t, store.Aliases(t.Context(), q))
	}
	rows = all.([]T)
	require.Len(t, rows, 1)
	return rows[0]
}

// oddTexts are no addresses, or others that a collation takes for equal.
var oddTexts = []string{
	" kim@example.org", "kim@example.org ", "KIM@example.org", "k\u00efm@example.org", "a..b@docomo.ne.jp", "root", "@", "@@", "", "tab\tline\nend@example.org",
	"\x01\x1b[31m@example.org", "<b>kim</b>@example.org", `'quo"te\@example.org`, "%@example.org", "_im@example.org", "😀@example.org", "0", "kim@exa mple.org",
}

// TestDeleteOddRows has rows with texts that no method takes for an address. Each is found by its text and by its id, and deleted,
// and nothing else is.
func TestDeleteOddRows(t *testing.T) {
	loose(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		old := dbtest.Dump(t, db)
		type row struct {
			id   int
			text string
		}
		var rows []row
		for i, text := range oddTexts {
			id := 100 + i
			rows = append(rows, row{id, text})
			db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (?, ?)", id, text)
			db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (?, 1, ?, 'x')", id, text)
			db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (?, 1, ?, 'there')", id, text)
			db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (?, 1, 'from here', ?)", 200+i, text)
		}
		for _, row := range rows {
			q := ispmail.Exactly(row.text)
			domain, user := one[ispmail.Domain](t, store, q), one[ispmail.User](t, store, q)
			assert.EqualValues(t, row.id, domain.ID, "%q", row.text)
			assert.Equal(t, row.text, domain.Name)
			assert.EqualValues(t, row.id, user.ID, "%q", row.text)
			aliases := dbtest.Collect(t, store.Aliases(t.Context(), q))
			require.Len(t, aliases, 2, "%q", row.text)
			n, err := store.CountUsers(t.Context(), q)
			require.NoError(t, err)
			assert.Equal(t, 1, n)
			assert.Equal(t, user, one[ispmail.User](t, store, ispmail.ByID(user.ID)))
			for _, listed := range []ispmail.Row{domain, user, aliases[0], aliases[1]} {
				require.NoError(t, errorOf(store.DeleteRow(t.Context(), listed)), "%q", row.text)
				require.ErrorIs(t, errorOf(store.DeleteRow(t.Context(), listed)), ispmail.ErrNotFound)
			}
		}
		assert.Equal(t, old, dbtest.Dump(t, db))
		assert.Empty(t, dbtest.Collect(t, store.Users(t.Context(), ispmail.ByID())), "no id is nobody")
		assert.Len(t, dbtest.Collect(t, store.Users(t.Context(), ispmail.ByID(1, 2, 3))), 2)
	})
}

// TestExactlyInOtherColumns has columns and connections with other character sets and collations.
func TestExactlyInOtherColumns(t *testing.T) {
	t.Parallel()
	for _, column := range []string{"CHARACTER SET latin1", "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "CHARACTER SET ascii", "CHARACTER SET binary"} {
		for _, charset := range []string{"utf8mb4", "latin1"} {
			t.Run(column+" over "+charset, func(t *testing.T) {
				t.Parallel()
				db := ispmailtest.MariaDB(t)
				db.Example(t)
				db.Exec(t, "ALTER TABLE virtual_users DROP KEY email, MODIFY email VARCHAR(100) "+column+" NOT NULL")
				text := "Jörg@example.org"
				if column == "CHARACTER SET ascii" {
					text = "Jorg@example.org"
				}
				db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (7, 1, ?, 'x'), (8, 1, 'jorg@example.org', 'x'), (9, 1, 'Jorg@example.org ', 'x')", text)
				store := dbtest.Connect(t, db, map[string]string{"charset": charset}).Store(t, ispmail.Config{})
				user := one[ispmail.User](t, store, ispmail.Exactly(text))
				assert.EqualValues(t, 7, user.ID)
				assert.Empty(t, dbtest.Collect(t, store.Users(t.Context(), ispmail.Exactly("x\U0001f600@example.org"))))
				require.NoError(t, errorOf(store.DeleteRow(t.Context(), user)))
				assert.Equal(t, []string{"1 john@example.org 1", "2 md5@example.org 1", "8 jorg@example.org 1", "9 Jorg@example.org  1"}, userRows(t, store))
			})
		}
	}
}

// TestDeleteNull has rows that are NULL all over.
func TestDeleteNull(t *testing.T) {
	loose(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		old := dbtest.Dump(t, db)
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (9, NULL)")
		db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (9, NULL, NULL, NULL)")
		db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (9, NULL, NULL, NULL)")
		null := ispmail.Exactly("")
		user := one[ispmail.User](t, store, null)
		user, _, err := store.CorrectUser(t.Context(), user, "Nell@example.org")
		require.NoError(t, err)
		assert.Equal(t, "nell@example.org", user.Email)
		assert.EqualValues(t, 1, user.DomainID)
		alias, warnings, err := store.CorrectAlias(t.Context(), one[ispmail.Alias](t, store, null), "n@example.org", "nell@example.org")
		require.NoError(t, err)
		assert.Empty(t, warnings)
		domain, _, err := store.CorrectDomain(t.Context(), one[ispmail.Domain](t, store, null), "example.net")
		require.NoError(t, err)
		for _, row := range []ispmail.Row{alias, user, domain} {
			require.NoError(t, errorOf(store.DeleteRow(t.Context(), row)))
		}
		assert.Equal(t, old, dbtest.Dump(t, db))
	})
}

// TestDeleteStaleRow has a page that is out of date.
func TestDeleteStaleRow(t *testing.T) {
	loose(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		user, alias := one[ispmail.User](t, store, ispmail.ByID(1)), one[ispmail.Alias](t, store, ispmail.ByID(1))
		domain := one[ispmail.Domain](t, store, ispmail.ByID(1))
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'example.net')")
		for _, change := range []struct {
			to, back string
			row      ispmail.Row
		}{
			{"UPDATE virtual_users SET email = 'John@example.org' WHERE id = 1", "UPDATE virtual_users SET email = 'john@example.org' WHERE id = 1", user},
			{"UPDATE virtual_users SET domain_id = 2 WHERE id = 1", "UPDATE virtual_users SET domain_id = 1 WHERE id = 1", user},
			{"UPDATE virtual_aliases SET destination = 'JOHN@example.org'", "UPDATE virtual_aliases SET destination = 'john@example.org'", alias},
			{"UPDATE virtual_aliases SET source = 'jack@example.org '", "UPDATE virtual_aliases SET source = 'jack@example.org'", alias},
			{"UPDATE virtual_domains SET name = 'Example.org' WHERE id = 1", "UPDATE virtual_domains SET name = 'example.org' WHERE id = 1", domain},
		} {
			db.Exec(t, change.to)
			old := dbtest.Dump(t, db)
			require.ErrorIs(t, errorOf(store.DeleteRow(ctx, change.row)), ispmail.ErrChanged, change.to)
			switch row := change.row.(type) {
			case ispmail.User:
				require.ErrorIs(t, errorOf(store.CorrectUser(ctx, row, "new@example.org")), ispmail.ErrChanged)
			case ispmail.Alias:
				_, _, err := store.CorrectAlias(ctx, row, "new@example.org", row.Destination)
				require.ErrorIs(t, err, ispmail.ErrChanged)
			case ispmail.Domain:
				require.ErrorIs(t, errorOf(store.CorrectDomain(ctx, row, "new.example")), ispmail.ErrChanged)
			}
			assert.Equal(t, old, dbtest.Dump(t, db), change.to)
			db.Exec(t, change.back)
		}
		db.Exec(t, "UPDATE virtual_users SET password = 'y', quota = 5 WHERE id = 1")
		require.NoError(t, errorOf(store.DeleteRow(ctx, user)), "a login may have rehashed the password meanwhile")
		require.ErrorContains(t, errorOf(store.DeleteRow(ctx, nil)), "a row is a Domain, a User or an Alias")
		require.ErrorContains(t, errorOf(store.DeleteRow(ctx, &user)), "and this is a *ispmail.User")
	})
}

// TestDeleteTwin deletes one of two users with the same address, then the other one.
func TestDeleteTwin(t *testing.T) {
	loose(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		store, take := told(t, db)
		db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (7, 1, 'John@example.org', 'x')")
		err := errorOf(store.DeleteUser(t.Context(), "john@example.org"))
		require.ErrorIs(t, err, ispmail.ErrAmbiguous)
		require.ErrorContains(t, err, "john@example.org is in the rows 1 and 7 of virtual_users")
		warnings, err := store.DeleteRow(t.Context(), one[ispmail.User](t, store, ispmail.Exactly("John@example.org")))
		require.NoError(t, err)
		assert.Empty(t, warnings, "jack still leads to the other one")
		warnings, err = store.DeleteRow(t.Context(), one[ispmail.User](t, store, ispmail.Exactly("john@example.org")))
		require.NoError(t, err)
		assert.Equal(t, []string{"jack@example.org > john@example.org"}, about(warnings))
		assert.Equal(t, []string{"gone john@example.org example.org", "gone john@example.org example.org"}, take())
		db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (8, 1, ' kim', 'x')")
		require.NoError(t, errorOf(store.DeleteRow(t.Context(), one[ispmail.User](t, store, ispmail.ByID(8)))))
		assert.Equal(t, []string{"gone  kim "}, take(), "as stored")
	})
}

// TestDeleteAliasRow tells which aliases lead nowhere, unless another row of the source leads somewhere.
func TestDeleteAliasRow(t *testing.T) {
	loose(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (2, 1, 'Jack@Example.org', 'root'), (3, 1, 'team@example.org', 'jack@example.org')")
		warnings, err := store.DeleteRow(t.Context(), one[ispmail.Alias](t, store, ispmail.ByID(2)))
		require.NoError(t, err)
		assert.Empty(t, warnings)
		warnings, err = store.DeleteRow(t.Context(), one[ispmail.Alias](t, store, ispmail.ByID(1)))
		require.NoError(t, err)
		assert.Equal(t, []string{"team@example.org > jack@example.org"}, about(warnings))
	})
}

// TestDeleteDomainTwin deletes one of two rows of a domain. Its users and aliases move to the other one, and those of other
// domains to theirs.
func TestDeleteDomainTwin(t *testing.T) {
	loose(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		store, take := told(t, db)
		ctx := t.Context()
		require.NoError(t, errorOf(store.CreateAlias(ctx, "x@example.org", "john@example.org")), "the store knows the first row")
		for _, statement := range []string{
			"INSERT INTO virtual_domains (id, name) VALUES (2, 'Example.org'), (3, 'example.net')",
			"UPDATE virtual_users SET domain_id = 2 WHERE id = 2",
			"INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 2, 'jim@example.net', 'x'), (12, 2, '@example.net', '~')",
			"INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (11, 2, '@example.org', 'john@example.org'), (12, 2, 'a@Example.net', 'root')",
			"INSERT INTO virtual_users (id, domain_id, email, password) VALUES (13, 2, 'joe@third.example', 'x'), (14, 2, 'nobody', 'x')",
			"INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (13, 2, '', 'root')",
		} {
			db.Exec(t, statement)
		}
		old := dbtest.Dump(t, db)
		twin := one[ispmail.Domain](t, store, ispmail.Exactly("Example.org"))
		err := errorOf(store.DeleteRow(ctx, twin))
		require.ErrorIs(t, err, ispmail.ErrInUse)
		require.ErrorContains(t, err, "2 in virtual_users and 1 in virtual_aliases have the domain_id 2, and no other domain")
		assert.Equal(t, old, dbtest.Dump(t, db))
		refused(t, db, store, ispmail.ErrInUse, func(ctx context.Context, tx *ispmail.Store) error { return errorOf(tx.DeleteRow(ctx, twin)) })
		take()

		db.Exec(t, "DELETE FROM virtual_users WHERE id IN (13, 14)")
		db.Exec(t, "DELETE FROM virtual_aliases WHERE id = 13")
		warnings, err := store.DeleteRow(ctx, twin)
		require.NoError(t, err)
		assert.Empty(t, warnings)
		assert.Empty(t, take(), "no user has changed")
		var homes []string
		for _, user := range dbtest.Collect(t, store.Users(ctx, ispmail.Query{})) {
			homes = append(homes, fmt.Sprint(user.Email, " ", user.DomainID))
		}
		assert.Equal(t, []string{"john@example.org 1", "md5@example.org 1", "jim@example.net 3", "@example.net 3"}, homes)
		assert.EqualValues(t, 1, one[ispmail.Alias](t, store, ispmail.ByID(11)).DomainID)
		assert.EqualValues(t, 3, one[ispmail.Alias](t, store, ispmail.ByID(12)).DomainID)

		domain := one[ispmail.Domain](t, store, ispmail.ByID(1))
		require.ErrorIs(t, errorOf(store.DeleteRow(ctx, domain)), ispmail.ErrInUse)
		db.Exec(t, "DELETE FROM virtual_users")
		db.Exec(t, "DELETE FROM virtual_aliases")
		db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (11, 3, 'info@example.net', 'john@example.org')")
		warnings, err = store.DeleteRow(ctx, domain)
		require.NoError(t, err)
		assert.Equal(t, []string{"info@example.net > john@example.org"}, about(warnings))
		assert.Equal(t, []string{"domain  example.org"}, take())
	})
}

// TestDeleteDomainOfNewTwin deletes the row of a domain that the store knows. It does not know yet that there is another.
func TestDeleteDomainOfNewTwin(t *testing.T) {
	loose(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		require.NoError(t, errorOf(store.CreateAlias(t.Context(), "x@example.org", "john@example.org")))
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'example.org')")
		require.NoError(t, errorOf(store.DeleteRow(t.Context(), one[ispmail.Domain](t, store, ispmail.ByID(1)))))
		assert.Equal(t, []string{"1 john@example.org 2", "2 md5@example.org 2"}, userRows(t, store))
		assert.EqualValues(t, 2, aliasesOf(t, store, "jack@example.org")[0].DomainID)
	})
}

// TestRowVerdicts loses the commits of changes by rows. It is known whether they were made.
func TestRowVerdicts(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*testing.T, *ispmail.Store) error{
		"user": func(t *testing.T, s *ispmail.Store) error {
			return errorOf(s.DeleteRow(t.Context(), one[ispmail.User](t, s, ispmail.ByID(1))))
		},
		"alias": func(t *testing.T, s *ispmail.Store) error {
			return errorOf(s.DeleteRow(t.Context(), one[ispmail.Alias](t, s, ispmail.ByID(1))))
		},
		"domain": func(t *testing.T, s *ispmail.Store) error {
			return errorOf(s.DeleteRow(t.Context(), one[ispmail.Domain](t, s, ispmail.ByID(2))))
		},
		"address": func(t *testing.T, s *ispmail.Store) error {
			return errorOf(s.CorrectUser(t.Context(), one[ispmail.User](t, s, ispmail.ByID(1)), "johann@example.org"))
		},
		"domain_id of a user": func(t *testing.T, s *ispmail.Store) error {
			return errorOf(s.CorrectUser(t.Context(), one[ispmail.User](t, s, ispmail.ByID(3)), "jim@example.org"))
		},
		"domain_id of an alias": func(t *testing.T, s *ispmail.Store) error {
			_, _, err := s.CorrectAlias(t.Context(), one[ispmail.Alias](t, s, ispmail.ByID(3)), "j@example.org", "jim@example.org")
			return err
		},
		"name": func(t *testing.T, s *ispmail.Store) error {
			return errorOf(s.CorrectDomain(t.Context(), one[ispmail.Domain](t, s, ispmail.ByID(3)), "third.example"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, proxy, store := proxied(t)
			db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'example.net'), (3, 'thi rd')")
			db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (3, 3, 'jim@example.org', 'x')")
			db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (3, 3, 'j@example.org', 'jim@example.org')")
			old := dbtest.Dump(t, db)
			proxy.armed.Store(&cut{statement: "COMMIT", moment: before})
			err := change(t, store)
			require.ErrorIs(t, err, ispmail.ErrUnavailable)
			require.NotErrorIs(t, err, ispmail.ErrOutcomeUnknown)
			assert.Equal(t, old, dbtest.Dump(t, db))
			proxy.armed.Store(&cut{statement: "COMMIT", moment: after})
			require.NoError(t, change(t, store))
			assert.NotEqual(t, old, dbtest.Dump(t, db))
		})
	}
}

// TestRowWithTx deletes and corrects in a transaction of the program, which is told of it after the commit.
func TestRowWithTx(t *testing.T) {
	loose(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		store, take := told(t, db)
		db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (7, 1, 'kim', 'x'), (8, 1, 'JOHN@example.org', 'x')")
		kim, twin := one[ispmail.User](t, store, ispmail.ByID(7)), one[ispmail.User](t, store, ispmail.ByID(8))
		tx, err := db.DB.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		within := store.WithTx(tx)
		require.NoError(t, errorOf(within.CorrectUser(t.Context(), kim, "kim@example.org")))
		require.NoError(t, errorOf(within.DeleteRow(t.Context(), twin)))
		assert.Empty(t, take())
		require.NoError(t, tx.Commit())
		within.Committed(t.Context())
		assert.Equal(t, "address kim ;gone john@example.org example.org", strings.Join(take(), ";"))
	})
}
