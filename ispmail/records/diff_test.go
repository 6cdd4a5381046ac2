package records_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/ispmail/records"
)

func diff(t *testing.T, before, after []ispmail.Record) (all []string) {
	t.Helper()
	for d, err := range records.Diff(dbtest.Sequence(nil, before...), dbtest.Sequence(nil, after...)) {
		require.NoError(t, err)
		text := fmt.Sprintln(d.Kind, d.Record, d.Fields)
		assert.NotContains(t, text, "{PLAIN}")
		all = append(all, text[:len(text)-1])
	}
	return all
}

func TestDiff(t *testing.T) {
	t.Parallel()
	user := func(email, stored string, quota *int64) ispmail.Record {
		return ispmail.Record{User: &ispmail.User{Email: email, Password: ispmail.NewSecret(stored), Quota: quota}}
	}
	alias := func(source, destination string) ispmail.Record {
		return ispmail.Record{Alias: &ispmail.Alias{Source: source, Destination: destination}}
	}
	domain := func(id int64, name string) ispmail.Record {
		return ispmail.Record{Domain: &ispmail.Domain{ID: id, Name: name}}
	}
	before := []ispmail.Record{
		domain(1, "example.org"), domain(2, "gone.example"), domain(3, "müller.example"),
		user("john@example.org", "{PLAIN}a", new(int64(1))), user("jane@example.org", "{PLAIN}a", nil), user("Jim@example.org", "{PLAIN}a", new(int64(1))),
		alias("jack@example.org", "john@example.org"), alias("team@example.org", "a@example.org, B@example.org"), alias("twice@example.org", "a@example.org"), alias("twice@example.org", "a@example.org"),
	}
	assert.Empty(t, diff(t, before, before))
	assert.Empty(t, diff(t, nil, nil))
	after := []ispmail.Record{
		domain(9, "example.org"), domain(3, "xn--mller-kva.example"), domain(4, "new.example"),
		user("john@example.org", "{PLAIN}b", new(int64(2))), user("jane@example.org", "{PLAIN}a", new(int64(5))), user("jim@example.org", "{PLAIN}a", new(int64(1))),
		alias("team@example.org", "b@example.org a@example.org"), alias("twice@example.org", "a@example.org"), alias("jack@example.org", "jane@example.org"),
	}
	assert.Equal(t, []string{
		"removed domain gone.example []", "changed domain xn--mller-kva.example [name]", "changed user john@example.org [password quota]", "changed user jim@example.org [email]",
		"removed alias from jack@example.org to john@example.org []", "removed alias from twice@example.org to a@example.org []",
		"added domain new.example []", "added alias from jack@example.org to jane@example.org []",
	}, diff(t, before, after))

	broken := errors.New("broken")
	for _, pair := range [][2]error{{broken, nil}, {nil, broken}} {
		var last error
		for _, err := range records.Diff(dbtest.Sequence(pair[0], before...), dbtest.Sequence(pair[1], after...)) {
			last = err
		}
		require.ErrorIs(t, last, broken)
	}
}

// TestDiffOfDatabases compares a database with a copy of it.
func TestDiffOfDatabases(t *testing.T) {
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		t.Parallel()
		db.Example(t)
		store, copied := db.Store(t, ispmail.Config{}), ispmailtest.SQLite(t).Store(t, ispmail.Config{})
		require.NoError(t, copied.Restore(t.Context(), store.Export(t.Context())))
		for d, err := range records.Diff(store.Export(t.Context()), copied.Export(t.Context())) {
			t.Errorf("there is no difference, but %v, %v", d, err)
		}
		require.NoError(t, copied.SetPassword(t.Context(), "john@example.org", "a long enough secret"))
		n := 0
		for d, err := range records.Diff(store.Export(t.Context()), copied.Export(t.Context())) {
			require.NoError(t, err)
			assert.Equal(t, records.Changed, d.Kind)
			assert.Equal(t, []string{"password"}, d.Fields)
			n++
		}
		assert.Equal(t, 1, n)
	})
}
