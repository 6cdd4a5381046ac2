package check_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestUnusableLogins counts every user who cannot log in or change the password, once and with the reason. All but locked ones
// have an error of their own.
func TestUnusableLogins(t *testing.T) {
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		t.Parallel()
		dbtest.Loosen(t, db)
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')")
		id := 0
		add := func(email, stored string) {
			id++
			db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (?, 1, ?, ?)", id, email, stored)
		}
		sound := dbtest.Sound()
		faulty := 0
		for i, stored := range []string{
			"", "{PLAIN}", bare5, "24cbfb845af1f030e372b1cb9275e6dd", "{BCRYPT}$2y$05$m.GdQNMyUFNG0vPsaXxSB.0ZQqZhe1e9Un841oBcWi6U6HRF2Kmky", "{FOO}bar",
			"{CRYPT}$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC", "{SHA}junk", "{SHA256-CRYPT}" + bare5[:50],
			"{SHA256-CRYPT}$5$rounds=99999999$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7",
		} {
			add(fmt.Sprintf("user%d@example.org", i), stored)
			faulty++
		}
		add(" kim@example.org", sound)
		add("twin@example.org", sound)
		add("Twin@example.org", sound)
		for i, stored := range []string{"{CRYPT}!" + sound, "{CRYPT}!", "{CRYPT}*", "*"} {
			add(fmt.Sprintf("locked%d@example.org", i), stored)
		}
		add("fine@example.org", sound)
		add("weak@example.org", unsalted)
		add("@example.org", "~") // which is nobody
		var summary []check.Finding
		own := map[int64]bool{}
		for _, f := range dbtest.Collect(t, check.Run(t.Context(), db.Store(t, ispmail.Config{}), check.Config{})) {
			switch {
			case f.Code == check.CodeUnusableLogins:
				summary = append(summary, f)
			case f.Table == "virtual_users" && f.Code.Severity() == check.SeverityError:
				own[f.ID] = true
			}
		}
		require.Len(t, summary, 1)
		assert.Equal(t, "17 of 19 users cannot log in, or cannot change the password here: 1 no address, 2 one address in several rows, 2 no password, "+
			"2 without a {SCHEME}, 2 an unknown scheme, 1 a scheme that is not supported here, 1 malformed, 1 cut, 1 too costly, 4 locked", summary[0].Message)
		for row := int64(1); row <= int64(faulty); row++ {
			assert.True(t, own[row], "row %d", row)
		}
	})
}

// TestUnusableLoginsWithDefault reads what has no prefix as the configuration says. Then nothing is in the way of a change.
func TestUnusableLoginsWithDefault(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	plant(t, db, users(bare5))
	hasher, err := hash.New(hash.Config{Default: "CRYPT"})
	require.NoError(t, err)
	for _, f := range dbtest.Collect(t, check.Run(t.Context(), db.Store(t, ispmail.Config{Hasher: hasher}), check.Config{})) {
		assert.Equal(t, check.CodeUnprefixedPassword, f.Code)
		assert.Contains(t, f.Message, "it is read as SHA256-CRYPT, and a change renews it")
	}
}

// TestMessagesCanBePasted has addresses with the signs of a shell. They are one word of the commands in the messages.
func TestMessagesCanBePasted(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	plant(t, db, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (11, 1, 'o''neil`$x`@example.org', '{PLAIN}clear')")
	for _, f := range dbtest.Collect(t, check.Run(t.Context(), db.Store(t, ispmail.Config{}), check.Config{})) {
		assert.Contains(t, f.Message, "ispmailctl password set 'o'\\''neil`$x`@example.org' sets a new one")
	}
}
