package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

const (
	token    = "0123456789abcdef0123456789abcdef"
	password = "correct horse battery staple"
)

// each runs a test on both databases, with the tables of outbox.sql.
func each(t *testing.T, test func(t *testing.T, db *ispmailtest.Database, c client)) {
	t.Helper()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		for _, s := range outboxSQL(t, "CREATE TABLE|INSERT") {
			db.Exec(t, s)
		}
		test(t, db, program(t, db))
	})
}

// A client asks a program of its own.
type client struct {
	store *ispmail.Store
	api   http.Handler
}

func program(t *testing.T, db *ispmailtest.Database) client {
	t.Helper()
	hasher, err := hash.New(hash.Config{Rounds: 1000})
	require.NoError(t, err)
	store := db.Store(t, ispmail.Config{Hasher: hasher})
	return client{store, newAPI(store, slog.New(slog.DiscardHandler), token)}
}

func (c client) ask(t *testing.T, method, path, body, authorization string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", authorization)
	w := httptest.NewRecorder()
	c.api.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

// do asks for what must work. On SQLite, a busy machine may have nothing changed in time: then it asks again.
func (c client) do(t *testing.T, method, path, body string) string {
	t.Helper()
	status, text := c.ask(t, method, path, body, "Bearer "+token)
	for tries := 0; status == http.StatusServiceUnavailable && tries < 20; tries++ {
		status, text = c.ask(t, method, path, body, "Bearer "+token)
	}
	assert.Equal(t, http.StatusOK, status, "%s %s: %s", method, path, text)
	return text
}

// events returns the events after an id, whose ids must have no gap.
func (c client) events(t *testing.T, after int64) (list []event) {
	t.Helper()
	assert.NoError(t, json.Unmarshal([]byte(c.do(t, "GET", fmt.Sprintf("/events?after=%d", after), "")), &list))
	for i, e := range list {
		assert.Equal(t, after+int64(i)+1, e.ID)
	}
	return list
}

// exported is everything in the three tables.
func (c client) exported(t *testing.T) (list []string) {
	t.Helper()
	for record, err := range c.store.Export(t.Context()) {
		require.NoError(t, err)
		text, err := json.Marshal(record)
		require.NoError(t, err)
		if record.User != nil {
			text = append(text, record.User.Password.Reveal()...)
		}
		list = append(list, string(text))
	}
	return list
}

// TestLife is that of an account, from its domain on.
func TestLife(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *ispmailtest.Database, c client) {
		c.do(t, "PUT", "/domains/Example.org", "")
		assert.JSONEq(t, `[]`, c.do(t, "GET", "/users?domain=example.org", ""))
		text := c.do(t, "PUT", "/users/John@Example.org", `{"password": "`+password+`"}`)
		assert.JSONEq(t, `{"user": {"id": 1, "domain_id": 1, "email": "john@example.org", "quota": 0}}`, text)
		_, err := c.store.Authenticate(t.Context(), "john@example.org", password)
		require.NoError(t, err)
		stored := db.Stored(t, "john@example.org")

		c.do(t, "POST", "/users/john@example.org/lock", "")
		assert.Contains(t, c.do(t, "GET", "/users?domain=example.org", ""), `"locked":true`)
		_, err = c.store.Authenticate(t.Context(), "john@example.org", password)
		require.ErrorIs(t, err, ispmail.ErrBadCredentials)
		c.do(t, "POST", "/users/john@example.org/unlock", "{}")
		assert.JSONEq(t, `[{"id": 1, "email": "john@example.org", "quota": 0, "locked": false}]`, c.do(t, "GET", "/users?domain=EXAMPLE.org", ""))

		c.do(t, "PUT", "/aliases/jack@example.org", `{"destinations": ["john@example.org", "jack@example.net"]}`)
		c.do(t, "PUT", "/aliases/@example.org", `{"destinations": ["john@example.org"]}`)
		c.do(t, "DELETE", "/aliases/@example.org", "")
		assert.Contains(t, c.do(t, "POST", "/users/john@example.org/rename", `{"to": "a/b@example.org"}`), `"email":"a/b@example.org"`)
		_, err = c.store.Authenticate(t.Context(), "a/b@example.org", password)
		require.NoError(t, err)
		assert.JSONEq(t, `[{"id": 1, "name": "example.org", "users": 1, "aliases": 2}]`, c.do(t, "GET", "/domains", ""))
		c.do(t, "DELETE", "/aliases/jack@example.org", "")
		assert.Contains(t, c.do(t, "PUT", "/aliases/info@example.org", `{"destinations": ["a/b@example.org", "Me@example.net"]}`), `"destination":"Me@`)
		assert.Contains(t, c.do(t, "DELETE", "/users/a%2Fb@example.org", ""), `"warnings":[{"code":"dangling-alias","address":"info@example.org",`)
		assert.JSONEq(t, `[]`, c.do(t, "GET", "/users?domain=example.org", ""))

		var events []string
		for _, e := range c.events(t, 0) {
			assert.NotContains(t, string(e.Data), stored)
			assert.NotContains(t, string(e.Data), password)
			events = append(events, e.Kind+" "+e.Name)
		}
		assert.Equal(t, []string{
			"domain.created example.org", "user.created john@example.org", "user.locked john@example.org",
			"user.unlocked john@example.org", "alias.set jack@example.org", "alias.set @example.org", "alias.deleted @example.org",
			"user.renamed john@example.org", "alias.deleted jack@example.org", "alias.set info@example.org", "user.deleted a/b@example.org",
		}, events)
		assert.Contains(t, string(c.events(t, 7)[0].Data), "a/b@example.org")
	})
}

