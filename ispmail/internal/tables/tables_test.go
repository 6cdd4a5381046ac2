package tables_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

func TestMax(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind, columnType string
		want             int64
	}{
		{"tinyint", "tinyint(4)", 127},
		{"tinyint", "tinyint(3) unsigned", 255},
		{"smallint", "smallint(6)", 32767},
		{"mediumint", "mediumint(8) unsigned", 16777215},
		{"int", "int(11)", 2147483647},
		{"int", "int(10) unsigned", 4294967295},
		{"bigint", "bigint(20)", math.MaxInt64},
		{"bigint", "bigint(20) unsigned", math.MaxInt64},
		{"integer", "INTEGER", math.MaxInt64}, // of SQLite
		{"varchar", "varchar(64)", 0},
		{"decimal", "decimal(10,2)", 0},
		{"", "", 0},
	} {
		assert.Equal(t, test.want, tables.Column{Kind: test.kind, Type: test.columnType}.Max(), test.columnType)
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	users := &tables.Table{Name: tables.Users, Columns: map[string]tables.Column{"password": {Chars: 4}, "email": {}}}
	require.NoError(t, users.Fits("password", "1234"))
	require.NoError(t, users.Fits("password", "äöü€"), "characters count, not bytes")
	require.NoError(t, users.Fits("email", strings.Repeat("x", 1000)), "no limit")
	var width *tables.WidthError
	require.ErrorAs(t, users.Fits("password", "12345"), &width)
	assert.Equal(t, &tables.WidthError{Table: tables.Users, Column: "password", Length: 5, Chars: 4}, width)
	assert.EqualError(t, width, "5 characters are too long for virtual_users.password, which holds 4")
}

func TestIsNoLogin(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]bool{"": true, "~": true, "*": true, "!": true, "{PLAIN}": false, "!x": false, "x": false} {
		assert.Equal(t, want, tables.IsNoLogin(stored), stored)
	}
}

// TestRead reads tables of SQLite. Package ispmail tests those of MariaDB, in every release of the guide.
func TestRead(t *testing.T) {
	t.Parallel()
	const password = "password VARCHAR(255) NOT NULL"
	for name, test := range map[string]struct {
		columns string // of virtual_users, "" for those of CreateSchema
		quota   bool
		misfit  string
	}{
		"as created":       {"", true, ""},
		"no quota":         {"id INTEGER PRIMARY KEY, domain_id INTEGER, email TEXT, " + password, false, ""},
		"capitals":         {"ID INTEGER PRIMARY KEY, Domain_ID INTEGER, EMail TEXT, Password TEXT, QUOTA BIGINT", true, ""},
		"another column":   {"id INTEGER PRIMARY KEY, domain_id INT, email TEXT, note TEXT, " + password, false, ""},
		"a missing column": {"id INTEGER PRIMARY KEY, domain_id INTEGER, email TEXT", false, "virtual_users has no column password that the account may see"},
		"two missing":      {"id INTEGER PRIMARY KEY, " + password, false, "virtual_users has no column domain_id, email that the account may see"},
		"a text as an id":  {"id VARCHAR(64) PRIMARY KEY, domain_id INTEGER, email TEXT, " + password, false, ""},
		"a real as an id":  {"id REAL PRIMARY KEY, domain_id INTEGER, email TEXT, " + password, false, "virtual_users.id is of the type REAL, ids must be whole numbers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.SQLite(t)
			if test.columns != "" {
				db.Exec(t, "DROP TABLE virtual_users")
				db.Exec(t, "CREATE TABLE virtual_users ("+test.columns+")")
			}
			users, err := tables.Read(t.Context(), db.DB, tables.Users)
			if test.misfit != "" {
				var misfit *tables.MisfitError
				require.ErrorAs(t, err, &misfit)
				require.EqualError(t, misfit, test.misfit)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.quota, users.HasQuota())
			want := "SELECT id, domain_id, email, password FROM virtual_users WHERE "
			if test.quota {
				want = "SELECT id, domain_id, email, password, quota FROM virtual_users WHERE "
			}
			assert.Equal(t, want, users.Select)
			db.Exec(t, users.Select+"id = 1")
		})
	}
}

