package check_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// plant fills an empty database with a few rows without faults, and then runs the statements. In these, SOUND stands for a
// stored password without faults.
func plant(t *testing.T, db *ispmailtest.Database, statements ...string) {
	t.Helper()
	for _, statement := range append([]string{
		"INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org'), (2, 'example.net'), (3, 'xn--mller-kva.de'), (4, 'empty.example')",
		`INSERT INTO virtual_users (id, domain_id, email, password) VALUES (1, 1, 'john@example.org', 'SOUND'),
			(2, 1, 'Jane@Example.org', 'SOUND'), (3, 2, 'jim@example.net', 'SOUND'), (4, 3, 'max@müller.de', 'SOUND')`,
		`INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (1, 1, 'jack@example.org', 'john@example.org'),
			(2, 1, 'jack@example.org', 'JIM@example.net'), (3, 2, 'team@example.net', 'jack@example.org, jim+team@example.net'),
			(4, 3, 'info@xn--mller-kva.de', 'max@müller.de'), (5, 2, 'jim@example.net', 'jim@example.net'),
			(6, 2, 'jim@example.net', 'jane@example.org')`,
	}, statements...) {
		db.Exec(t, strings.ReplaceAll(statement, "SOUND", dbtest.Sound()))
	}
}

// found returns the places at which Run finds a code, and how often it finds each code.
func found(t *testing.T, store *ispmail.Store, code check.Code) (places []string, all map[check.Code]int) {
	t.Helper()
	all = map[check.Code]int{}
	for _, f := range dbtest.Collect(t, check.Run(t.Context(), store, check.Config{})) {
		all[f.Code]++
		if f.Code == code {
			places = append(places, place(f))
		}
		assert.NotRegexp(t, `\$|summersun|secret|%!|\n`, f.Message)
		assert.NotContains(t, f.Message, "14cbfb845af1f030")
		assert.NotEmpty(t, f.Message)
		assert.Contains(t, []check.Severity{check.SeverityError, check.SeverityWarning, check.SeverityInformation}, f.Code.Severity())
	}
	return places, all
}

// place names the table and the row of a finding: "users 11".
func place(f check.Finding) string {
	return fmt.Sprint(strings.TrimPrefix(f.Table, "virtual_"), " ", f.ID)
}

const (
	bare5     = "$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL8" // of no known password
	unsalted  = "{SHA}Ap5TVNW58HqFzaJttpTA9LG+U+8="
	onlyMaria = "MariaDB only"
)

func TestRun(t *testing.T) {
	t.Parallel()
	for _, fault := range faults {
		kinds := map[string]func(testing.TB) *ispmailtest.Database{"MariaDB": ispmailtest.MariaDB, "SQLite": ispmailtest.SQLite}
		if strings.Contains(fault.name, onlyMaria) {
			delete(kinds, "SQLite")
		}
		for kind, open := range kinds {
			t.Run(string(fault.code)+"/"+fault.name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				db := open(t)
				plant(t, db, fault.plant...)
				places, _ := found(t, db.Store(t, ispmail.Config{}), fault.code)
				assert.Equal(t, fault.want, places)
			})
		}
	}
}

func TestRunClean(t *testing.T) {
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		t.Parallel()
		assert.Empty(t, dbtest.Collect(t, check.Run(t.Context(), db.Store(t, ispmail.Config{}), check.Config{})), "no rows")
		plant(t, db)
		assert.Empty(t, dbtest.Collect(t, check.Run(t.Context(), db.Store(t, ispmail.Config{}), check.Config{})))
	})
}

