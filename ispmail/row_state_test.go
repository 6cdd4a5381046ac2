package ispmail_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestRowState deletes and corrects rows beside others that are switched off, which get no mail.
func TestRowState(t *testing.T) {
	loose(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		ctx := t.Context()
		store := withState(t, db, ispmail.Config{})
		db.Exec(t, "INSERT INTO virtual_domains (id, name, active) VALUES (2, 'example.org', 0), (3, 'Example.org', 1), (4, 'example.net', 0)")
		db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password, active) VALUES (7, 1, 'John@example.org', 'x', 0), (8, 2, 'kim', 'x', 1)")
		db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination, active) VALUES (7, 1, 'Jack@example.org', 'a@x.example', 0), (8, 1, 'team@example.org', 'jack@example.org', 1)")

		user, _, err := store.CorrectUser(ctx, one[ispmail.User](t, store, ispmail.ByID(8)), "kim@example.net")
		require.NoError(t, err)
		assert.True(t, user.Off, "as its domain is")
		alias, _, err := store.CorrectAlias(ctx, one[ispmail.Alias](t, store, ispmail.ByID(7)), "jack@example.org", "b@x.example")
		require.NoError(t, err)
		assert.True(t, alias.Off)

		require.NoError(t, errorOf(store.DeleteRow(ctx, one[ispmail.Domain](t, store, ispmail.ByID(1)))))
		for _, row := range []ispmail.User{one[ispmail.User](t, store, ispmail.ByID(1)), one[ispmail.User](t, store, ispmail.ByID(2))} {
			assert.EqualValues(t, 3, row.DomainID, "the row that is switched on")
			assert.False(t, row.Off)
		}
		warnings, err := store.DeleteRow(ctx, one[ispmail.User](t, store, ispmail.ByID(1)))
		require.NoError(t, err)
		assert.Equal(t, []string{"jack@example.org > john@example.org"}, about(warnings), "its twin is switched off")
		warnings, err = store.DeleteRow(ctx, one[ispmail.Alias](t, store, ispmail.ByID(1)))
		require.NoError(t, err)
		assert.Equal(t, []string{"team@example.org > jack@example.org"}, about(warnings), "so is the other alias")
	})
}
