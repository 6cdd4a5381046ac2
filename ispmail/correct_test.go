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

// userRows are the users as "id email domain_id".
func userRows(t *testing.T, store *ispmail.Store) (rows []string) {
	t.Helper()
	for _, user := range dbtest.Collect(t, store.Users(t.Context(), ispmail.Query{})) {
		rows = append(rows, fmt.Sprint(user.ID, " ", user.Email, " ", user.DomainID))
	}
	return rows
}

// TestCorrectUser gives rows of users other addresses, and checks which aliases follow.
func TestCorrectUser(t *testing.T) {
	for name, test := range map[string]struct {
		stored string // the row 7, in the domain 1
		to     string
		want   string // id, address and domain_id
		err    error
		aliasD string // where jack leads afterwards
	}{
		"an invalid address":         {" kim@example.org", "Kim@example.org", "7 kim@example.org 1", nil, "john@example.org"},
		"one of two":                 {"John@example.org", "johnny@example.org", "7 johnny@example.org 1", nil, "john@example.org"},
		"the other of two":           {"John@example.org", "john@example.org", "", ispmail.ErrExists, ""},
		"another domain":             {"kim@example.org", "kim@example.net", "7 kim@example.net 2", nil, "john@example.org"},
		"the same, in wrong domain":  {"kim@example.net", "kim@example.net", "7 kim@example.net 2", nil, "john@example.org"},
		"the same, in capitals":      {"KIM@example.org", "kim@example.org", "7 kim@example.org 1", nil, "john@example.org"},
		"the same":                   {"kim@example.org", "kim@example.org", "7 kim@example.org 1", nil, "john@example.org"},
		"a user's":                   {"kim", "md5@example.org", "", ispmail.ErrExists, ""},
		"an alias's, was valid":      {"kim@example.org", "jack@example.org", "", ispmail.ErrExists, ""},
		"an alias's, was not":        {"kim", "jack@example.org", "7 jack@example.org 1", nil, "john@example.org"},
		"no address":                 {"kim", "k im@example.org", "", ispmail.ErrInvalidAddress, ""},
		"a whole domain":             {"@example.org", "@example.org", "", ispmail.ErrInvalidAddress, ""},
		"a domain of others":         {"kim", "kim@elsewhere.example", "", ispmail.ErrNoDomain, ""},
		"a twin of the domain stays": {"kim@exa mple.org", "kim@twin.example", "7 kim@twin.example 3", nil, "john@example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			loose(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
				db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'example.net'), (3, 'twin.example'), (4, 'Twin.example')")
				db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (7, 1, ?, '{PLAIN}x')", test.stored)
				old := dbtest.Dump(t, db)
				user := one[ispmail.User](t, store, ispmail.ByID(7))
				corrected, _, err := store.CorrectUser(t.Context(), user, test.to)
				if test.err != nil {
					require.ErrorIs(t, err, test.err)
					assert.Equal(t, old, dbtest.Dump(t, db))
					return
				}
				require.NoError(t, err)
				assert.Equal(t, test.want, fmt.Sprint(corrected.ID, " ", corrected.Email, " ", corrected.DomainID))
				assert.Equal(t, corrected, one[ispmail.User](t, store, ispmail.ByID(7)))
				assert.Equal(t, []string{"jack@example.org > " + test.aliasD}, allAliases(t, store))
			})
		})
	}
}

// TestCorrectUserFollows is a rename where the row alone has the address.
func TestCorrectUserFollows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		store, take := told(t, db)
		require.NoError(t, errorOf(store.CorrectUser(t.Context(), one[ispmail.User](t, store, ispmail.ByID(1)), "johann@example.org")))
		assert.Equal(t, []string{"jack@example.org > johann@example.org"}, allAliases(t, store))
		assert.Equal(t, []string{"address john@example.org example.org"}, take())
		require.NoError(t, store.SetStoredPassword(t.Context(), "johann@example.org", digest))
		refused(t, db, store, ispmail.ErrAddressInPassword, func(ctx context.Context, tx *ispmail.Store) error {
			return errorOf(tx.CorrectUser(ctx, one[ispmail.User](t, tx, ispmail.ByID(1)), "john@example.org"))
		})
	})
}

