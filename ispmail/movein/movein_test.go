package movein_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/mysqldialect"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/ispmail/movein"
)

type reader func(context.Context, *bun.DB, movein.Config) iter.Seq2[movein.Item, error]

// programs are the databases that are read.
var programs = []struct {
	name, schema, rows, scheme string
	more                       []string // statements for what only this release has
	read                       reader
}{
	{"PostfixAdmin 3.3", "postfixadmin-3.3", "postfixadmin-rows", "md5crypt", nil, movein.PostfixAdmin},
	{"PostfixAdmin 4.0", "postfixadmin-4.0", "postfixadmin-rows", "md5crypt", fourZero, movein.PostfixAdmin},
	{"PostfixAdmin 4.0 on SQLite", "postfixadmin-4.0-sqlite", "postfixadmin-rows", "md5crypt", fourZero, movein.PostfixAdmin},
	{"ViMbAdmin 3.4", "vimbadmin-3.4", "vimbadmin-rows", "dovecot:BLF-CRYPT", nil, movein.ViMbAdmin},
}

// fourZero is what only PostfixAdmin 4.0 has.
var fourZero = []string{
	"UPDATE mailbox SET totp_secret = 'JBSWY3DPEHPK3PXP', smtp_active = 0 WHERE username = 'john@example.org'",
	"INSERT INTO mailbox_app_password (username, password_hash) VALUES ('john@example.org', '{PLAIN}summersun')",
	"INSERT INTO totp_exception_address (ip) VALUES ('192.0.2.1')",
	"INSERT INTO dkim (id, domain_name) VALUES (1, 'example.org')",
	"INSERT INTO dkim_signing (author, dkim_id) VALUES ('example.org', 1)",
}

// load returns a new database, on which it has run the statements of files.
func load(t *testing.T, names ...string) *ispmailtest.Database {
	t.Helper()
	open := ispmailtest.MariaDB
	if strings.HasSuffix(names[0], "-sqlite") {
		open = ispmailtest.SQLite
	}
	db := open(t)
	for _, table := range []string{"virtual_aliases", "virtual_users", "virtual_domains"} {
		db.Exec(t, "DROP TABLE "+table)
	}
	conn, err := db.DB.DB.Conn(t.Context()) // the files change its session variables
	require.NoError(t, err)
	defer func() {
		if db.DB.Dialect().Name() == dialect.SQLite { // the database ends with its last connection
			assert.NoError(t, conn.Close())
		} else {
			assert.ErrorIs(t, conn.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
		}
	}()
	for _, name := range names {
		file, err := os.ReadFile(filepath.Join("testdata", name+".sql")) //nolint:gosec // a name of this file
		require.NoError(t, err)
		for statement := range strings.SplitSeq(string(file), ";\n") {
			if strings.TrimSpace(statement) != "" {
				_, err := conn.ExecContext(t.Context(), statement)
				require.NoError(t, err, statement)
			}
		}
	}
	return db
}

// fixture returns the database of a program, and the same database through an account that may only read.
func fixture(t *testing.T, schema, rows string, more ...string) (db *ispmailtest.Database, source *bun.DB) {
	t.Helper()
	db = load(t, schema, rows)
	for _, statement := range more {
		db.Exec(t, statement)
	}
	if db.DB.Dialect().Name() == dialect.SQLite { // it has no accounts
		return db, db.DB
	}
	account, err := sql.Open("mysql", db.Account(t, "GRANT SELECT ON * TO %s"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, account.Close()) })
	return db, bun.NewDB(account, mysqldialect.New())
}

// all returns what a reader yields.
func all(t *testing.T, items iter.Seq2[movein.Item, error]) (records []ispmail.Record, notes []movein.Note) {
	t.Helper()
	for r, err := range movein.Records(items, func(n movein.Note) { notes = append(notes, n) }) {
		require.NoError(t, err)
		records = append(records, r)
	}
	return records, notes
}

func tablesOf(t *testing.T, db *ispmailtest.Database) (tables []string) {
	t.Helper()
	query := "SHOW TABLES"
	if db.DB.Dialect().Name() == dialect.SQLite {
		query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence'"
	}
	require.NoError(t, db.DB.NewRaw(query).Scan(t.Context(), &tables))
	return tables
}

func report(records []ispmail.Record, notes []movein.Note) string {
	var lines []string
	for _, r := range records {
		lines = append(lines, r.Origin+": "+r.String())
	}
	for _, n := range notes {
		lines = append(lines, fmt.Sprintf("%d %s", n.Rows, n))
	}
	return strings.Join(lines, "\n") + "\n"
}