// TestRunLoops checks which loops are found, and that the path of each begins at the alias with the lowest id.
func TestRunLoops(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		aliases []string
		want    map[int64]string
	}{
		"two":        {[]string{"a@example.org > b@example.org", "B@example.org > a@example.org"}, map[int64]string{11: "a@example.org -> b@example.org -> a@example.org"}},
		"itself":     {[]string{"a@example.org > a@example.org", "john@example.org > john@example.org"}, map[int64]string{11: "a@example.org -> a@example.org"}},
		"one of two": {[]string{"a@example.org > john@example.org, b@example.net", "b@example.net > a@example.org"}, map[int64]string{11: "a@example.org -> b@example.net -> a@example.org"}},
		"three, entered from outside": {
			[]string{"out@example.org > c@example.org", "c@example.org > d@example.org", "d@example.org > e@example.org", "e@example.org > c@example.org"},
			map[int64]string{12: "c@example.org -> d@example.org -> e@example.org -> c@example.org"},
		},
		"two loops": {
			[]string{"a@example.org > b@example.org", "c@example.org > d@example.org", "b@example.org > a@example.org", "d@example.org > c@example.org"},
			map[int64]string{11: "a@example.org -> b@example.org -> a@example.org", 12: "c@example.org -> d@example.org -> c@example.org"},
		},
		"loops that lead to loops": {
			[]string{
				"a@example.org > b@example.org, c@example.org", "b@example.org > a@example.org", "c@example.org > d@example.org, e@example.org", "d@example.org > c@example.org",
				"e@example.org > f@example.org, g@example.org", "f@example.org > e@example.org", "g@example.org > h@example.org", "h@example.org > g@example.org",
			},
			map[int64]string{
				11: "a@example.org -> b@example.org -> a@example.org", 13: "c@example.org -> d@example.org -> c@example.org",
				15: "e@example.org -> f@example.org -> e@example.org", 17: "g@example.org -> h@example.org -> g@example.org",
			},
		},
		"over a catch-all":   {[]string{"a@example.org > any@empty.example", "@empty.example > a@example.org"}, map[int64]string{11: "a@example.org -> any@empty.example -> a@example.org"}},
		"catch-alls":         {[]string{"@example.org > x@empty.example", "@empty.example > y@example.org"}, map[int64]string{11: "@example.org -> x@empty.example -> y@example.org"}},
		"catch-all, itself":  {[]string{"@example.org > x@example.org"}, map[int64]string{11: "@example.org -> x@example.org"}},
		"a mailbox ends it":  {[]string{"@example.org > x@empty.example", "@empty.example > john@example.org"}, map[int64]string{}},
		"an alias ends it":   {[]string{"@example.org > x@empty.example", "@empty.example > jack@example.org"}, map[int64]string{}},
		"whole domains":      {[]string{"@example.org > @empty.example", "@empty.example > @example.org"}, map[int64]string{11: "@example.org -> @empty.example -> @example.org"}},
		"own domain":         {[]string{"@example.org > @example.org"}, map[int64]string{11: "@example.org -> @example.org"}},
		"back by a domain":   {[]string{"@empty.example > @example.org", "x@example.org > x@empty.example"}, map[int64]string{12: "x@example.org -> x@empty.example"}},
		"another by domain":  {[]string{"@empty.example > @example.org", "x@example.org > john@empty.example"}, map[int64]string{}},
		"domain and address": {[]string{"@empty.example > @example.org", "@example.org > y@empty.example"}, map[int64]string{12: "@example.org -> y@empty.example"}},
		"extension":          {[]string{"a@example.org > b+x@example.org", "b@example.org > a@example.org"}, map[int64]string{11: "mail that a@example.org sends to b+x@example.org goes on without end: ispmailctl recipients --steps b+x@example.org shows the aliases behind it; ispmailctl alias delete --id 11 deletes this one"}},
		"one way":            {[]string{"a@example.org > b@example.org", "b@example.org > c@example.org", "a@example.org > c@example.org", "c@example.org > john@example.org"}, map[int64]string{}},
		"elsewhere":          {[]string{"a@example.org > a@elsewhere.example"}, map[int64]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.SQLite(t)
			plant(t, db, rows(test.aliases...))
			got := map[int64]string{}
			for _, f := range dbtest.Collect(t, check.Run(t.Context(), db.Store(t, ispmail.Config{}), check.Config{})) {
				if f.Code == check.CodeAliasLoop {
					assert.Equal(t, "virtual_aliases", f.Table)
					assert.NotContains(t, got, f.ID)
					got[f.ID], _, _ = strings.Cut(f.Message, " leads ")
				}
			}
			assert.Equal(t, test.want, got)
		})
	}
}

// TestRunReads runs with no right but SELECT. What the account may not see is not reported.
func TestRunReads(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	plant(t, db, "INSERT INTO virtual_domains (id, name) VALUES (11, 'exa mple.org')")
	old := dbtest.Dump(t, db)
	columns := []string{
		"GRANT SELECT (id, name) ON virtual_domains TO %s", "GRANT SELECT (id, domain_id, email, password) ON virtual_users TO %s",
		"GRANT SELECT (id, domain_id, source, destination) ON virtual_aliases TO %s",
	}
	for name, grants := range map[string][]string{"tables": {"GRANT SELECT ON * TO %s"}, "columns": columns} {
		findings := dbtest.Collect(t, check.Run(t.Context(), db.As(t, grants...), check.Config{}))
		require.Len(t, findings, 1, name)
		assert.Equal(t, check.CodeInvalidAddress, findings[0].Code)
	}
	watched, ran := dbtest.Watch(db)
	store := watched.Store(t, ispmail.Config{})
	ran()
	dbtest.Collect(t, check.Run(t.Context(), store, check.Config{}))
	for _, statement := range ran() {
		statement = strings.TrimPrefix(statement, "SET STATEMENT wsrep_sync_wait = 0 FOR ") // on a node of a cluster
		assert.True(t, strings.HasPrefix(statement, "SELECT "), statement)
	}
	assert.Equal(t, old, dbtest.Dump(t, db))

	var err error
	for _, err = range check.Run(t.Context(), db.As(t, columns[:2]...), check.Config{}) {
		if err != nil {
			break
		}
	}
	require.ErrorIs(t, err, ispmail.ErrDenied)
}

