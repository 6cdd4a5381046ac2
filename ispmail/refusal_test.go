package ispmail_test

import (
	"bytes"
	"crypto/md5" //nolint:gosec // a scheme of old guides
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestRefusalLog warns of the rows that have to be corrected, and of no others.
func TestRefusalLog(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		mariaDB := strings.Contains(t.Name(), "MariaDB")
		if mariaDB { // whose collation takes the blank for nothing
			db.Exec(t, "ALTER TABLE virtual_users DROP INDEX email")
			db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (30, 1, 'blank@example.org ', '{PLAIN}summersun')")
			db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (31, 1, 'TWIN@example.org', '{PLAIN}summersun'), (32, 1, 'twin@example.org', '{PLAIN}summersun')")
		} else {
			db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (31, 1, 'twin@xn--bcher-kva.example', '{PLAIN}summersun'), (32, 1, 'twin@bücher.example', '{PLAIN}summersun')")
		}
		db.Exec(t, `INSERT INTO virtual_users (domain_id, email, password) VALUES
			(1, 'empty@example.org', ''), (1, 'mark@example.org', '~'), (1, 'locked@example.org', '{CRYPT}!{PLAIN}summersun'),
			(1, 'bare@example.org', 'summersun'), (1, 'rot13@example.org', '{ROT13}fhzzrefha'), (1, 'cut@example.org', '{SHA256-CRYPT}$5$x'),
			(1, 'costly@example.org', ?)`, "{SHA512-CRYPT}$6$rounds=999999999$salt$"+strings.Repeat(".", 86))
		for user, want := range map[string]string{
			"john@example.org":   "level=DEBUG.*password does not match",
			"nobody@example.org": "level=DEBUG.*not found",
			"mark@example.org":   "level=DEBUG.*nobody's login",
			"locked@example.org": "level=DEBUG.*the account is locked",
			"empty@example.org":  "level=WARN.*virtual_users.password is empty",
			"bare@example.org":   "level=WARN.*the stored password cannot be verified.*not supported",
			"rot13@example.org":  "level=WARN.*the stored password cannot be verified.*not supported",
			"cut@example.org":    "level=WARN.*the stored password cannot be verified.*malformed",
			"costly@example.org": "level=WARN.*the stored password cannot be verified.*too much work",
			"twin@example.org":   "level=WARN.*have to be corrected.*is in the rows 31 and 32",
			"blank@example.org":  "level=WARN.*have to be corrected.*the row with the id 30 has this address in virtual_users, in a form that is no address",
		} {
			switch {
			case user == "twin@example.org" && !mariaDB:
				user = "twin@bücher.example"
			case user == "blank@example.org" && !mariaDB:
				continue
			}
			var log bytes.Buffer
			store := db.Store(t, ispmail.Config{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
			_, err := store.Authenticate(t.Context(), user, "canary")
			require.Equal(t, ispmail.ErrBadCredentials, err)
			assert.Regexp(t, want, log.String(), user)
			assert.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
			assert.NotContains(t, log.String(), "canary")
			assert.NotContains(t, log.String(), "summersun")
		}
	})
}

// TestBytes has passwords that were stored elsewhere as the bytes that a client sent. They log in, are rehashed like others,
// and can be changed; no new one is like that.
func TestBytes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		for _, password := range []string{"gr\xfcn", "summersun\n", "\tsummersun", "\ufeffsummersun", "\xff\xfe", "\x7f"} {
			elsewhere := fmt.Sprintf("{PLAIN-MD5}%x", md5.Sum([]byte(password))) //nolint:gosec // see above
			db.Exec(t, "UPDATE virtual_users SET password = ? WHERE id = 2", elsewhere)
			require.ErrorIs(t, errorOf(store.Authenticate(ctx, "md5@example.org", password+"\x00")), ispmail.ErrBadCredentials)
			require.NoError(t, errorOf(store.Authenticate(ctx, "md5@example.org", password)), "%q", password)
			rehashed := db.Stored(t, "md5@example.org")
			require.True(t, strings.HasPrefix(rehashed, "{SHA256-CRYPT}"), "%q", password)
			require.NoError(t, errorOf(store.Authenticate(ctx, "md5@example.org", password)), "%q", password)

			for _, replacement := range []string{password, "a long enough secret\n", "a long enough\u0085 secret", "\ufeffa long enough secret"} {
				require.ErrorIs(t, store.ChangePassword(ctx, "md5@example.org", password, replacement), hash.ErrInvalidPassword, "%q", replacement)
				require.ErrorIs(t, store.SetPassword(ctx, "md5@example.org", replacement), hash.ErrInvalidPassword)
				require.ErrorIs(t, errorOf(store.CreateUser(ctx, "new@example.org", replacement)), hash.ErrInvalidPassword)
			}
			require.Equal(t, rehashed, db.Stored(t, "md5@example.org"))
			require.NoError(t, store.ChangePassword(ctx, "md5@example.org", password, "a long enough secret"))
		}
		var refused []error
		record := ispmail.Record{User: &ispmail.User{Email: "new@example.org"}, NewPassword: ispmail.NewSecret("a long enough secret\r")}
		for _, dry := range []bool{true, false} {
			result, err := store.Import(ctx, dbtest.Sequence(nil, record), ispmail.ImportConfig{DryRun: dry, Refused: func(_ ispmail.Record, err error) { refused = append(refused, err) }})
			require.NoError(t, err)
			assert.Equal(t, 1, result.Refused)
		}
		require.Len(t, refused, 2)
		require.ErrorIs(t, refused[1], hash.ErrControlCharacter)
		require.Equal(t, refused[0].Error(), refused[1].Error())
	})
}
