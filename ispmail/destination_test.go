package ispmail_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// deliverable has destinations as given, and as stored. TestPostfix delivers mail to each kind.
var deliverable = map[string]string{
	"User+AbC123@Boards.trello.com": "User+AbC123@boards.trello.com",
	`"a..b"@docomo.ne.jp`:           `"a..b"@docomo.ne.jp`,
	"c..d@docomo.ne.jp":             "c..d@docomo.ne.jp",
	".A@docomo.ne.jp":               ".A@docomo.ne.jp",
	`"John Doe"@example.com`:        `"John Doe"@example.com`,
	`"a,b"@example.com`:             `"a,b"@example.com`,
	"Root@localhost":                "Root@localhost",
	"Root":                          "Root",
	"user@[192.0.2.1]":              "user@[192.0.2.1]",
	"John@Example.org":              "john@example.org",
	`"Md5"@example.org`:             "md5@example.org",
	"José@elsewhere.example":        "José@elsewhere.example",
}

// TestDestinations stores destinations as given where they are elsewhere, finds them without their capitals, and deletes them by the
// text that is listed.
func TestDestinations(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		var imported []ispmail.Record
		for given, stored := range deliverable {
			alias, _, err := store.CreateAlias(ctx, "all@example.org", given)
			require.NoError(t, err, given)
			assert.Equal(t, stored, alias.Destination)
			require.ErrorIs(t, errorOf(store.CreateAlias(ctx, "all@example.org", stored)), ispmail.ErrExists, stored)
			imported = append(imported, ispmail.Record{Alias: &ispmail.Alias{Source: "imported@example.org", Destination: given}})
		}
		require.ErrorIs(t, errorOf(store.CreateAlias(ctx, "all@example.org", "USER+abc123@boards.trello.com")), ispmail.ErrExists)
		require.ErrorIs(t, errorOf(store.CreateAlias(ctx, "all@example.org", "a..b@docomo.ne.jp")), ispmail.ErrExists)

		for range 2 {
			for _, dry := range []bool{true, false} {
				result, err := store.Import(ctx, dbtest.Sequence(nil, imported...), ispmail.ImportConfig{DryRun: dry})
				require.NoError(t, err)
				assert.Zero(t, result.Refused)
				assert.Equal(t, len(imported), result.Aliases+result.Present)
			}
		}
		assert.Equal(t, destinationsOf(t, store, "all@example.org"), destinationsOf(t, store, "imported@example.org"))

		destinations := make([]string, 0, len(deliverable))
		for given := range deliverable {
			destinations = append(destinations, given)
		}
		before := aliasesOf(t, store, "all@example.org")
		after, _, err := store.SetAliases(ctx, "all@example.org", destinations...)
		require.NoError(t, err)
		assert.Equal(t, before, after, "nothing is to be changed")

		for _, alias := range before {
			require.NoError(t, errorOf(store.DeleteAlias(ctx, "all@example.org", alias.Destination)), alias.Destination)
		}
		assert.Empty(t, aliasesOf(t, store, "all@example.org"))
	})
}

func destinationsOf(t *testing.T, store *ispmail.Store, source string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, alias := range aliasesOf(t, store, source) {
		all[alias.Destination] = true
	}
	return all
}

// TestRecipientsElsewhere hands capitals on.
func TestRecipientsElsewhere(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		for _, destination := range []string{"User+AbC@elsewhere.example", "a..b@elsewhere.example", "John@Example.org"} {
			require.NoError(t, errorOf(store.CreateAlias(t.Context(), "all@example.org", destination)))
		}
		recipients, err := store.Recipients(t.Context(), "all@example.org")
		require.NoError(t, err)
		assert.ElementsMatch(t, []ispmail.Recipient{
			{Address: "User+AbC@elsewhere.example"}, {Address: `"a..b"@elsewhere.example`}, {Address: "john@example.org", Mailbox: "john@example.org"},
		}, recipients)
	})
}

// TestChangeCapitals corrects a destination that an earlier version has stored in lower case.
func TestChangeCapitals(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		alias, _, err := store.CreateAlias(ctx, "all@example.org", "user+abc@elsewhere.example")
		require.NoError(t, err)
		changed, _, err := store.ChangeAlias(ctx, "all@example.org", "USER+ABC@elsewhere.example", "User+AbC@elsewhere.example")
		require.NoError(t, err)
		alias.Destination = "User+AbC@elsewhere.example"
		assert.Equal(t, alias, changed)
		set, _, err := store.SetAliases(ctx, "all@example.org", "User+ABC@elsewhere.example", "john@example.org")
		require.NoError(t, err)
		alias.Destination = "User+ABC@elsewhere.example"
		assert.Equal(t, alias, set[0])
		assert.Len(t, set, 2)
	})
}

