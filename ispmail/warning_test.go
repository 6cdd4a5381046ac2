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

// inShort returns warnings in a few words: the code, and the alias or the mailbox.
func inShort(warnings []ispmail.Warning) (all []string) {
	for i, text := range about(warnings) {
		all = append(all, string(warnings[i].Code)+" "+strings.NewReplacer(" @example.org", " @", "@example.org", "").Replace(" " + text)[1:])
	}
	return all
}

// A changing is a change with the warnings about it.
type changing struct {
	before []string // aliases "source > destination", without a domain in example.org
	change string
	args   string
	want   []string
}

// changings begin with the users john and md5, and an alias from jack to john.
var changings = []changing{
	{nil, "CreateAlias", "info john", nil},
	{nil, "CreateAlias", "info me@elsewhere.example", nil},
	{nil, "CreateAlias", "info john+x", nil},
	{nil, "CreateAlias", "info nobody", []string{"dangling-alias info > nobody"}},
	{nil, "CreateAlias", `info "nobody"@example.org`, []string{"dangling-alias info > nobody"}},
	{nil, "CreateAlias", "info root@localhost", nil},
	{nil, "CreateAlias", "info |root", []string{"external-destination info > root"}},
	{nil, "CreateAlias", "info jack", nil},
	{nil, "CreateAlias", "john me@elsewhere.example", []string{"shadowed-alias mailbox john"}},
	{nil, "CreateAlias", "john john", nil},
	{nil, "CreateAlias", "john nobody", []string{"shadowed-alias mailbox john", "dangling-alias john > nobody"}},
	{nil, "CreateAlias", "john jack", []string{"shadowed-alias mailbox john", "alias-loop john > jack"}},
	{nil, "CreateAlias", "@example.org john", nil},
	{nil, "CreateAlias", "@example.org nobody", []string{"alias-loop @ > nobody"}},
	{nil, "CreateAlias", "@example.org @example.net", nil},
	{[]string{"john > john"}, "CreateAlias", "john me@elsewhere.example", nil},
	{[]string{"a > nobody"}, "CreateAlias", "b a", []string{"dangling-alias b > a"}},
	{[]string{"a > b", "b > c"}, "CreateAlias", "c a", []string{"alias-loop c > a"}},
	{[]string{"a > a+xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "CreateAlias", "b a", []string{"alias-loop b > a"}},
	{[]string{"@ > john"}, "CreateAlias", "info nobody", nil},
	{[]string{"@example.net > @example.org"}, "CreateAlias", "info nobody@example.net", []string{"dangling-alias info > nobody@example.net"}},
	{[]string{"@example.net > @example.org"}, "CreateAlias", "info john@example.net", nil},
	{[]string{"@example.net > @example.org"}, "CreateAlias", "@example.org @example.net", []string{"alias-loop @ > @example.net"}},

	{nil, "ChangeAlias", "jack john md5", nil},
	{nil, "ChangeAlias", "jack john nobody", []string{"dangling-alias jack > nobody"}},
	{[]string{"john > john"}, "ChangeAlias", "john john md5", []string{"shadowed-alias mailbox john"}},
	{[]string{"john > john", "john > jack"}, "ChangeAlias", "john john md5", []string{"shadowed-alias mailbox john", "alias-loop john > jack"}},

	{nil, "SetAliases", "john me@elsewhere.example nobody", []string{"shadowed-alias mailbox john", "dangling-alias john > nobody"}},
	{nil, "SetAliases", "john me@elsewhere.example john", nil},

	{nil, "CreateUser", "jane", nil},
	{nil, "CreateUser", "jack", []string{"shadowed-alias mailbox jack"}},
	{[]string{"jane > me@elsewhere.example", "jane > jane"}, "CreateUser", "jane", nil},

	{nil, "DeleteUser", "md5", nil},
	{nil, "DeleteUser", "john", []string{"dangling-alias jack > john"}},
	{[]string{"john > john", "john > me@elsewhere.example"}, "DeleteUser", "john", []string{"alias-loop john > john", "remaining-alias john > me@elsewhere.example"}},
	{[]string{"john > md5"}, "DeleteUser", "john", []string{"remaining-alias john > md5"}},
	{[]string{`info > "John"@example.org`}, "DeleteUser", "john", []string{"dangling-alias jack > john", `dangling-alias info > "John"`}},
	{
		[]string{`info > x@elsewhere.example, "John"@example.org (who) , y@elsewhere.example`},
		"DeleteUser", "john",
		[]string{"dangling-alias jack > john", `dangling-alias info > x@elsewhere.example, "John" (who) , y@elsewhere.example`},
	},

	{nil, "DeleteAlias", "jack john", nil},
	{[]string{"info > jack"}, "DeleteAlias", "jack john", []string{"dangling-alias info > jack"}},
	{[]string{"john > john", "john > md5"}, "DeleteAlias", "john john", []string{"shadowed-alias mailbox john"}},
	{[]string{"john > john", "john > jack"}, "DeleteAlias", "john john", []string{"shadowed-alias mailbox john", "alias-loop john > jack"}},
	{[]string{"john > john", "john > md5"}, "DeleteAlias", "john md5", nil},
	{[]string{"info > jack"}, "DeleteAliases", "jack", []string{"dangling-alias info > jack"}},

	{nil, "RenameUser", "john jim", nil},
	{[]string{"@example.net > @example.org", "info > john@example.net"}, "RenameUser", "john jim", []string{"dangling-alias info > john@example.net"}},

	{nil, "RenameDomain", "example.org example.com", nil},
	{[]string{"info > nobody@example.com"}, "RenameDomain", "example.org example.com", []string{"dangling-alias info@example.com > nobody@example.com"}},
	{[]string{"info > John@example.com"}, "RenameDomain", "example.org example.com", nil},

	{[]string{"info@example.net > john"}, "DeleteDomain", "example.org", []string{"external-destination info@example.net > john"}},
}

func TestWarnings(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'example.net')")
		full := func(text string) string { // in example.org, unless it is elsewhere or has no domain
			switch {
			case strings.HasPrefix(text, "|"):
				return text[1:]
			case text == "@" || !strings.Contains(text, "@") && !strings.HasPrefix(text, "example."):
				return strings.TrimSuffix(text, "@") + "@example.org"
			}
			return text
		}
		for _, c := range changings {
			_ = store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
				for _, alias := range c.before {
					source, destination, _ := strings.Cut(alias, " > ")
					domain := 1
					if strings.HasSuffix(source, "@example.net") {
						domain = 2
					}
					_, err := tx.DB().ExecContext(ctx, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (?, ?, ?)", domain, full(source), full(destination))
					require.NoError(t, err)
				}
				args := strings.Fields(c.args)
				for i := range args {
					args[i] = full(args[i])
				}
				var warnings []ispmail.Warning
				var err error
				switch c.change {
				case "CreateAlias":
					_, warnings, err = tx.CreateAlias(ctx, args[0], args[1])
				case "ChangeAlias":
					_, warnings, err = tx.ChangeAlias(ctx, args[0], args[1], args[2])
				case "SetAliases":
					_, warnings, err = tx.SetAliases(ctx, args[0], args[1:]...)
				case "CreateUser":
					_, warnings, err = tx.CreateUser(ctx, args[0], "a long enough secret")
				case "DeleteUser":
					warnings, err = tx.DeleteUser(ctx, args[0])
				case "DeleteAlias":
					warnings, err = tx.DeleteAlias(ctx, args[0], args[1])
				case "DeleteAliases":
					warnings, err = tx.DeleteAliases(ctx, args[0])
				case "RenameUser":
					_, warnings, err = tx.RenameUser(ctx, args[0], args[1])
				case "RenameDomain":
					_, warnings, err = tx.RenameDomain(ctx, args[0], args[1])
				case "DeleteDomain":
					warnings, err = tx.DeleteDomain(ctx, args[0])
				}
				require.NoError(t, err, c)
				assert.ElementsMatch(t, c.want, inShort(warnings), "%v", c)
				for _, w := range warnings {
					assert.Contains(t, w.Message, strings.TrimPrefix(w.Address, "@"))
					assert.NotRegexp(t, `\.$|[A-Z][a-z]+\(|%!`, w.Message)
				}
				return context.Canceled // the next one begins anew
			})
		}
	})
}

