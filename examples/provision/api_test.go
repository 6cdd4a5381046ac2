package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestLife is that of an account, from its domain on.
func TestLife(t *testing.T) {
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		c, store := program(t, db)
		assert.JSONEq(t, `{"rows": []}`, c.do(t, "GET", "/domains", ""))
		c.do(t, "POST", "/domains", `{"name": "Example.org"}`)
		text := c.do(t, "POST", "/users", `{"email": "John@Example.org", "password": "`+password+`", "quota": 1000}`)
		assert.JSONEq(t, `{"id": 1, "domain_id": 1, "email": "john@example.org", "quota": 1000, "locked": false}`, text)
		_, err := store.Authenticate(t.Context(), "john@example.org", password)
		require.NoError(t, err)

		assert.Contains(t, c.do(t, "POST", "/users/john@example.org/lock", ""), `"locked":true`)
		_, err = store.Authenticate(t.Context(), "john@example.org", password)
		require.ErrorIs(t, err, ispmail.ErrBadCredentials)
		assert.Equal(t, http.StatusConflict, c.ask(t, "POST", "/users/john@example.org/lock", "").status)
		assert.Contains(t, c.do(t, "POST", "/users/john@example.org/unlock", "{}"), `"locked":false`)
		assert.Equal(t, http.StatusConflict, c.ask(t, "POST", "/users/john@example.org/unlock", "").status)

		text = c.do(t, "PUT", "/aliases/jack@example.org", `{"destinations": ["john@example.org", "jack@example.net"]}`)
		set, _ := rowsOf[ispmail.Alias](t, text)
		require.Len(t, set, 2)
		assert.Equal(t, text, c.do(t, "GET", "/aliases/jack@example.org", ""))
		set, _ = rowsOf[ispmail.Alias](t, c.do(t, "PUT", "/aliases/jack@example.org", `{"destinations": ["john@example.org"]}`))
		require.Len(t, set, 1)

		assert.Contains(t, c.do(t, "PUT", "/users/john@example.org/address", `{"to": "a/b@example.org"}`), `"email":"a/b@example.org"`)
		c.do(t, "PUT", "/users/a%2Fb@example.org/password", `{"password": "another good password"}`)
		_, err = store.Authenticate(t.Context(), "a/b@example.org", "another good password")
		require.NoError(t, err)
		assert.Contains(t, c.do(t, "POST", "/users/a%2Fb@example.org/quota", `{"add": -400}`), `"quota":600`)
		assert.JSONEq(t, `{"rows": [{"id": 1, "name": "example.org", "users": 1, "aliases": 1}]}`, c.do(t, "GET", "/domains", ""))

		set, _ = rowsOf[ispmail.Alias](t, c.do(t, "DELETE", "/users/a%2Fb@example.org", ""))
		require.Len(t, set, 1)
		assert.Equal(t, "jack@example.org", set[0].Source)
		assert.Equal(t, http.StatusNotFound, c.ask(t, "DELETE", "/users/a%2Fb@example.org", "").status)
		assert.JSONEq(t, `{"rows": []}`, c.do(t, "GET", "/users", ""))

		assert.Equal(t, []string{
			"domain.created example.org", "user.created john@example.org", "user.locked john@example.org",
			"user.unlocked john@example.org", "alias.set jack@example.org", "alias.set jack@example.org",
			"user.renamed john@example.org a/b@example.org", "user.password a/b@example.org",
			"user.quota a/b@example.org", "user.deleted a/b@example.org",
		}, kindsOf(t, c))
	})
}