// TestCorrectAlias gives rows of aliases other texts.
func TestCorrectAlias(t *testing.T) {
	for name, test := range map[string]struct {
		stored, source, destination string // of the row 7, in the domain 1: "source > destination"
		want                        string // "source > destination domain_id"
		err                         error
		warned                      []string // about aliases
	}{
		"source":                   {"k im > john@example.org", "kim@example.org", "john@example.org", "kim@example.org > john@example.org 1", nil, nil},
		"destination":              {"kim@example.org > a..b@docomo.ne.jp", "kim@example.org", "a.b@docomo.ne.jp", "kim@example.org > a.b@docomo.ne.jp 1", nil, nil},
		"both":                     {" > ", "kim@example.org", "john@example.org", "kim@example.org > john@example.org 1", nil, nil},
		"wrong domain":             {"kim@example.net > john@example.org", "kim@example.net", "john@example.org", "kim@example.net > john@example.org 2", nil, nil},
		"a list stays":             {"kim@example.net > john@example.org, root", "kim@example.net", "john@example.org, root", "kim@example.net > john@example.org, root 2", nil, []string{"kim@example.net > john@example.org, root"}},
		"catch-all":                {"*@example.net > john@example.org", "@example.net", "john@example.org", "@example.net > john@example.org 2", nil, nil},
		"leads nowhere now":        {"kim@example.org > john@example.org", "jim@example.org", "john@example.org", "jim@example.org > john@example.org 1", nil, []string{"team@example.org > kim@example.org"}},
		"still leads somewhere":    {"Jack@example.org > john@example.org", "jim@example.org", "john@example.org", "jim@example.org > john@example.org 1", nil, []string{"team@example.org > kim@example.org"}},
		"a duplicate":              {"kim > john@example.org", "jack@example.org", "John@example.org", "", ispmail.ErrExists, nil},
		"a duplicate in its list":  {"kim > md5@example.org, john@example.org", "jack@example.org", "md5@example.org, john@example.org", "", ispmail.ErrExists, nil},
		"no source":                {"kim > john@example.org", "kim", "john@example.org", "", ispmail.ErrInvalidAddress, nil},
		"another bad destination":  {"kim > john@example.org", "kim@example.org", "jo hn@", "", ispmail.ErrInvalidAddress, nil},
		"to a domain of others":    {"kim > john@example.org", "kim@elsewhere.example", "john@example.org", "", ispmail.ErrNoDomain, nil},
		"to itself":                {"kim > kim@example.org", "kim@example.org", "kim@example.org", "", ispmail.ErrAliasLoop, nil},
		"a whole domain from one":  {"@example.org > @example.net", "kim@example.org", "@example.net", "", ispmail.ErrInvalidAddress, nil},
		"a whole domain beside it": {"kim > john@example.org", "@example.net", "john@example.org", "", ispmail.ErrExists, nil},
	} {
		t.Run(name, func(t *testing.T) {
			loose(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
				db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'example.net')")
				if name == "a whole domain beside it" {
					db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (2, '@example.net', '@example.org')")
				}
				db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (8, 1, 'team@example.org', 'kim@example.org')")
				var before ispmail.Alias
				before.Source, before.Destination, _ = strings.Cut(test.stored, " > ")
				db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (7, 1, ?, ?)", before.Source, before.Destination)
				warned := test.warned
				if name == "still leads somewhere" {
					db.Exec(t, "UPDATE virtual_aliases SET destination = 'jack@example.org' WHERE id = 8")
					warned = nil
				}
				old := dbtest.Dump(t, db)
				row, warnings, err := store.CorrectAlias(t.Context(), one[ispmail.Alias](t, store, ispmail.ByID(7)), test.source, test.destination)
				if test.err != nil {
					require.ErrorIs(t, err, test.err)
					assert.Equal(t, old, dbtest.Dump(t, db))
					return
				}
				require.NoError(t, err)
				assert.Equal(t, test.want, fmt.Sprint(row.Source, " > ", row.Destination, " ", row.DomainID))
				assert.Equal(t, row, one[ispmail.Alias](t, store, ispmail.ByID(7)))
				assert.Equal(t, warned, about(warnings))
			})
		})
	}
}

// TestCorrectDomain gives rows of domains other names.
func TestCorrectDomain(t *testing.T) {
	for name, test := range map[string]struct {
		stored, to string // of the row 7
		err        error
		event      string
		users      string // the user in the row 7 afterwards, who was jim@ before
	}{
		"an invalid name":   {"exa mple.net", "Example.net", nil, "domain  exa mple.net example.net", "5 jim@third.example 7"},
		"capitals":          {"Third.Example", "third.example", nil, "", "5 jim@third.example 7"},
		"nothing":           {"third.example", "third.example", nil, "", "5 jim@third.example 7"},
		"all of it follows": {"third.example", "fourth.example", nil, "domain  third.example fourth.example", "5 jim@fourth.example 7"},
		"one of two":        {"Example.org", "fourth.example", nil, "", "5 jim@third.example 7"},
		"the other of two":  {"Example.org", "example.org", ispmail.ErrExists, "", ""},
		"there is one":      {"exa mple.org", "example.org", ispmail.ErrExists, "", ""},
		"no name":           {"exa mple.org", "exam ple.org", ispmail.ErrInvalidAddress, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			loose(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
				var heard []string
				store := db.Store(t, ispmail.Config{OnChange: func(_ context.Context, c ispmail.Change) {
					heard = append(heard, fmt.Sprint(c.Kind, " ", c.Email, " ", c.Domain, " ", c.To))
				}})
				db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (7, ?)", test.stored)
				db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (5, 7, 'jim@third.example', 'x'), (6, 7, 'joe@example.org', 'x')")
				old := dbtest.Dump(t, db)
				domain, _, err := store.CorrectDomain(t.Context(), one[ispmail.Domain](t, store, ispmail.ByID(7)), test.to)
				if test.err != nil {
					require.ErrorIs(t, err, test.err)
					assert.Equal(t, old, dbtest.Dump(t, db))
					assert.Empty(t, heard)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, domain, one[ispmail.Domain](t, store, ispmail.ByID(7)))
				if test.event != "" {
					assert.Equal(t, []string{test.event}, heard)
				} else {
					assert.Empty(t, heard)
				}
				assert.Contains(t, userRows(t, store), test.users)
				if test.stored == "exa mple.net" || test.stored == "Example.org" {
					assert.Contains(t, userRows(t, store), "6 joe@example.org 1", "moves to the row of its domain")
				}
			})
		})
	}
}