// TestWarningCost counts the statements of changes without anything to warn of: two more for an alias to a mailbox than without
// warnings, one more for a user. Each change reads the id of the row that it added.
func TestWarningCost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		watched, take := dbtest.Watch(db)
		store := watched.Store(t, ispmail.Config{})
		require.NoError(t, errorOf(store.CreateAlias(t.Context(), "first@example.org", "john@example.org")))
		require.NoError(t, errorOf(store.CreateUser(t.Context(), "first.user@example.org", "a long enough secret")))
		reads := func(do func() error) string {
			take()
			require.NoError(t, do())
			n := map[string]int{}
			for _, statement := range take() {
				for _, table := range []string{"virtual_domains", "virtual_users", "virtual_aliases"} {
					if strings.HasPrefix(statement, "SELECT") && strings.Contains(statement, "FROM "+table) {
						n[table]++
					}
				}
			}
			return fmt.Sprintf("%d domains, %d users, %d aliases", n["virtual_domains"], n["virtual_users"], n["virtual_aliases"])
		}
		assert.Equal(t, "1 domains, 1 users, 2 aliases", reads(func() error { return errorOf(store.CreateAlias(t.Context(), "a@example.org", "john@example.org")) }))
		assert.Equal(t, "1 domains, 1 users, 2 aliases", reads(func() error { return errorOf(store.CreateAlias(t.Context(), "john@example.org", "john@example.org")) }))
		assert.Equal(t, "2 domains, 1 users, 2 aliases", reads(func() error { return errorOf(store.CreateAlias(t.Context(), "b@example.org", "x@elsewhere.example")) }))
		assert.Equal(t, "1 domains, 3 users, 1 aliases", reads(func() error {
			return errorOf(store.CreateUser(t.Context(), "jane@example.org", "a long enough secret"))
		}))
	})
}