// TestRunSchemas runs on the tables of the releases of the guide, and of other programs.
func TestRunSchemas(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]map[check.Code]int{
		"wheezy":    {check.CodeNarrowPasswordColumn: 1, check.CodeMissingIndex: 2},
		"jessie":    {check.CodeMissingIndex: 2},
		"bookworm":  {check.CodeMissingIndex: 2},
		"redirects": {check.CodeMissingIndex: 2},
		"switches":  {check.CodeMissingIndex: 2, check.CodeUnnamedStateColumn: 4},
		"unsigned":  {check.CodeMissingIndex: 2, check.CodeInvalidAddress: 1, check.CodeNarrowPasswordColumn: 1, check.CodeUnnamedStateColumn: 1},
		"trixie":    {check.CodeMissingIndex: 1},
		"console":   {check.CodeMissingIndex: 3, check.CodeMissingForeignKey: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			dbtest.Load(t, db, name)
			if name == "unsigned" {
				db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (4294967295, 'exa mple.org')")
			}
			_, all := found(t, db.Store(t, ispmail.Config{}), "")
			assert.Equal(t, want, all)
		})
	}
}

// TestRunStops ends the iterator early, by a cancelled context and by an error, and checks that it frees its connection.
func TestRunStops(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		for i := range 150 {
			db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, ?, 'gone@example.org')", fmt.Sprintf("a%d@example.org", i))
		}
		for stop := range 5 {
			n := 0
			for _, err := range check.Run(t.Context(), store, check.Config{}) {
				require.NoError(t, err)
				require.Zero(t, db.DB.Stats().InUse, "none is held meanwhile")
				if n++; n > stop*30 {
					break
				}
			}
			require.Equal(t, stop*30+1, n)
		}
		watched, ran := dbtest.Watch(db)
		store = watched.Store(t, ispmail.Config{})
		ran() // what New asked
		dbtest.Collect(t, check.Run(t.Context(), store, check.Config{}))
		whole := len(ran())
		for f, err := range check.Run(t.Context(), store, check.Config{}) {
			require.NoError(t, err)
			if f.Code == check.CodeDanglingAlias {
				break // on the first of two pages
			}
		}
		require.Equal(t, whole-1, len(ran()), "nothing is read for nobody")

		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var errs []error
		for _, err := range check.Run(ctx, store, check.Config{}) {
			cancel()
			if err != nil {
				errs = append(errs, err)
			}
		}
		require.Len(t, errs, 1, "and nothing after it")
		require.ErrorIs(t, errs[0], context.Canceled)
		require.Zero(t, db.DB.Stats().InUse)

		db.Exec(t, "DROP TABLE virtual_aliases")
		errs = nil
		for _, err := range check.Run(t.Context(), store, check.Config{}) {
			if err != nil {
				errs = append(errs, err)
			}
		}
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], ispmail.ErrSchema)
		require.NotErrorIs(t, errs[0], sql.ErrNoRows)
	})
}

func TestRunInTx(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
			assert.Len(t, dbtest.Collect(t, check.Run(ctx, tx, check.Config{})), 4, "john, and md5 which is weak, refused, and printed in the guide")
			return nil
		}))
	})
}

// TestMissingIndexText runs what the doctor advises: a key that keeps twins out, except of the sources of aliases.
func TestMissingIndexText(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	dbtest.Load(t, db, "console") // without keys
	store := db.Store(t, ispmail.Config{})
	var advice []string
	for finding, err := range check.Run(t.Context(), store, check.Config{}) {
		require.NoError(t, err)
		if finding.Code == check.CodeMissingIndex {
			_, statement, _ := strings.Cut(finding.Message, ": ")
			advice = append(advice, statement)
			db.Exec(t, statement)
		}
	}
	require.Equal(t, []string{
		"CREATE UNIQUE INDEX virtual_domains_name ON virtual_domains (name)",
		"CREATE UNIQUE INDEX virtual_users_email ON virtual_users (email)",
		"CREATE INDEX virtual_aliases_source ON virtual_aliases (source)",
	}, advice)
}
