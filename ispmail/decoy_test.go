package ispmail_test

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestAdaptDecoy measures what a refusal costs by the memory that ARGON2ID takes. It is not parallel, because it counts what
// the process allocates.
func TestAdaptDecoy(t *testing.T) { //nolint:paralleltest // see above
	const memory = 64 << 20
	argon2, err := hash.New(hash.Config{Scheme: "ARGON2ID", Memory: memory >> 10, Rounds: 1})
	require.NoError(t, err)
	dear, err := argon2.Generate("a password")
	require.NoError(t, err)
	for kind, open := range map[string]func(testing.TB) *ispmailtest.Database{"MariaDB": ispmailtest.MariaDB, "SQLite": ispmailtest.SQLite} {
		t.Run(kind, func(t *testing.T) {
			db := open(t)
			db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')")
			cheap, err := hash.Generate("a password")
			require.NoError(t, err)
			for email, stored := range map[string]string{
				"cheap@example.org": cheap, "md5@example.org": "{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69", "dear@example.org": dear,
				"malformed@example.org": "{SHA256-CRYPT}nothing", "costly@example.org": "{BLF-CRYPT}$2y$31$" + cheap[20:40],
				"locked@example.org": "{CRYPT}!" + dear, "bare@example.org": "!" + strings.TrimPrefix(dear, "{ARGON2ID}"), "nobody@example.org": "~",
			} {
				db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, ?, ?)", email, stored)
			}
			hasher, err := hash.New(hash.Config{Default: "ARGON2ID"})
			require.NoError(t, err)
			store := db.Store(t, ispmail.Config{Hasher: hasher})
			cost := func(ctx context.Context, email string) uint64 { return refusalCost(ctx, t, store, email, "wrong") }
			cost(t.Context(), "unknown@example.org") // which makes the first decoy
			assert.Less(t, cost(t.Context(), "unknown@example.org"), uint64(memory))

			info, err := store.AdaptDecoy(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "ARGON2ID", info.Scheme)
			for _, email := range []string{
				"unknown@example.org", "cheap@example.org", "md5@example.org", "dear@example.org", "malformed@example.org", "costly@example.org",
				"locked@example.org", "bare@example.org", "nobody@example.org",
			} {
				got := cost(t.Context(), email)
				assert.Greater(t, got, uint64(memory), email)
				assert.Less(t, got, uint64(memory*3/2), "%s: once, and not twice", email)
			}

			db.Exec(t, "DELETE FROM virtual_users WHERE email = 'dear@example.org'")
			info, err = store.AdaptDecoy(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "SHA256-CRYPT", info.Scheme, "the locked value matches nothing")
			assert.Less(t, cost(t.Context(), "unknown@example.org"), uint64(memory))

			db.Exec(t, "DROP TABLE virtual_aliases")
			db.Exec(t, "DROP TABLE virtual_users")
			_, err = store.AdaptDecoy(t.Context())
			require.ErrorIs(t, err, ispmail.ErrSchema)
		})
	}
}

// refusalCost is what a refused login allocates, in bytes.
func refusalCost(ctx context.Context, t *testing.T, store *ispmail.Store, email, password string) uint64 {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := store.Authenticate(ctx, email, password)
	require.ErrorIs(t, err, ispmail.ErrBadCredentials)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestDecoyOfLongPassword has a decoy of crypt(3), which takes 511 bytes, and a user whose scheme takes more.
func TestDecoyOfLongPassword(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	db := ispmailtest.SQLite(t)
	db.Example(t)
	db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, 'yescrypt@example.org', ?)", "{CRYPT}$y$j9T$$"+strings.Repeat(".", 43))
	store := db.Store(t, ispmail.Config{})
	info, err := store.AdaptDecoy(t.Context())
	require.NoError(t, err)
	require.Equal(t, "yescrypt", info.Scheme)
	memory := uint64(info.Memory) << 10 //nolint:gosec // a size
	for _, size := range []int{511, 512, 8192, 9000} {
		for _, user := range []string{"unknown", "md5", "john", "yescrypt"} {
			got := refusalCost(t.Context(), t, store, user+"@example.org", strings.Repeat("x", size))
			assert.Greater(t, got, memory*9/10, "%s, %d bytes", user, size)
			assert.Less(t, got, memory*3/2, "%s, %d bytes", user, size)
		}
	}
}