// TestRefusedDestinations has what Postfix would not deliver as it is written. It changes nothing.
func TestRefusedDestinations(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		before := dbtest.Dump(t, db)
		for destination, reason := range map[string]string{
			"|/usr/bin/procmail":         "it is a command",
			"/var/mail/john":             "it is a file",
			":include:/etc/list":         "it is a list in a file",
			"a\tb@example.com":           "it has a control character",
			"a@example.com\r\n":          "it has a control character",
			"a@example.com, b@c.example": "the part before the @ has a sign",
			`"john doe"@example.org`:     "the part before the @ has a sign",
			"a..b@example.org":           "the part before the @ begins or ends with a dot",
			"josé@example.org":           "the part before the @ has a sign",
			"*@example.net":              "the catch-all of a domain is written as @example.org",
			"john@192.0.2.1":             "an IP address stands in brackets",
			"site!john":                  "it has no @",
		} {
			for _, err := range []error{
				errorOf(store.CreateAlias(t.Context(), "all@example.org", destination)),
				errorOf(store.SetAliases(t.Context(), "all@example.org", "x@elsewhere.example", destination)),
				errorOf(store.ChangeAlias(t.Context(), "jack@example.org", "john@example.org", destination)),
			} {
				require.ErrorIs(t, err, ispmail.ErrInvalidAddress, destination)
				assert.ErrorContains(t, err, reason, destination)
			}
		}
		for _, source := range []string{"*@example.org", "%@example.org", "*", "**@example.org"} {
			for _, err := range []error{
				errorOf(store.CreateAlias(t.Context(), source, "john@example.org")),
				errorOf(store.SetAliases(t.Context(), source, "john@example.org")),
				errorOf(store.CreateUser(t.Context(), source, "a long enough secret")),
				errorOf(store.RenameUser(t.Context(), "john@example.org", source)),
			} {
				require.ErrorIs(t, err, ispmail.ErrInvalidAddress, source)
				assert.ErrorContains(t, err, "the catch-all of a domain is written as @example.org", source)
			}
		}
		assert.Equal(t, before, dbtest.Dump(t, db))
		db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, '*@example.org', 'john@example.org')")
		require.NoError(t, errorOf(store.DeleteAlias(t.Context(), "*@example.org", "john@example.org")), "what is there can go")
	})
}

// TestDestinationsOfOthers changes rows with what is no address by our rules, and leaves the rest of the row as it is.
func TestDestinationsOfOthers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		for _, text := range []string{"|/usr/bin/procmail", "a@exam!ple", "JOHN@elsewhere.example.", `a\,b@elsewhere.example`, `"x,  y"@elsewhere.example`, "<j@elsewhere.example>"} {
			db.Exec(t, "UPDATE virtual_aliases SET destination = ? WHERE id = 1", `john@example.org, `+text+`, "Z ,"@elsewhere.example`)
			listed := aliasesOf(t, store, "jack@example.org")[0].Destinations()
			require.Len(t, listed, 3, text)
			require.NoError(t, errorOf(store.DeleteAlias(ctx, "jack@example.org", listed[1])), text)
			assert.Equal(t, `john@example.org, "Z ,"@elsewhere.example`, aliasesOf(t, store, "jack@example.org")[0].Destination)
		}
		require.NoError(t, errorOf(store.RenameUser(ctx, "john@example.org", "jim@example.org")))
		assert.Equal(t, `jim@example.org, "Z ,"@elsewhere.example`, aliasesOf(t, store, "jack@example.org")[0].Destination)
		db.Exec(t, `UPDATE virtual_aliases SET destination = '"Jim"@example.org (who)' WHERE id = 1`)
		require.NoError(t, errorOf(store.RenameUser(ctx, "jim@example.org", "john@example.org")))
		assert.Equal(t, `john@example.org`, aliasesOf(t, store, "jack@example.org")[0].Destination)
		db.Exec(t, `UPDATE virtual_aliases SET destination = '"Jim, x"@example.org "A,"@elsewhere.example' WHERE id = 1`)
		require.NoError(t, errorOf(store.RenameDomain(ctx, "example.org", "example.com")))
		assert.Equal(t, `"jim, x"@example.com, "A,"@elsewhere.example`, aliasesOf(t, store, "jack@example.com")[0].Destination)
	})
}
