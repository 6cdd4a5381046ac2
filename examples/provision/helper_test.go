package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
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

// An answer is what the API said.
type answer struct {
	status int
	text   string
}

// A client asks a handler.
type client struct {
	handler http.Handler
	token   string
}

func (c client) ask(t *testing.T, method, path, body string) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+c.token)
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	return answer{w.Code, strings.TrimSpace(w.Body.String())}
}

// do asks for what must work.
func (c client) do(t *testing.T, method, path, body string) string {
	t.Helper()
	a := c.ask(t, method, path, body)
	require.Less(t, a.status, 300, "%s %s: %s", method, path, a.text)
	return a.text
}

// rowsOf returns the rows of an answer.
func rowsOf[T any](t *testing.T, text string) (list []T, next int64) {
	t.Helper()
	var p struct {
		Rows []T
		Next int64
	}
	require.NoError(t, json.Unmarshal([]byte(text), &p), text)
	require.NotNil(t, p.Rows, text)
	return p.Rows, p.Next
}

// program starts another program on the database, with connections of its own.
func program(t *testing.T, db *ispmailtest.Database) (client, *ispmail.Store) {
	t.Helper()
	dsn := db.DSN
	if !strings.HasPrefix(dsn, "file:") {
		c, err := mysql.ParseDSN(dsn)
		require.NoError(t, err)
		// Machines that run tests are busy.
		c.Params = map[string]string{"innodb_lock_wait_timeout": "50", "max_statement_time": "60"}
		dsn = c.FormatDSN()
	}
	hasher, err := hash.New(hash.Config{Rounds: 1000})
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	store, closeStore, err := open(t.Context(), dsn, ispmail.Config{Hasher: hasher, Logger: log, Timeout: time.Minute})
	require.NoError(t, err)
	t.Cleanup(closeStore)
	require.NoError(t, createOutbox(t.Context(), store.DB()))
	return client{admit(token, newAPI(store, log)), token}, store
}

// exported is everything in the three tables.
func exported(t *testing.T, store *ispmail.Store) (list []string) {
	t.Helper()
	for record, err := range store.Export(t.Context()) {
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

// kindsOf lists all events, whose ids must be 1, 2, 3 and so on.
func kindsOf(t *testing.T, c client) (list []string) {
	t.Helper()
	rows, _ := rowsOf[event](t, c.do(t, "GET", "/events?limit=1000", ""))
	for i, e := range rows {
		assert.EqualValues(t, i+1, e.ID)
		list = append(list, strings.TrimSpace(e.Kind+" "+e.Name+" "+e.To))
	}
	return list
}