// TestRefused expects that what is refused changes nothing and is no event.
func TestRefused(t *testing.T) {
	t.Parallel()
	john, body := "/users/john@example.org", `{"email": "new@example.org", "password": "`+password+`"`
	tests := []struct {
		method, path, body string
		status             int
		want               string
	}{
		// addresses
		{"POST", "/users", `{"email": "jo hn@example.org", "password": "x"}`, 422, `"error":"invalid-address"`},
		{"POST", "/users", `{"email": "jo hn@example.org", "password": "x"}`, 422, `"field":"address","reason":"`},
		{"POST", "/users", `{"password": "x"}`, 422, `"field":"address"`},
		{"POST", "/users", `{"email": "jane@example.net", "password": "x"}`, 422, `"error":"no-domain"`},
		{"POST", "/users", `{"email": "JOHN@example.org", "password": "x"}`, 409, `"error":"exists"`},
		{"POST", "/domains", `{"name": "-"}`, 422, `"field":"domain"`},
		{"POST", "/domains", `{"name": "example.org"}`, 409, `"error":"exists"`},
		{"PUT", john + "/address", `{"to": "john"}`, 422, `"field":"new address"`},
		{"PUT", john + "/address", `{"to": "md5@example.org"}`, 409, `"error":"exists"`},
		{"PUT", john + "/address", `{"to": "jack@example.org"}`, 409, `"error":"exists"`}, // an alias
		{"PUT", john + "/address", `{"to": "john@example.org"}`, 409, `"error":"exists"`},
		{"PUT", john + "/address", `{"to": "john@example.net"}`, 422, `"error":"no-domain"`},
		{"PUT", "/users/jane@example.org/address", `{"to": "j@example.org"}`, 404, `"error":"not-found"`},
		{"PUT", "/aliases/jack@example.org", `{}`, 422, `"field":"destination"`},
		{"PUT", "/aliases/jack@example.org", `{"destinations": ["jane@example.net", "-"]}`, 422, `"field":"destination"`},
		{"PUT", "/aliases/jack", `{"destinations": ["jane@example.net"]}`, 422, `"field":"source"`},
		{"PUT", "/aliases/jack@example.org", `{"destinations": ["jack@example.org"]}`, 422, `"error":"alias-loop"`},
		{"GET", "/aliases/jack", "", 422, `"field":"source"`},
		// passwords and quotas
		{"POST", "/users", `{"email": "new@example.org"}`, 422, `"error":"invalid-password"`},
		{"POST", "/users", `{"email": "new@example.org", "password": "` + strings.Repeat("x", 512) + `"}`, 422, `"error":"invalid-password"`},
		{"PUT", john + "/password", `{"password": "\ud800"}`, 422, `"error":"invalid-password"`}, // half a character
		{"PUT", john + "/password", "{\"password\": \"\xff\"}", 422, `"error":"invalid-password"`},
		{"POST", "/users", body + `, "quota": -1}`, 422, `"error":"too-long"`}, // after the user was added
		{"POST", john + "/quota", `{"add": 1}`, 409, `"error":"no-limit"`},
		{"POST", john + "/quota", `{}`, 400, `"error":"bad-request"`},
		{"POST", "/users/md5@example.org/quota", `{"add": -1000}`, 409, `"error":"no-limit"`},
		{"POST", "/users/md5@example.org/quota", `{"add": 9223372036854775807}`, 409, `"error":"no-limit"`},
		// requests
		{"POST", "/users", body + `, "admin": true}`, 400, `unknown field \"admin\"`},
		{"POST", "/users", body + `} {}`, 400, `"error":"bad-request"`},
		{"POST", "/users", body, 400, `"error":"bad-request"`},
		{"POST", "/users", `[]`, 400, `"error":"bad-request"`},
		{"POST", john + "/lock", `{"for": "ever"}`, 400, `"error":"bad-request"`},
		{"POST", "/users", body + strings.Repeat(" ", maxBody) + `}`, 413, `"error":"too-large"`},
		{"POST", "/users", body + `}` + strings.Repeat(" ", maxBody), 413, `"error":"too-large"`},
		{"GET", "/users?domain=", "", 422, `"field":"domain"`},
		{"GET", "/users?domain=example.net", "", 404, `"error":"not-found"`},
		{"GET", "/users?domian=example.org", "", 400, `"error":"bad-request"`},
		{"GET", "/users?domain=example.org&domain=example.net", "", 400, `"error":"bad-request"`},
		{"GET", "/users?limit=0", "", 400, `"error":"bad-request"`},
		{"GET", "/users?limit=1001", "", 400, `"error":"bad-request"`},
		{"GET", "/users?after=x", "", 400, `"error":"bad-request"`},
		{"GET", "/users?after=%zz", "", 400, `"error":"bad-request"`},
		{"GET", "/events?search=x", "", 400, `"error":"bad-request"`},
		{"GET", "/nothing", "", 404, ""},
		{"PATCH", "/users", "", 405, ""},
	}
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		db.Example(t)
		c, store := program(t, db)
		require.NoError(t, store.SetQuota(t.Context(), "md5@example.org", 1000))
		before := exported(t, store)
		for _, test := range tests {
			got := c.ask(t, test.method, test.path, test.body)
			name := fmt.Sprintf("%s %s %.80s", test.method, test.path, test.body)
			assert.Equal(t, test.status, got.status, "%s: %s", name, got.text)
			assert.Contains(t, got.text, test.want, name)
			assert.NotContains(t, got.text, password)
		}
		assert.Equal(t, before, exported(t, store))
		assert.Empty(t, kindsOf(t, c))
		c.do(t, "POST", "/domains", `{"name": "example.com"}`)
		assert.Len(t, kindsOf(t, c), 1) // its id is 1: what was refused took none
	})
}

// TestPages pages through the users.
func TestPages(t *testing.T) {
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		c, _ := program(t, db)
		for _, name := range []string{"example.org", "example.net"} {
			c.do(t, "POST", "/domains", `{"name": "`+name+`"}`)
			for i := range 7 {
				c.do(t, "POST", "/users", fmt.Sprintf(`{"email": "user%d@%s", "password": "%s"}`, i, name, password))
			}
		}
		pages := func(query string) (emails []string, pages int) {
			for after := int64(0); ; pages++ {
				users, next := rowsOf[user](t, c.do(t, "GET", fmt.Sprintf("/users?after=%d&%s", after, query), ""))
				for _, u := range users {
					emails = append(emails, u.Email)
				}
				if next == 0 {
					return emails, pages
				}
				after = next
			}
		}
		all, _ := pages("")
		assert.Len(t, all, 14)
		paged, n := pages("limit=4")
		assert.Equal(t, all, paged)
		assert.Equal(t, 3, n)
		paged, n = pages("limit=3&domain=EXAMPLE.net")
		assert.Equal(t, all[7:], paged)
		assert.Equal(t, 2, n)
		paged, _ = pages("search=USER3&limit=1")
		assert.Equal(t, []string{"user3@example.org", "user3@example.net"}, paged)
		paged, _ = pages("search=user3&domain=example.net")
		assert.Equal(t, []string{"user3@example.net"}, paged)
	})
}