// TestStateWarnings passes by what is switched off.
func TestStateWarnings(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		ctx := t.Context()
		store := withState(t, db, ispmail.Config{})
		db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination, active) VALUES "+
			"(2, 1, 'john@example.org', 'john@example.org', 0), (3, 1, 'jane@example.org', 'john@example.org', 0), (4, 1, 'off@example.org', 'john@example.org', 0)")
		_, warnings, err := store.CreateAlias(ctx, "john@example.org", "off@example.org")
		require.NoError(t, err)
		assert.Equal(t, []string{"shadowed-alias mailbox john", "dangling-alias john > off"}, inShort(warnings), "the copy is off, and so is the next alias")
		_, warnings, err = store.CreateUser(ctx, "jane@example.org", "a long enough secret")
		require.NoError(t, err)
		assert.Empty(t, warnings, "her alias is off")
		db.Exec(t, "UPDATE virtual_users SET active = 0 WHERE id = 2")
		_, warnings, err = store.CreateAlias(ctx, "md5@example.org", "jane@example.org")
		require.NoError(t, err)
		assert.Empty(t, warnings, "nobody gets mail there anyway")
		_, warnings, err = store.CreateAlias(ctx, "info@example.org", "md5+x@example.org")
		require.NoError(t, err)
		assert.Empty(t, warnings)
		warnings, err = store.DeleteUser(ctx, "john@example.org")
		require.NoError(t, err)
		assert.Equal(t, []string{"dangling-alias jack > john", "remaining-alias john > off"}, inShort(warnings))
	})
}
