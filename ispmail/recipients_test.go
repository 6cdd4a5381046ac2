package ispmail_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/internal/route/routetest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestRecipients asks for the constellations on every kind of database. The tests of package route ask for all of them.
func TestRecipients(t *testing.T) {
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		t.Parallel()
		store := db.Store(t, ispmail.Config{}) // for chains of 1000 aliases
		routetest.Arrange(t, db, routetest.Constellations)
		for i, c := range routetest.Constellations {
			if c.Want == "limit" && c.Name != "too long a chain elsewhere" {
				continue // a thousand levels each, which package route walks without a database
			}
			recipients, err := store.Recipients(t.Context(), routetest.In(i, c.To))
			assert.ElementsMatch(t, routetest.Wanted(i, c.Want), outcome(t, recipients, err), c.Name)
		}
	})
}

// outcome is the result of Recipients in the words of a constellation.
func outcome(t *testing.T, recipients []ispmail.Recipient, err error) []string {
	t.Helper()
	for word, sentinel := range map[string]error{"nobody": ispmail.ErrNotFound, "loop": ispmail.ErrAliasLoop, "limit": ispmail.ErrAliasLimit, "invalid": ispmail.ErrInvalidAddress} {
		if errors.Is(err, sentinel) {
			return []string{word}
		}
	}
	require.NoError(t, err)
	var words []string
	for _, r := range recipients {
		if r.Mailbox == "" {
			words = append(words, "away "+r.Address)
		} else {
			words = append(words, "mailbox "+r.Address)
		}
	}
	return words
}

// TestRecipientsMailbox tells the address from the mailbox, and keeps the order in which Postfix finds them.
func TestRecipientsMailbox(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, 'All@Example.org', 'jack@example.org'), (1, 'all@example.org', 'Jack@Elsewhere.example')")
		got, err := store.Recipients(t.Context(), "ALL+x@Example.ORG")
		require.NoError(t, err)
		assert.Equal(t, []ispmail.Recipient{
			{Address: "john+x@example.org", Mailbox: "john@example.org"},
			{Address: "Jack+x@elsewhere.example"},
		}, got)
		_, err = store.Recipients(t.Context(), "no address")
		require.ErrorIs(t, err, ispmail.ErrInvalidAddress)
		_, err = store.Recipients(t.Context(), "nobody@example.org")
		require.EqualError(t, err, "ispmail: not found: nobody gets mail for nobody@example.org")
	})
}

// TestRecipientsNamesLoop reads the loop from the error, without the way to it.
func TestRecipientsNamesLoop(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		for _, alias := range [][2]string{
			{"in@example.org", "john@example.org"},
			{"in@example.org", "x@example.org"},
			{"x@example.org", "x@example.org"},
			{"x@example.org", "y@example.org"},
			{"y@example.org", "z@elsewhere.example"},
			{"y@example.org", "in@example.org"},
			{"z@elsewhere.example", "w@example.org"},
			{"w@example.org", "y@example.org"},
		} {
			db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, ?, ?)", alias[0], alias[1])
		}
		_, err := store.Recipients(t.Context(), "in@example.org")
		require.ErrorIs(t, err, ispmail.ErrAliasLoop)
		require.ErrorContains(t, err, ": y@example.org -> z@elsewhere.example -> w@example.org -> y@example.org")
	})
}

// TestRecipientsInTx sees what the transaction has written.
func TestRecipientsInTx(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
			_, _, err := tx.CreateAlias(ctx, "new@example.org", "jack@example.org")
			require.NoError(t, err)
			got, err := tx.Recipients(ctx, "new@example.org")
			assert.Equal(t, []ispmail.Recipient{{Address: "john@example.org", Mailbox: "john@example.org"}}, got)
			return err
		}))
	})
}

// TestRecipientsStatements counts: the number of statements follows from the levels of aliases, not from their number.
func TestRecipientsStatements(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		for i := range 100 {
			list, member := fmt.Sprintf("list%d@example.org", i), fmt.Sprintf("member%d@elsewhere.example", i)
			db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, 'all@example.org', ?), (1, ?, ?)", list, list, member)
		}
		watched, ran := dbtest.Watch(db)
		store := watched.Store(t, ispmail.Config{})
		for to, want := range map[string]struct{ recipients, levels int }{
			"john@example.org":         {1, 1},
			"jack@example.org":         {1, 2},
			"list1@example.org":        {1, 2},
			"all@example.org":          {100, 3},
			"nobody@example.org":       {0, 1},
			"x@somewhere-else.example": {1, 1},
		} {
			_, _ = store.Recipients(t.Context(), to) // looks at the tables first
			ran()
			got, _ := store.Recipients(t.Context(), to)
			assert.Len(t, got, want.recipients, to)
			statements := ran()
			assert.Len(t, statements, 2*want.levels+1, "%s: %s", to, statements)
		}
	})
}

// TestRecipientsLatin1 asks columns that cannot hold all the texts of a question.
func TestRecipientsLatin1(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	for _, table := range []string{"virtual_aliases", "virtual_users", "virtual_domains"} {
		db.Exec(t, "ALTER TABLE "+table+" CONVERT TO CHARACTER SET latin1 COLLATE latin1_german1_ci")
	}
	db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, 'xi@example.org', 'john@example.org'), (1, 'xi@example.org', 'john@xn--wxa.example')")
	got, err := db.Store(t, ispmail.Config{}).Recipients(t.Context(), "xi@example.org")
	require.NoError(t, err)
	assert.Equal(t, []ispmail.Recipient{{Address: "john@example.org", Mailbox: "john@example.org"}, {Address: "john@xn--wxa.example"}}, got)
}

// TestRecipientsOfWholeDomainUser has a row "@example.org" among the users, by which Postfix accepts mail for everybody.
func TestRecipientsOfWholeDomainUser(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		require.NotContains(t, errorOf(store.Recipients(ctx, "nobody@example.org")).Error(), "accepts")
		db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (9, 1, '@Example.org', '~')")
		err := errorOf(store.Recipients(ctx, "nobody@example.org"))
		require.ErrorIs(t, err, ispmail.ErrNotFound)
		require.ErrorContains(t, err, "Postfix accepts it, because row 9 of virtual_users is @example.org, and it goes back to the sender")
		steps, err := store.Trace(ctx, "nobody@example.org")
		require.ErrorIs(t, err, ispmail.ErrNotFound)
		assert.Equal(t, []ispmail.Step{{Address: "nobody@example.org", Found: ispmail.FoundBounce, Key: "@example.org", IDs: []int64{9}}}, steps)
		assert.Equal(t, "nobody@example.org: accepted because of user 9, @example.org, and sent back", steps[0].String())
		got, err := store.Recipients(ctx, "jack@example.org")
		require.NoError(t, err)
		assert.Equal(t, []ispmail.Recipient{{Address: "john@example.org", Mailbox: "john@example.org"}}, got)
		warnings, err := store.DeleteUser(ctx, "john@example.org")
		require.NoError(t, err)
		assert.Equal(t, []string{"jack@example.org > john@example.org"}, about(warnings), "the mail is accepted and sent back")
		require.NoError(t, errorOf(store.DeleteRow(ctx, one[ispmail.User](t, store, ispmail.Exactly("@Example.org")))))
		require.NotContains(t, errorOf(store.Recipients(ctx, "nobody@example.org")).Error(), "accepts")
	})
}
