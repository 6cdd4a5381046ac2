package ispmail_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

const digest = "{DIGEST-MD5}00112233445566778899aabbccddeeff"

// TestRenameLosesNoUpdate renames in a row with several destinations after somebody else has changed another one of them.
func TestRenameLosesNoUpdate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rename func(ctx context.Context, tx *ispmail.Store) error
		want   string
	}{
		"user": {func(ctx context.Context, tx *ispmail.Store) error {
			return errorOf(tx.RenameUser(ctx, "john@example.org", "johann@example.org"))
		}, "johann@example.org"},
		"domain": {func(ctx context.Context, tx *ispmail.Store) error {
			return errorOf(tx.RenameDomain(ctx, "example.org", "example.com"))
		}, "john@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			db, store, other := twoStores(t)
			domain, err := other.CreateDomain(t.Context(), "example.net")
			require.NoError(t, err)
			db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (?, 'team@example.net', 'a@elsewhere.example, john@example.org')", domain.ID)
			require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
				require.NoError(t, errorOf(tx.CountAliases(ctx, ispmail.Query{}))) // takes the snapshot
				require.NoError(t, errorOf(other.ChangeAlias(t.Context(), "team@example.net", "a@elsewhere.example", "b@elsewhere.example")))
				return test.rename(ctx, tx)
			}))
			assert.Equal(t, []string{"team@example.net > b@elsewhere.example, " + test.want}, arrows(aliasesOf(t, store, "team@example.net")))
		})
	}
}

// TestRenameFindsNewAliases renames a user whose aliases others have added since the snapshot.
func TestRenameFindsNewAliases(t *testing.T) {
	_, store, other := twoStores(t)
	require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		require.NoError(t, errorOf(tx.CountAliases(ctx, ispmail.Query{}))) // takes the snapshot
		for _, source := range []string{"john@example.org", "john+x@example.org", "new@example.org"} {
			require.NoError(t, errorOf(other.CreateAlias(t.Context(), source, "john@example.org")))
		}
		return errorOf(tx.RenameUser(ctx, "john@example.org", "johann@example.org"))
	}))
	assert.ElementsMatch(t, []string{
		"jack@example.org > johann@example.org", "known@example.org > a@elsewhere.example", "johann@example.org > johann@example.org",
		"johann+x@example.org > johann@example.org", "new@example.org > johann@example.org",
	}, allAliases(t, store))
}

// TestRenameDomainFindsNewDigest renames a domain of which a user has got a {DIGEST-MD5} password since the snapshot.
func TestRenameDomainFindsNewDigest(t *testing.T) {
	_, store, other := twoStores(t)
	require.ErrorIs(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		require.NoError(t, errorOf(tx.CountAliases(ctx, ispmail.Query{}))) // takes the snapshot
		require.NoError(t, other.SetStoredPassword(t.Context(), "john@example.org", digest))
		return errorOf(tx.RenameDomain(ctx, "example.org", "example.com"))
	}), ispmail.ErrAddressInPassword)
}

// TestRenameOfDigest refuses to rename users with a {DIGEST-MD5} password, which no longer verifies with another address. Nor
// would it do so after an unlock, or without the prefix.
func TestRenameOfDigest(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		hasher, err := hash.New(hash.Config{Default: "DIGEST-MD5"})
		require.NoError(t, err)
		store := db.Store(t, ispmail.Config{Hasher: hasher})
		for _, stored := range []string{digest, "{CRYPT}!" + digest, "{CRYPT}!{CRYPT}!" + digest, "{digest-md5}00112233445566778899aabbccddeeff", "00112233445566778899aabbccddeeff"} {
			db.Exec(t, "UPDATE virtual_users SET password = ? WHERE id = 1", stored)
			old := dbtest.Dump(t, db)
			require.ErrorIs(t, errorOf(store.RenameUser(t.Context(), "john@example.org", "johann@example.org")), ispmail.ErrAddressInPassword, stored)
			require.ErrorIs(t, errorOf(store.RenameDomain(t.Context(), "example.org", "example.com")), ispmail.ErrAddressInPassword, stored)
			assert.Equal(t, old, dbtest.Dump(t, db))
		}
	})
}

// TestRenameLeavesOtherMailboxes renames a user where addresses with an extension are mailboxes of other users. Each keeps
// its mail.
func TestRenameLeavesOtherMailboxes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		require.NoError(t, errorOf(store.CreateUser(ctx, "john+x@example.org", "a long enough secret")))
		require.NoError(t, errorOf(store.CreateAlias(ctx, "team@example.org", "john+x@example.org")))
		require.NoError(t, errorOf(store.CreateAlias(ctx, "work@example.org", "john+work@example.org")))
		require.NoError(t, errorOf(store.RenameUser(ctx, "john@example.org", "johann@example.org")))
		got, err := store.Recipients(ctx, "team@example.org")
		require.NoError(t, err)
		assert.Equal(t, []ispmail.Recipient{{Address: "john+x@example.org", Mailbox: "john+x@example.org"}}, got)
		got, err = store.Recipients(ctx, "work@example.org")
		require.NoError(t, err)
		assert.Equal(t, []ispmail.Recipient{{Address: "johann+work@example.org", Mailbox: "johann@example.org"}}, got)

		require.NoError(t, errorOf(store.CreateUser(ctx, "jim+y@example.org", "a long enough secret")))
		require.NoError(t, errorOf(store.CreateAlias(ctx, "johann+y@example.org", "a@elsewhere.example")))
		old := dbtest.Dump(t, db)
		require.ErrorIs(t, errorOf(store.RenameUser(ctx, "johann@example.org", "jim@example.org")), ispmail.ErrExists, "the alias would take the mail of jim+y")
		assert.Equal(t, old, dbtest.Dump(t, db))
	})
}

