package ispmail_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestStateMail switches aliases, users and domains off. Mail finds none of them.
func TestStateMail(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		ctx := t.Context()
		store := withState(t, db, ispmail.Config{})
		db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination, active) VALUES "+
			"(2, 1, 'jack@example.org', 'md5@example.org', 0), (3, 1, 'john@example.org', 'elsewhere@example.com', 0), (4, 1, '@example.org', 'john@example.org', 0)")
		ends := func(address string) (all []string) {
			recipients, err := store.Recipients(ctx, address)
			for _, r := range recipients {
				all = append(all, r.Address)
			}
			if err != nil {
				require.ErrorIs(t, err, ispmail.ErrNotFound)
			}
			return all
		}
		assert.Equal(t, []string{"john@example.org"}, ends("jack@example.org"), "one alias is on; that of john is not")
		assert.Equal(t, []string{"john@example.org"}, ends("john@example.org"))
		assert.Empty(t, ends("nobody@example.org"), "the catch-all is off")
		db.Exec(t, "UPDATE virtual_users SET active = 0 WHERE id = 1")
		assert.Empty(t, ends("jack@example.org"))
		assert.Empty(t, ends("john@example.org"))
		steps, err := store.Trace(ctx, "jack@example.org")
		require.ErrorIs(t, err, ispmail.ErrNotFound)
		require.Len(t, steps, 2)
		assert.Equal(t, []int64{1}, steps[0].IDs)
		assert.Equal(t, ispmail.FoundNobody, steps[1].Found)
		db.Exec(t, "UPDATE virtual_users SET active = 1")
		db.Exec(t, "UPDATE virtual_domains SET active = 0")
		steps, err = store.Trace(ctx, "md5@example.org")
		require.NoError(t, err)
		assert.Equal(t, ispmail.FoundElsewhere, steps[0].Found, "Postfix does not know the domain")
	})
}

// TestStateAliases changes aliases beside others that are switched off.
func TestStateAliases(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		ctx := t.Context()
		store := withState(t, db, ispmail.Config{})
		db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination, active) VALUES "+
			"(2, 1, 'jack@example.org', 'md5@example.org', 0), (3, 1, '@example.org', '@example.net', 0), (4, 1, 'jack@example.org', 'john@example.org', 0)")
		err := errorOf(store.CreateAlias(ctx, "jack@example.org", "md5@example.org"))
		require.ErrorIs(t, err, ispmail.ErrExists)
		require.ErrorContains(t, err, "which is switched off (virtual_aliases.active)")
		err = errorOf(store.CreateAlias(ctx, "jack@example.org", "john@example.org"))
		require.ErrorIs(t, err, ispmail.ErrExists)
		assert.NotContains(t, err.Error(), "switched off", "of the two rows, one is on")
		err = errorOf(store.SetAliases(ctx, "jack@example.org", "john@example.org", "md5@example.org"))
		require.ErrorIs(t, err, ispmail.ErrExists)
		require.ErrorContains(t, err, "switched off")
		require.NoError(t, errorOf(store.CreateAlias(ctx, "@example.org", "john@example.org")), "the alias to a whole domain is off")

		rows, _, err := store.SetAliases(ctx, "jack@example.org", "john@example.org", "elsewhere@example.com")
		require.NoError(t, err)
		require.Len(t, rows, 4)
		assert.Equal(t, []bool{false, true, true, false}, []bool{rows[0].Off, rows[1].Off, rows[2].Off, rows[3].Off})

		// Where a row is on, only that one is changed or deleted.
		require.NoError(t, errorOf(store.ChangeAlias(ctx, "jack@example.org", "john@example.org", "jane@example.com")))
		require.NoError(t, errorOf(store.DeleteAlias(ctx, "jack@example.org", "john@example.org")), "now the one that is off")
		require.ErrorIs(t, errorOf(store.DeleteAlias(ctx, "jack@example.org", "john@example.org")), ispmail.ErrNotFound)

		// An alias from a user who is off to the same address leads to itself.
		db.Exec(t, "UPDATE virtual_users SET active = 0 WHERE id = 2")
		require.ErrorIs(t, errorOf(store.CreateAlias(ctx, "md5@example.org", "md5@example.org")), ispmail.ErrAliasLoop)
	})
}

// TestStateDangling deletes rows to which aliases lead.
func TestStateDangling(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		ctx := t.Context()
		store := withState(t, db, ispmail.Config{})
		db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination, active) VALUES "+
			"(2, 1, 'off@example.org', 'john@example.org', 0), (3, 1, 'john@example.org', 'md5@example.org', 0), "+
			"(4, 1, 'via@example.org', 'md5@example.org', 1), (5, 1, 'md5@example.org', 'gone@example.com', 0)")
		warnings, err := store.DeleteUser(ctx, "john@example.org")
		require.NoError(t, err)
		assert.Equal(t, []string{"jack@example.org > john@example.org"}, about(warnings), "the alias of john is off, and takes nothing")
		warnings, err = store.DeleteAliases(ctx, "md5@example.org")
		require.NoError(t, err)
		assert.Empty(t, warnings, "it was off")
		db.Exec(t, "UPDATE virtual_users SET active = 0")
		warnings, err = store.DeleteUser(ctx, "md5@example.org")
		require.NoError(t, err)
		assert.Empty(t, warnings, "no mail arrived before either")
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'example.net')")
		db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination, active) VALUES (2, 'a@example.net', 'b@example.org', 0), (2, 'b@example.net', 'b@example.org', 1)")
		warnings, err = store.DeleteDomain(ctx, "example.org")
		require.NoError(t, err)
		assert.Equal(t, []string{"b@example.net > b@example.org"}, about(warnings))
	})
}