// TestRefused expects that what is refused changes nothing and is no event.
func TestRefused(t *testing.T) {
	t.Parallel()
	john, good := "/users/john@example.org", `{"password": "`+password+`"`
	tests := []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"PUT", "/users/jo%20hn@example.org", good + `}`, 422, `"field":"address","reason":"the part before the @ has`},
		{"PUT", "/users/jane@example.net", good + `}`, 422, `no`},
		{"PUT", "/users/JOHN@example.org", good + `}`, 409, `exists`},
		{"PUT", "/users/new@example.org", `{}`, 422, `invalid password: it is empty`},
		{"PUT", "/users/new@example.org", "", 422, `invalid password: it is empty`},
		{"PUT", "/users/new@example.org", good + `, "admin": true}`, 400, `unknown field`},
		{"PUT", "/users/new@example.org", good + `} {}`, 400, `one JSON object`},
		{"PUT", "/users/new@example.org", good, 400, `one JSON object`},
		{"PUT", "/users/new@example.org", `{"Password": "\ud800 is no character"}`, 422, `invalid password: it is not UTF-8`},
		{"PUT", "/users/new@example.org", "{\"Password\": \"\xff is no UTF-8 either\"}", 422, `invalid password: it is not UTF-8`},
		{"PUT", "/users/new@example.org", `{"Password": "` + password + `\n"}`, 422, `invalid password: it holds a line end`},
		{"PUT", "/users/new@example.org", `{"Password": "\ufeff` + password + `"}`, 422, `invalid password: it holds a line end`},
		{"PUT", "/users/new@example.org", `[]`, 400, `one JSON object`},
		{"PUT", "/users/new@example.org", good + strings.Repeat(" ", 512<<10) + `}`, 400, `too large`},
		{"PUT", "/domains/-", "", 422, `"field":"domain"`},
		{"PUT", "/domains/example.org", "", 409, `exists`},
		{"POST", john + "/rename", `{}`, 422, `"field":"new address"`},
		{"POST", john + "/rename", `{"to": "md5@example.org"}`, 409, `exists`},
		{"POST", john + "/rename", `{"to": "john@example.net"}`, 422, `domain`},
		{"POST", john + "/unlock", "", 409, `not locked`},
		{"POST", john + "/lock", `{"for": "ever"}`, 400, `unknown field`},
		{"DELETE", "/users/jane@example.org", "", 404, `not found`},
		{"PUT", "/aliases/jack@example.org", `{}`, 422, `"field":"destination"`},
		{"PUT", "/aliases/jack@example.org", `{"destinations": ["jane@example.net", "-"]}`, 422, `"field":"destination"`},
		{"PUT", "/aliases/jack@example.org", `{"destinations": ["jack@example.org"]}`, 422, `loop`},
		{"PUT", "/aliases/jack", `{"destinations": ["jane@example.net"]}`, 422, `"field":"source"`},
		{"DELETE", "/aliases/nobody@example.org", "", 404, `not found`},
		{"GET", "/users", "", 422, `"field":"domain"`},
		{"GET", "/users?domian=example.org", "", 422, `"field":"domain"`},
		{"GET", "/users?domain=%zz", "", 422, `"field":"domain"`},
		{"GET", "/users?domain=example.net", "", 404, `not found`},
		{"GET", "/users?domain=example.org&limit=0", "", 400, `limit`},
		{"GET", "/users?domain=example.org&limit=1001", "", 400, `limit`},
		{"GET", "/users?domain=example.org&after=x", "", 400, `after`},
		{"GET", "/events", "", 400, `after`},
	}
	each(t, func(t *testing.T, db *ispmailtest.Database, c client) {
		db.Example(t)
		before := c.exported(t)
		for _, test := range tests {
			name := fmt.Sprintf("%s %s %.80s", test.method, test.path, test.body)
			status, text := c.ask(t, test.method, test.path, test.body, "Bearer "+token)
			assert.Equal(t, test.status, status, "%s: %s", name, text)
			assert.Contains(t, text, test.want, name)
			assert.NotContains(t, text, password)
		}
		for _, wrong := range []string{"", "Bearer", "Bearer ", "Bearer " + token[1:], "Bearer " + token + "0", "Basic " + token, token} {
			status, _ := c.ask(t, "PUT", "/domains/example.com", "", wrong)
			assert.Equal(t, http.StatusUnauthorized, status, wrong)
		}
		assert.Equal(t, before, c.exported(t))
		assert.Empty(t, c.events(t, 0))
	})
}