// TestReport compares all records and notes of a database with testdata/*.txt.
func TestReport(t *testing.T) {
	t.Parallel()
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			db, source := fixture(t, p.schema, p.rows, p.more...)
			records, notes := all(t, p.read(t.Context(), source, movein.Config{Scheme: p.scheme}))
			want, err := os.ReadFile(filepath.Join("testdata", strings.TrimSuffix(p.schema, "-sqlite")+".txt"))
			require.NoError(t, err)
			if db.DB.Dialect().Name() == dialect.SQLite { // it sorts small letters after capital ones
				assert.ElementsMatch(t, strings.Split(string(want), "\n"), strings.Split(report(records, notes), "\n"))
			} else {
				assert.Equal(t, string(want), report(records, notes))
			}
			for _, r := range records {
				assert.NotContains(t, r.Origin, "summersun")
			}
			assert.NotContains(t, report(nil, notes), "summersun")

			// Every row of every table is a record or in a note.
			rows := map[string]int{}
			origins := map[string]bool{}
			for _, r := range records {
				if !origins[r.Origin] {
					origins[r.Origin] = true
					rows[strings.Fields(r.Origin)[0]]++
				}
			}
			for _, n := range notes {
				rows[n.Table] += n.Rows
			}
			tables := tablesOf(t, db)
			require.NotEmpty(t, tables)
			for _, table := range tables {
				n, err := db.DB.NewSelect().ModelTableExpr("?", bun.Ident(table)).Count(t.Context())
				require.NoError(t, err)
				assert.Positive(t, n, table)
				assert.EqualValues(t, n, rows[table], table)
			}
		})
	}
}

// TestMove moves everything into a database of the guide.
func TestMove(t *testing.T) {
	t.Parallel()
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			db, source := fixture(t, p.schema, p.rows, p.more...)
			target := ispmailtest.MariaDB(t)
			store := target.Store(t, ispmail.Config{})
			var results []ispmail.ImportResult
			var refused []string
			for _, dryRun := range []bool{true, false, false} {
				refused = nil
				items := p.read(t.Context(), source, movein.Config{Scheme: p.scheme})
				result, err := store.Import(t.Context(), movein.Records(items, func(movein.Note) {}), ispmail.ImportConfig{
					DryRun:  dryRun,
					Refused: func(_ ispmail.Record, err error) { refused = append(refused, err.Error()) },
				})
				require.NoError(t, err)
				results = append(results, result)
			}
			assert.Equal(t, results[0], results[1])
			assert.Equal(t, results[1].Total()-results[1].Refused, results[2].Present, "a second time does no harm")
			if p.schema == "vimbadmin-3.4" {
				assert.Empty(t, refused)
			} else { // two do not fit their columns, one is no address
				require.Len(t, refused, 3)
				assert.Contains(t, refused[0], "domain long.long.")
				assert.Contains(t, refused[1], "mailbox long@long.long.")
				assert.Contains(t, refused[2], "alias josé@example.org")
			}

			users := 0
			for user, err := range store.Users(t.Context(), ispmail.Query{}) {
				require.NoError(t, err)
				users++
				_, err = store.Authenticate(t.Context(), user.Email, "summersun")
				require.NoError(t, err, user.Email)
				assert.Error(t, errorOf(store.Authenticate(t.Context(), user.Email, "wrong")), user.Email)
			}
			assert.Equal(t, results[1].Users, users)
			john, err := store.User(t.Context(), "john@example.org")
			require.NoError(t, err)
			var quota int64
			require.NoError(t, db.DB.NewRaw("SELECT quota FROM mailbox WHERE username = ?", john.Email).Scan(t.Context(), &quota))
			assert.Positive(t, quota)
			assert.Equal(t, quota, *john.Quota)

			// Mail goes where it went before, unless a note says otherwise.
			postfix := newPostfix(t, db)
			exceptions := map[string]bool{
				// Mailboxes with passwords that do not come over, and a source that is no address.
				"clear@example.org": true, "hex@example.org": true, "empty@example.org": true, "josé@example.org": true,
				// The catch-all of an alias domain itself.
				"info@alias.example": true, "unknown@alias.example": true,
			}
			asked := 0
			for _, address := range postfix.addresses() {
				if strings.HasPrefix(address, "@") || exceptions[address] || strings.Contains(address, "long.") {
					continue
				}
				asked++
				want := postfix.expand(address)
				recipients, err := store.Recipients(t.Context(), address)
				var got []string
				for _, r := range recipients {
					got = append(got, r.Address)
				}
				if want == nil {
					assert.Error(t, err, address)
				} else {
					require.NoError(t, err, address)
				}
				slices.Sort(got)
				assert.Equal(t, want, got, address)
			}
			assert.Greater(t, asked, 15)
		})
	}
}

func errorOf(results ...any) error {
	err, _ := results[len(results)-1].(error)
	return err
}
