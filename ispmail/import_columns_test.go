package ispmail_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

func with(r ispmail.Record, columns map[string]any) ispmail.Record {
	r.Columns = columns
	return r
}

// TestImportRecordColumns adds rows with columns of other programs, and refuses those that are there with other values.
func TestImportRecordColumns(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		for _, table := range []string{"virtual_domains", "virtual_users", "virtual_aliases"} {
			db.Exec(t, "ALTER TABLE "+table+" ADD COLUMN Note VARCHAR(20) NOT NULL DEFAULT 'none'")
			db.Exec(t, "ALTER TABLE "+table+" ADD COLUMN n INT NULL")
		}
		john := db.Stored(t, "john@example.org")
		note := func(text string) map[string]any { return map[string]any{"NOTE": text, "n": 7} }
		records := []ispmail.Record{
			with(newDomain("example.org"), map[string]any{"note": "none", "n": nil}), // is there
			with(newDomain("example.net"), note("a")),
			with(newUser("John@example.org", john), map[string]any{"note": "none"}), // is there
			with(newUser("jane@example.org", dbtest.Sound()), note("b")),
			with(newPlain("jim@example.net", "a long enough secret"), note("c")),
			newUser("joe@example.net", dbtest.Sound()),
			with(newAlias("Jack@example.org", "john@example.org"), map[string]any{"n": nil}), // is there
			with(newAlias("jack@example.org", "jane@example.org"), note("d")),
			with(newUser("jane@example.org", dbtest.Sound()), map[string]any{"n": 7}), // comes twice
		}
		before := dbtest.Dump(t, db)
		dry, refused := imported(t, store, ispmail.ImportConfig{DryRun: true}, records...)
		assert.Empty(t, refused)
		assert.Equal(t, before, dbtest.Dump(t, db))
		result, refused := imported(t, store, ispmail.ImportConfig{}, records...)
		assert.Empty(t, refused)
		assert.Equal(t, ispmail.ImportResult{Domains: 1, Users: 3, Aliases: 1, Present: 4}, result)
		assert.Equal(t, result, dry)
		after := dbtest.Dump(t, db)
		for _, part := range []string{"jane@example.org", " {b true} {7 true}]", " {c true} {7 true}]", " {d true} {7 true}]", "example.net true} {a true} {7 true}]", " {none true} { false}]"} {
			assert.Contains(t, after, part)
		}
		result, refused = imported(t, store, ispmail.ImportConfig{}, records...)
		assert.Empty(t, refused)
		assert.Equal(t, ispmail.ImportResult{Present: len(records)}, result, "again")

		others := []ispmail.Record{
			with(newDomain("example.org"), note("x")),
			with(newUser("john@example.org", john), map[string]any{"n": 1}),
			with(newAlias("jack@example.org", "john@example.org"), map[string]any{"note": ""}),
			newDomain("example.com"),
			with(newDomain("example.com"), note("x")), // differs from the one before
			with(newUser("jane@example.com", dbtest.Sound()), note("x")),
			with(newUser("jane@example.com", dbtest.Sound()), note("y")),
			with(newUser("long@example.com", dbtest.Sound()), map[string]any{"n": []int{}}),
			with(newUser("both@example.com", dbtest.Sound()), map[string]any{"n": 1, "N": 1}),
			with(newUser("ours@example.com", dbtest.Sound()), map[string]any{"email": "x"}),
			with(newUser("null@example.com", dbtest.Sound()), map[string]any{"note": nil}),
			with(newUser("good@example.com", dbtest.Sound()), map[string]any{"domain_id": 0, "note": "z"}),
		}
		want := []string{
			"domain example.org: ispmail: already exists: with another value in virtual_domains.n", "user john@example.org: ispmail: already exists: with another value in virtual_users.n",
			"alias from jack@example.org to john@example.org: ispmail: already exists: with another value in virtual_aliases.note",
			"domain example.com: ispmail: already exists: with another value in virtual_domains.n", "user jane@example.com: ispmail: already exists: with another value in virtual_users.note",
			"user long@example.com: ispmail: invalid record: the column n has a value that no column holds: it is of the Go type []int", "user both@example.com: ispmail: invalid record: it has the column n twice",
			"user ours@example.com: ispmail: invalid record: the column email has a field of its own", "user null@example.com: ispmail: value does not fit its column: NULL in virtual_users.note",
		}
		_, refused = imported(t, store, ispmail.ImportConfig{DryRun: true}, others...)
		assert.Equal(t, want, texts(refused))
		result, refused = imported(t, store, ispmail.ImportConfig{}, others...)
		assert.Equal(t, want, texts(refused))
		assert.Equal(t, ispmail.ImportResult{Domains: 1, Users: 2, Refused: len(want)}, result)
	})
}

// TestImportColumnsUnknown ends an import at the first record with a column that the table does not have.
func TestImportColumnsUnknown(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		before := dbtest.Dump(t, db)
		record := with(newUser("jane@example.org", dbtest.Sound()), map[string]any{"maildir": "/x", "Active": 1})
		record.Origin = "line 3"
		for _, dryRun := range []bool{true, false} {
			_, err := store.Import(t.Context(), dbtest.Sequence(nil, newDomain("example.net"), record), ispmail.ImportConfig{DryRun: dryRun})
			require.ErrorIs(t, err, ispmail.ErrSchema)
			require.EqualError(t, err, "line 3, user jane@example.org: ispmail: the tables do not fit: virtual_users.active, virtual_users.maildir: no such column, and the record has a value for it")
			var column *ispmail.ColumnError
			require.ErrorAs(t, err, &column)
			assert.Equal(t, ispmail.ColumnError{Table: "virtual_users", Columns: []string{"active", "maildir"}, Reason: ispmail.ColumnUnknown}, *column)
			assert.Equal(t, before, dbtest.Dump(t, db))
		}
	})
}