// TestTogether expects that a change is undone with its event, and an event with its change.
func TestTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *ispmailtest.Database, c client) {
		db.Example(t)
		before := c.exported(t)
		// The change fails after an event was written.
		a := &api{store: c.store, log: slog.New(slog.DiscardHandler)}
		a.change("POST /both/{name}", ispmail.Canonical, "both", func(ch change) (any, error) {
			require.NoError(t, ch.tx.Lock(ch.ctx, ch.name))
			require.NoError(t, ch.writeEvent("first", nil))
			return ch.tx.CreateDomain(ch.ctx, "example.org")
		})
		status, _ := client{api: a}.ask(t, "POST", "/both/john@example.org", "", "")
		assert.Equal(t, http.StatusConflict, status)
		assert.Equal(t, before, c.exported(t))
		assert.Empty(t, c.events(t, 0))

		db.Exec(t, "DROP TABLE outbox")
		for _, r := range [][3]string{
			{"PUT", "/users/jane@example.org", `{"password": "` + password + `"}`},
			{"PUT", "/aliases/jack@example.org", `{"destinations": ["jack@example.net"]}`},
			{"POST", "/users/john@example.org/rename", `{"to": "jane@example.org"}`},
			{"DELETE", "/users/john@example.org", ""},
		} {
			status, text := c.ask(t, r[0], r[1], r[2], "Bearer "+token)
			assert.Equal(t, http.StatusInternalServerError, status)
			assert.JSONEq(t, `{"error":"internal error"}`, text)
		}
		assert.Equal(t, before, c.exported(t))
	})
}

// TestConcurrent has two daemons change the same domain, while somebody follows the events and misses none.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	const workers, rounds = 4, 10
	each(t, func(t *testing.T, db *ispmailtest.Database, c client) {
		db.Example(t)
		programs := []client{c, program(t, db)}
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := range rounds {
					p := programs[w%len(programs)]
					p.do(t, "PUT", fmt.Sprintf("/users/user%d-%d@example.org", w, i), `{"password": "`+password+`"}`)
					p.do(t, "PUT", "/aliases/team@example.org", fmt.Sprintf(`{"destinations": ["a%d@example.net", "b%d@example.net"]}`, w, w))
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		seen := int64(0)
		for last := false; !last; {
			select {
			case <-done:
				last = true
			default:
			}
			seen += int64(len(c.events(t, seen)))
		}
		assert.EqualValues(t, 2*workers*rounds, seen)
		team, err := c.store.AliasesOf(t.Context(), "team@example.org")
		require.NoError(t, err)
		assert.Len(t, team, 2)
		n, err := c.store.CountUsers(t.Context(), ispmail.Query{Search: "user"})
		require.NoError(t, err)
		assert.Equal(t, workers*rounds, n)
	})
}

// TestPages pages through the users of one domain of two.
func TestPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ *ispmailtest.Database, c client) {
		for _, domain := range []string{"example.org", "example.net"} {
			c.do(t, "PUT", "/domains/"+domain, "")
			for i := range 7 {
				c.do(t, "PUT", fmt.Sprintf("/users/user%d@%s", i, domain), `{"password": "`+password+`"}`)
			}
		}
		pages := func(query string) (emails []string) {
			for after := int64(0); ; {
				var page []struct {
					ID    int64
					Email string
				}
				require.NoError(t, json.Unmarshal([]byte(c.do(t, "GET", fmt.Sprintf("/users?domain=example.net&limit=3&after=%d&%s", after, query), "")), &page))
				require.LessOrEqual(t, len(page), 3)
				if len(page) == 0 {
					return emails
				}
				for _, u := range page {
					emails, after = append(emails, u.Email), u.ID
				}
			}
		}
		all := pages("")
		require.Len(t, all, 7)
		assert.Equal(t, "user6@example.net", all[6])
		assert.Equal(t, []string{"user3@example.net"}, pages("search=USER3"))
	})
}

// TestNoTables expects that the daemon leaves the three tables to package ispmail.
func TestNoTables(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"main.go", "api.go"} {
		text, err := os.ReadFile(file) //nolint:gosec // of this folder
		require.NoError(t, err)
		assert.NotContains(t, string(text), "virtual_", file)
	}
}