// TestReadColumns reads what a column of SQLite is like.
func TestReadColumns(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	db.Exec(t, "DROP TABLE virtual_aliases")
	db.Exec(t, `CREATE TABLE virtual_aliases (id INTEGER NOT NULL PRIMARY KEY, domain_id INT(11) NOT NULL, Source VARCHAR(100) NOT NULL CHECK (length(Source) <= 7),
		destination TEXT, label TEXT NOT NULL DEFAULT 'x', quota BIGINT)`)
	aliases, err := tables.Read(t.Context(), db.DB, tables.Aliases)
	require.NoError(t, err)
	assert.False(t, aliases.HasQuota(), "only users have quotas")
	assert.Equal(t, map[string]tables.Column{
		"id":          {Name: "id", Kind: "integer", Type: "INTEGER", Readable: true, Counted: true},
		"domain_id":   {Name: "domain_id", Kind: "int", Type: "INT(11)", Required: true, Readable: true},
		"source":      {Name: "Source", Kind: "varchar", Type: "VARCHAR(100)", Chars: 7, Required: true, Readable: true},
		"destination": {Name: "destination", Kind: "text", Type: "TEXT", Nullable: true, Readable: true},
		"label":       {Name: "label", Kind: "text", Type: "TEXT", Readable: true},
		"quota":       {Name: "quota", Kind: "bigint", Type: "BIGINT", Nullable: true, Readable: true},
	}, aliases.Columns)
}

// TestReadIDs reads who gives an id of SQLite its value: the database, which counts up what stands for the rowid, or nobody.
func TestReadIDs(t *testing.T) {
	t.Parallel()
	const rest = ", domain_id INTEGER, source TEXT, destination TEXT"
	for columns, want := range map[string]tables.Column{
		"id INTEGER PRIMARY KEY" + rest + ")":                                                                   {Kind: "integer", Counted: true},
		"id integer NOT NULL" + rest + ", PRIMARY KEY (id))":                                                    {Kind: "integer", Counted: true},
		"id INTEGER PRIMARY KEY DESC" + rest + ")":                                                              {Kind: "integer", Required: true},
		"id INT PRIMARY KEY" + rest + ")":                                                                       {Kind: "int", Required: true},
		"id BIGINT PRIMARY KEY DEFAULT (abs(random()))" + rest + ")":                                            {Kind: "bigint"},
		"id INTEGER PRIMARY KEY" + rest + ") WITHOUT ROWID":                                                     {Kind: "integer", Required: true},
		"id INTEGER" + rest + ", PRIMARY KEY (id, domain_id))":                                                  {Kind: "integer", Required: true},
		"id INTEGER NOT NULL UNIQUE" + rest + ")":                                                               {Kind: "integer", Required: true},
		"id INT PRIMARY KEY" + rest + "); CREATE TRIGGER t AFTER INSERT ON Virtual_Aliases BEGIN SELECT 1; END": {Kind: "int"},
	} {
		t.Run(columns, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.SQLite(t)
			db.Exec(t, "DROP TABLE virtual_aliases")
			db.Exec(t, "CREATE TABLE virtual_aliases ("+columns)
			aliases, err := tables.Read(t.Context(), db.DB, tables.Aliases)
			require.NoError(t, err)
			id := aliases.Columns["id"]
			assert.Equal(t, want, tables.Column{Kind: id.Kind, Counted: id.Counted, Required: id.Required})
		})
	}
}

// TestFoldsCase reads which columns of SQLite take Jim for jim.
func TestFoldsCase(t *testing.T) {
	t.Parallel()
	for columns, want := range map[string]bool{
		"email TEXT COLLATE NOCASE NOT NULL, password TEXT":             true,
		"\"email\" varchar(100) not null collate nocase, password TEXT": true,
		"[EMail] TEXT UNIQUE COLLATE 'NoCase', password TEXT":           true,
		"email TEXT, password TEXT":                                     false,
		"email TEXT, password TEXT COLLATE NOCASE":                      false,
		"email TEXT COLLATE BINARY, password TEXT":                      false,
		"my_email TEXT COLLATE NOCASE, email TEXT, password TEXT":       false,
		"email TEXT COLLATE NOCASE_OF_MINE, password TEXT":              false,
	} {
		t.Run(columns, func(t *testing.T) {
			t.Parallel()
			found := tables.FoldsCase("CREATE TABLE virtual_users (id INTEGER PRIMARY KEY, domain_id INT, " + columns + ")")
			assert.Equal(t, want, slices.Contains(found, "email"))
		})
	}
}

// TestReadNoTable requires the error of the driver, by which package ispmail knows what is missing.
func TestReadNoTable(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	db.Exec(t, "DROP TABLE virtual_users")
	_, err := tables.Read(t.Context(), db.DB, tables.Users)
	require.ErrorContains(t, err, "no such table")
	var misfit *tables.MisfitError
	assert.NotErrorAs(t, err, &misfit)
}