// TestRenameToExtension gives a user an address with an extension. Mail for the old address with another one still arrives.
func TestRenameToExtension(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		require.NoError(t, errorOf(store.CreateAlias(ctx, "team@example.org", "john+work@example.org")))
		require.NoError(t, errorOf(store.RenameUser(ctx, "john@example.org", "john+new@example.org")))
		got, err := store.Recipients(ctx, "team@example.org")
		require.NoError(t, err)
		assert.Equal(t, []ispmail.Recipient{{Address: "john+new@example.org", Mailbox: "john+new@example.org"}}, got)
	})
}

// TestRenameDomainMakesNoLoop refuses a name with which an alias would lead to itself, where no mailbox is.
func TestRenameDomainMakesNoLoop(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		for _, local := range []string{"info", ""} {
			require.NoError(t, errorOf(store.CreateAlias(ctx, local+"@example.org", local+"@example.com")))
			old := dbtest.Dump(t, db)
			require.ErrorIs(t, errorOf(store.RenameDomain(ctx, "example.org", "example.com")), ispmail.ErrAliasLoop)
			assert.Equal(t, old, dbtest.Dump(t, db))
			require.NoError(t, errorOf(store.DeleteAlias(ctx, local+"@example.org", local+"@example.com")))
		}
		require.NoError(t, errorOf(store.CreateAlias(ctx, "john@example.org", "john@example.com")))
		require.NoError(t, errorOf(store.RenameDomain(ctx, "example.org", "example.com")))
		assert.Contains(t, allAliases(t, store), "john@example.com > john@example.com", "which is the mailbox")
	})
}

// TestRenameOnOtherConnections renames a domain on connections of the program with another character set.
func TestRenameOnOtherConnections(t *testing.T) {
	t.Parallel()
	for _, charset := range []string{"utf8", "latin1", "utf8mb4"} {
		db := ispmailtest.MariaDB(t)
		db.Example(t)
		store := dbtest.Connect(t, db, map[string]string{"charset": charset}).Store(t, ispmail.Config{})
		require.NoError(t, errorOf(store.RenameDomain(t.Context(), "example.org", "example.com")), charset)
		assert.Equal(t, []string{"jack@example.com > john@example.com"}, allAliases(t, store))
		require.NoError(t, errorOf(store.User(t.Context(), "john@example.com")), charset)
	}
}

// TestRenameDomainVerdict loses the commit of a rename of a name in capitals. It is known that nothing was changed.
func TestRenameDomainVerdict(t *testing.T) {
	t.Parallel()
	db, proxy, store := proxied(t)
	db.Exec(t, "UPDATE virtual_domains SET name = 'Example.org'")
	proxy.armed.Store(&cut{statement: "COMMIT", moment: before})
	err := errorOf(store.RenameDomain(t.Context(), "example.org", "example.com"))
	require.ErrorIs(t, err, ispmail.ErrUnavailable)
	require.NotErrorIs(t, err, ispmail.ErrOutcomeUnknown)
	proxy.armed.Store(&cut{statement: "COMMIT", moment: after})
	require.NoError(t, errorOf(store.RenameDomain(t.Context(), "example.org", "example.com")))
}

// TestRenameMergesTwins renames to addresses to which the same sources lead already. Nothing stands twice afterwards.
func TestRenameMergesTwins(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		for _, alias := range [][2]string{
			{"x@example.org", "john@example.org"},
			{"x@example.org", "Johann@example.org"},
			{"y@example.org", "johann@example.org, a@elsewhere.example, john@example.org"},
			{"john@example.org", "johann@example.org"},
			{"john@example.org", "john@example.org"},
			{"z@example.org", "a@elsewhere.example"},
			{"z@example.org", "a@elsewhere.example"}, // was there before
			{"x@example.org", "john+lists@example.org"},
			{"x@example.org", "johann+lists@example.org"},
		} {
			db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, ?, ?)", alias[0], alias[1])
		}
		require.NoError(t, errorOf(store.RenameUser(ctx, "john@example.org", "johann@example.org")))
		assert.Equal(t, []string{
			"jack@example.org > johann@example.org", "x@example.org > Johann@example.org", "y@example.org > johann@example.org, a@elsewhere.example",
			"johann@example.org > johann@example.org", "z@example.org > a@elsewhere.example", "z@example.org > a@elsewhere.example", "x@example.org > johann+lists@example.org",
		}, allAliases(t, store))

		db.Exec(t, "DELETE FROM virtual_aliases WHERE source <> 'jack@example.org'")
		for _, alias := range [][2]string{
			{"x@example.org", "a@example.com"},
			{"x@example.org", "a@example.org"},
			{"y@example.org", "a@example.org; a@example.com; b@example.org"},
		} {
			db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, ?, ?)", alias[0], alias[1])
		}
		require.NoError(t, errorOf(store.RenameDomain(ctx, "example.org", "example.com")))
		assert.Equal(t, []string{
			"jack@example.com > johann@example.com", "x@example.com > a@example.com", "y@example.com > a@example.com, b@example.com",
		}, allAliases(t, store))
	})
}