// TestImportColumnsChanged refuses the records whose columns would not hold what they say, and adds the others, whether the
// database refuses the value or changes it silently.
func TestImportColumnsChanged(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		kind := "INTEGER CHECK (a < 1000)"
		if strings.Contains(db.DSN, "tcp(") {
			kind = "SMALLINT CHECK (a < 1000)"
		}
		for _, table := range []string{"virtual_domains", "virtual_users", "virtual_aliases"} {
			db.Exec(t, "ALTER TABLE "+table+" ADD COLUMN a "+kind)
		}
		a := func(value any) map[string]any { return map[string]any{"a": value} }
		records := []ispmail.Record{
			with(newDomain("example.net"), a(1)), with(newDomain("example.com"), a("007")),
			with(newUser("a@example.org", dbtest.Sound()), a(1)), with(newUser("b@example.org", dbtest.Sound()), a("007")), with(newUser("c@example.com", dbtest.Sound()), a(1)),
			with(newUser("d@example.org", dbtest.Sound()), a(1000)), with(newUser("e@example.net", dbtest.Sound()), a("5")),
			with(newAlias("f@example.org", "a@example.org"), a("08")), with(newAlias("f@example.org", "e@example.net"), a(2)),
		}
		result, refused := imported(t, store, ispmail.ImportConfig{}, records...)
		assert.Equal(t, ispmail.ImportResult{Domains: 1, Users: 2, Aliases: 1, Refused: 5}, result, texts(refused))
		assert.ErrorContains(t, refused[0], "domain example.com: ispmail: value does not fit its column: virtual_domains.a, which is ")
		require.ErrorIs(t, refused[2], ispmail.ErrNoDomain, "that of a domain that was refused")
		assert.Equal(t, "1", scalar(t, db, "SELECT a FROM virtual_users WHERE email = 'a@example.org'"))
		result, refused = imported(t, store, ispmail.ImportConfig{}, records...)
		assert.Equal(t, ispmail.ImportResult{Present: 4, Refused: 5}, result, texts(refused))
	})
}

// TestUnknownSchemes refuses stored passwords with which no Dovecot could let anybody in.
func TestUnknownSchemes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		before := dbtest.Dump(t, db)
		for _, stored := range []string{
			"{BCRYPT}$2y$10$QVsJqpCuzMpWEw/W.8vIMuKLvOpH6i1cCxys6L3QXt5omTRNF0VJy", "{FOO}bar", "{FOO}*", "{FOO}!x", "{}x", "{NONE}x", "{BCRYPT.HEX}00", "{FOO.B64}Kg==",
		} {
			_, refused := imported(t, store, ispmail.ImportConfig{}, newUser("jane@example.org", stored))
			require.Len(t, refused, 1, stored)
			assert.ErrorContains(t, refused[0], "user jane@example.org: hash: stored value is malformed: the stored password", stored)
			require.ErrorContains(t, store.SetStoredPassword(t.Context(), "john@example.org", stored), "hash: stored value is malformed: the stored password", stored)
			assert.Equal(t, before, dbtest.Dump(t, db), stored)
		}
	})
}

// TestColumnsOfState moves rows that are switched off, by columns that Config.State names, and imports them again.
func TestColumnsOfState(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		for _, table := range []string{"virtual_domains", "virtual_users", "virtual_aliases"} {
			db.Exec(t, "ALTER TABLE "+table+" ADD COLUMN active INT NOT NULL DEFAULT 1")
		}
		db.Exec(t, "UPDATE virtual_users SET active = 0 WHERE id = 1")
		db.Exec(t, "UPDATE virtual_aliases SET active = 0")
		store := db.Store(t, ispmail.Config{State: []string{"active"}})
		file := exported(t, db)
		records := dbtest.Collect(t, store.Export(t.Context()))
		assert.True(t, records[1].User.Off)
		assert.Equal(t, map[string]any{"active": int64(0)}, records[1].Columns)
		result, refused := imported(t, store, ispmail.ImportConfig{}, records...)
		assert.Empty(t, refused)
		assert.Equal(t, ispmail.ImportResult{Present: 4}, result)
		var read []ispmail.Record
		for _, r := range records { // as a file has them
			r.User, r.Alias = withoutOff(r)
			read = append(read, r)
		}
		result, refused = imported(t, store, ispmail.ImportConfig{}, read...)
		assert.Empty(t, refused)
		assert.Equal(t, ispmail.ImportResult{Present: 4}, result)
		db.Exec(t, "UPDATE virtual_users SET active = 1")
		_, refused = imported(t, store, ispmail.ImportConfig{}, read...)
		require.Len(t, refused, 1)
		assert.ErrorContains(t, refused[0], "user john@example.org: ispmail: already exists: with another value in virtual_users.active")
		db.Exec(t, "DELETE FROM virtual_domains")
		require.NoError(t, store.Restore(t.Context(), dbtest.Sequence(nil, records...)))
		assert.Equal(t, file, exported(t, db))
	})
}

func withoutOff(r ispmail.Record) (*ispmail.User, *ispmail.Alias) {
	if r.User != nil {
		user := *r.User
		user.Off = false
		return &user, nil
	}
	if r.Alias != nil {
		alias := *r.Alias
		alias.Off = false
		return nil, &alias
	}
	return nil, nil
}