// TestStateLists filters and counts.
func TestStateLists(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		ctx := t.Context()
		store := withState(t, db, ispmail.Config{})
		db.Exec(t, "INSERT INTO virtual_domains (id, name, active) VALUES (2, 'example.net', 0)")
		db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (3, 2, 'jane@example.net', 'x')")
		db.Exec(t, "UPDATE virtual_users SET active = 0 WHERE id = 2")
		db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination, active) VALUES (1, 'a@example.org', 'john@example.org', 0)")
		counts := func(state ispmail.RowState) (n [3]int) {
			for i, count := range []func() (int, error){
				func() (int, error) { return store.CountDomains(ctx, ispmail.Query{State: state}) },
				func() (int, error) { return store.CountUsers(ctx, ispmail.Query{State: state}) },
				func() (int, error) { return store.CountAliases(ctx, ispmail.Query{State: state}) },
			} {
				var err error
				n[i], err = count()
				require.NoError(t, err)
			}
			return n
		}
		assert.Equal(t, [3]int{2, 3, 2}, counts(ispmail.AnyState))
		assert.Equal(t, [3]int{1, 1, 1}, counts(ispmail.SwitchedOn))
		assert.Equal(t, [3]int{1, 2, 1}, counts(ispmail.SwitchedOff))
		require.Error(t, errorOf(store.CountUsers(ctx, ispmail.Query{State: 3})))
		query := ispmail.InDomain("example.org")
		query.State, query.Search = ispmail.SwitchedOff, "5"
		users := dbtest.Collect(t, store.Users(ctx, query))
		require.Len(t, users, 1)
		assert.EqualValues(t, 2, users[0].ID)
		all, err := store.DomainCounts(ctx)
		require.NoError(t, err)
		assert.Equal(t, []ispmail.DomainCount{
			{Domain: ispmail.Domain{ID: 1, Name: "example.org"}, Users: 2, Aliases: 2, OffUsers: 1, OffAliases: 1},
			{Domain: ispmail.Domain{ID: 2, Name: "example.net", Off: true}, Users: 1, OffUsers: 1},
		}, all)
	})
}

// TestStateTransfer exports, imports and restores rows that are switched off.
func TestStateTransfer(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		ctx := t.Context()
		store := withState(t, db, ispmail.Config{})
		db.Exec(t, "UPDATE virtual_users SET active = 0 WHERE id = 1")
		db.Exec(t, "UPDATE virtual_aliases SET active = 0 WHERE id = 1")
		exported := dbtest.Collect(t, store.Export(ctx))
		result, err := store.Import(ctx, dbtest.Sequence(nil, exported...), ispmail.ImportConfig{})
		require.NoError(t, err)
		assert.Equal(t, ispmail.ImportResult{Present: 4}, result, "off there and off here")

		var refused []string
		config := ispmail.ImportConfig{Refused: func(_ ispmail.Record, err error) { refused = append(refused, err.Error()) }}
		on := []ispmail.Record{
			{User: &ispmail.User{Email: "john@example.org", Password: exported[1].User.Password}},
			{Alias: &ispmail.Alias{Source: "jack@example.org", Destination: "john@example.org"}},
		}
		for _, config.DryRun = range []bool{true, false} {
			refused = nil
			result, err = store.Import(ctx, dbtest.Sequence(nil, on...), config)
			require.NoError(t, err)
			assert.Equal(t, ispmail.ImportResult{Refused: 2}, result)
			require.Len(t, refused, 2)
			assert.Contains(t, refused[0], "already exists, which is switched off (virtual_users.active, virtual_domains.active)")
			assert.Contains(t, refused[1], "switched off (virtual_aliases.active)")
		}

		// A row that was off does not come back as one that is on.
		for _, table := range []string{"virtual_aliases", "virtual_users", "virtual_domains"} {
			db.Exec(t, "DELETE FROM "+table)
		}
		for _, config.DryRun = range []bool{true, false} {
			refused = nil
			result, err = store.Import(ctx, dbtest.Sequence(nil, ispmail.Record{Domain: &ispmail.Domain{Name: "example.org"}},
				ispmail.Record{User: &ispmail.User{Email: "off@example.org", Password: exported[1].User.Password, Off: true}}), config)
			require.NoError(t, err)
			assert.Equal(t, ispmail.ImportResult{Domains: 1, Refused: 1}, result)
			assert.Contains(t, refused[0], "it is switched off, and has no column that says so")
		}
	})
}
