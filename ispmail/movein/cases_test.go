package movein_test

import (
	"context"
	"database/sql"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/ispmail/movein"
)

// small returns an SQLite database of PostfixAdmin with only the columns that are needed.
func small(t *testing.T) *ispmailtest.Database {
	t.Helper()
	db := ispmailtest.SQLite(t)
	for _, statement := range []string{
		"CREATE TABLE domain (domain varchar(255) PRIMARY KEY, transport varchar(255) NOT NULL DEFAULT 'virtual', backupmx tinyint(1) NOT NULL DEFAULT 0, active tinyint(1) NOT NULL DEFAULT 1)",
		"CREATE TABLE mailbox (username varchar(255) PRIMARY KEY, password varchar(255) NOT NULL, quota bigint(20) NOT NULL DEFAULT 0, domain varchar(255), active tinyint(1) NOT NULL DEFAULT 1)",
		"CREATE TABLE alias (address varchar(255) PRIMARY KEY, goto text NOT NULL, domain varchar(255), active tinyint(1) NOT NULL DEFAULT 1)",
		"CREATE TABLE alias_domain (alias_domain varchar(255) PRIMARY KEY, target_domain varchar(255), active tinyint(1) NOT NULL DEFAULT 1)",
		"INSERT INTO domain (domain) VALUES ('example.org'), ('example.net')",
	} {
		db.Exec(t, statement)
	}
	return db
}

const (
	bcrypt = "$2y$05$6EpDrQ3mxnvzmftTn3cla.PEqzH0xFAC/R5sVseHN8jxxPgt22wQK"
	md5Hex = "14cbfb845af1f030e372b1cb9275e6dd"
	des    = "Dtx2KVNTZ99o2"
	sha512 = "$6$003x3FQoj4ZmR2Tx$QaMl4MUtGBBLWDa1JUUBCeDoUBkivKuieHRZ9lCZ7PTFsxCYsJ6yXdT8J2iF2haydvpMGKvc7QXcvSzFS0NyZ."
)

// TestPassword covers the stored passwords of both programs, by the setting that makes them. All are of "summersun".
func TestPassword(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scheme, value, want string
		code                movein.Code
	}{
		{"", "{CRYPT}" + bcrypt, "{CRYPT}" + bcrypt, ""},
		{"", "{BLF-CRYPT}" + bcrypt, "{BLF-CRYPT}" + bcrypt, ""},
		{"md5", "{crypt}" + sha512, "{crypt}" + sha512, ""},
		{"", "{md5}FMv7hFrx8DDjcrHLknXm3Q==", "{md5}FMv7hFrx8DDjcrHLknXm3Q==", ""},
		{"authlib", "{MD5RAW}" + md5Hex, "{PLAIN-MD5}" + md5Hex, ""},
		{"", "{NONE}x", "{NONE}x", ""}, // Import refuses it
		{
			"", "{sha512-crypt.base64}" + "JDYkUGNwYmRUSUY0QUJkNVA2NCRPUFlYQ210NDMyOGxvL1NSTzRaNzJJcWlSMW0vY1FCM00wWFpIdlZSNGNrVFBWcC5MVVMyMTg0ZThKWXE1Q094VDdoUTRRU29PS0tiRENDY3d6cm00MQ==",
			"{SHA512-CRYPT}$6$PcpbdTIF4ABd5P64$OPYXCmt4328lo/SRO4Z72IqiR1m/cQB3M0XZHvVR4ckTPVp.LUS2184e8JYq5COxT7hQ4QSoOKKbDCCcwzrm41", "",
		},
		{"", "{SHA512-CRYPT.B64}====", "{SHA512-CRYPT.B64}====", ""},
		{"", "{PLAIN.B64}c3VtbWVyc3Vu", "{PLAIN.B64}c3VtbWVyc3Vu", ""},

		{"", "$1$c9809462$gmnia3zkY/MaUkpcX8b9S0", "{CRYPT}$1$c9809462$gmnia3zkY/MaUkpcX8b9S0", ""},
		{"", bcrypt, "{CRYPT}" + bcrypt, ""},
		{"", sha512, "{CRYPT}" + sha512, ""},
		{"md5crypt", sha512, "{CRYPT}" + sha512, ""},
		{"md5", sha512, "{CRYPT}" + sha512, ""}, // which was in use before
		{"php_crypt:SHA512:5000", sha512, "{CRYPT}" + sha512, ""},
		{"php_crypt", des, "{CRYPT}" + des, ""},
		{"system", des, "{CRYPT}" + des, ""},
		{"", des, "", movein.CodeUnknownPassword},
		{"md5", md5Hex, "{PLAIN-MD5}" + md5Hex, ""},
		{"PLAIN-MD5", md5Hex, "{PLAIN-MD5}" + md5Hex, ""},
		{"", md5Hex, "", movein.CodeUnknownPassword},
		{"md5crypt", md5Hex, "", movein.CodeUnknownPassword},
		{"cleartext", "summersun", "{PLAIN}summersun", ""},
		{"plain", "summersun", "{PLAIN}summersun", ""},
		{"", "summersun", "", movein.CodeUnknownPassword},
		{"", "$summersun", "", movein.CodeUnknownPassword},
		{"", "{summersun", "", movein.CodeUnknownPassword},
		{"plain", "", "", movein.CodeEmptyPassword},
		{"", "", "", movein.CodeEmptyPassword},

		{"dovecot:BLF-CRYPT", bcrypt, "{BLF-CRYPT}" + bcrypt, ""},
		{"crypt:blowfish", bcrypt, "{CRYPT}" + bcrypt, ""},
		{"bcrypt", bcrypt, "{BLF-CRYPT}" + bcrypt, ""},
		{"sha1", "029e5354d5b9f07a85cda26db694c0f4b1be53ef", "{SHA}029e5354d5b9f07a85cda26db694c0f4b1be53ef", ""},
		{"dovecot:SHA256.hex", "zz", "", movein.CodeUnknownPassword},
		{"md5-salted", md5Hex, "", movein.CodeSaltedPassword},
		{"sha1.salted", md5Hex, "", movein.CodeSaltedPassword},
		{"md5-salted", bcrypt, "{CRYPT}" + bcrypt, ""},
	} {
		t.Run(test.scheme+" "+test.value, func(t *testing.T) {
			t.Parallel()
			db := small(t)
			db.Exec(t, "INSERT INTO mailbox (username, password) VALUES ('john@example.org', ?)", test.value)
			records, notes := all(t, movein.PostfixAdmin(t.Context(), db.DB, movein.Config{Scheme: test.scheme}))
			if test.code != "" {
				require.Len(t, records, 2)
				require.Len(t, notes, 1)
				assert.Equal(t, test.code, notes[0].Code)
				assert.Equal(t, "john@example.org", notes[0].Key)
				return
			}
			require.Empty(t, notes)
			require.Len(t, records, 3)
			assert.Equal(t, test.want, records[2].User.Password.Reveal())
			if !strings.Contains(test.want, "{NONE}") && !strings.HasSuffix(test.want, "====") {
				assert.NoError(t, hash.Verify(test.want, "summersun"))
			}
		})
	}
}

// TestAliases covers what a row of alias or alias_domain becomes.
func TestAliases(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		insert  string
		records []string
		codes   []movein.Code
	}{
		"self in another case":   {"alias (address, goto) VALUES ('John@example.org', 'john@EXAMPLE.org')", nil, []movein.Code{"implied"}},
		"self twice":             {"alias (address, goto) VALUES ('john@example.org', 'john@example.org,john@example.org')", nil, []movein.Code{"implied"}},
		"self last":              {"alias (address, goto) VALUES ('john@example.org', 'a@example.com, john@example.org')", []string{"john@example.org to john@example.org", "john@example.org to a@example.com"}, nil},
		"commas and blanks":      {"alias (address, goto) VALUES ('x@example.org', ', a@example.com,,b@example.com\r\n c@example.com ')", []string{"x@example.org to a@example.com", "x@example.org to b@example.com", "x@example.org to c@example.com"}, nil},
		"blanks only":            {"alias (address, goto) VALUES ('x@example.org', ' ,\n')", nil, []movein.Code{"no-destination"}},
		"vacation":               {"alias (address, goto) VALUES ('john@example.org', 'john@example.org,JOHN#example.org@autoreply.example.com')", nil, []movein.Code{"implied", "vacation"}},
		"vacation of others":     {"alias (address, goto) VALUES ('x@example.org', 'john#example.org@autoreply.example.com')", []string{"x@example.org to john#example.org@autoreply.example.com"}, nil},
		"vacation only":          {"alias (address, goto) VALUES ('x@example.org', 'x#example.org@autoreply.example.com')", nil, []movein.Code{"no-destination", "vacation"}},
		"catch-all":              {"alias (address, goto) VALUES ('@example.org', 'john@example.org')", []string{"@example.org to john@example.org"}, nil},
		"domain to domain":       {"alias (address, goto) VALUES ('@example.net', '@example.org')", []string{"@example.net to @example.org"}, nil},
		"domain to itself":       {"alias (address, goto) VALUES ('@example.net', '@Example.net')", nil, []movein.Code{"no-mailbox"}},
		"no at":                  {"alias (address, goto) VALUES ('root', 'john@example.org')", nil, []movein.Code{"no-domain"}},
		"active is 2":            {"alias (address, goto, active) VALUES ('x@example.org', 'john@example.org', 2)", nil, []movein.Code{"inactive"}},
		"active is t":            {"alias (address, goto, active) VALUES ('x@example.org', 'john@example.org', 't')", []string{"x@example.org to john@example.org"}, nil},
		"not UTF-8":              {"alias (address, goto) VALUES ('x@example.org', CAST(x'6aff' AS TEXT))", nil, []movein.Code{"not-utf-8"}},
		"address not UTF-8":      {"alias (address, goto) VALUES (CAST(x'6aff' AS TEXT), 'john@example.org')", nil, []movein.Code{"not-utf-8"}},
		"alias domain":           {"alias_domain (alias_domain, target_domain) VALUES ('Example.net', 'EXAMPLE.org')", []string{"@Example.net to @EXAMPLE.org"}, []movein.Code{"accepts-all"}},
		"alias domain elsewhere": {"alias_domain (alias_domain, target_domain) VALUES ('example.net', 'example.com')", nil, []movein.Code{"no-domain"}},
		"over-long":              {"alias (address, goto) VALUES ('" + strings.Repeat("x", 300) + "@example.org', 'john@example.org')", []string{strings.Repeat("x", 300) + "@example.org to john@example.org"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := small(t)
			db.Exec(t, "INSERT INTO mailbox (username, password) VALUES ('john@example.org', '{PLAIN}summersun')")
			db.Exec(t, "INSERT INTO "+test.insert)
			records, notes := all(t, movein.PostfixAdmin(t.Context(), db.DB, movein.Config{}))
			var aliases []string
			for _, r := range records[3:] {
				require.NotNil(t, r.Alias)
				aliases = append(aliases, r.Alias.Source+" to "+r.Alias.Destination)
			}
			var codes []movein.Code
			left := 0
			for _, n := range notes {
				codes = append(codes, n.Code)
				left += n.Rows
			}
			assert.Equal(t, test.records, aliases)
			assert.Equal(t, test.codes, codes)
			assert.Equal(t, len(aliases) == 0, left == 1, "the row is there or noted")
		})
	}
}

// TestBothCatchAlls has a catch-all of an alias domain, first to the same domain and then to another.
func TestBothCatchAlls(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"@example.org", "@example.com"} {
		db := small(t)
		db.Exec(t, "INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('example.net', 'example.org')")
		db.Exec(t, "INSERT INTO alias (address, goto) VALUES ('@example.net', ?)", to)
		records, notes := all(t, movein.PostfixAdmin(t.Context(), db.DB, movein.Config{}))
		require.Len(t, records, 3)
		assert.Equal(t, "@example.org", records[2].Alias.Destination)
		require.Len(t, notes, 2)
		codes := map[string]movein.Code{"@example.org": movein.CodeImplied, "@example.com": movein.CodeAliasDomain}
		assert.Equal(t, 1, notes[0].Rows+notes[1].Rows)
		assert.Equal(t, codes[to], notes[0].Code)
	}
}

// TestSchema covers databases that cannot be read. The error says what is wrong.
func TestSchema(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(t *testing.T) *bun.DB
		read    reader
		config  movein.Config
		message string
	}{
		"an ISPmail database": {func(t *testing.T) *bun.DB { return ispmailtest.MariaDB(t).DB }, movein.PostfixAdmin, movein.Config{}, "no table domain"},
		"SQLite":              {func(t *testing.T) *bun.DB { return ispmailtest.SQLite(t).DB }, movein.ViMbAdmin, movein.Config{}, "no table domain"},
		"no database": {func(t *testing.T) *bun.DB {
			db, err := sql.Open("mysql", ispmailtest.MariaDB(t).Account(t))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			return bun.NewDB(db, mysqldialect.New())
		}, movein.PostfixAdmin, movein.Config{}, "denied"},
		"PostfixAdmin as ViMbAdmin": {func(t *testing.T) *bun.DB { return load(t, "postfixadmin-4.0").DB }, movein.ViMbAdmin, movein.Config{}, "a database of PostfixAdmin, not of ViMbAdmin"},
		"ViMbAdmin as PostfixAdmin": {func(t *testing.T) *bun.DB {
			db := load(t, "vimbadmin-3.4")
			db.Exec(t, "CREATE TABLE alias_domain (id int)")
			return db.DB
		}, movein.PostfixAdmin, movein.Config{}, "a database of ViMbAdmin, not of PostfixAdmin"},
		"a column is missing": {func(t *testing.T) *bun.DB {
			db := load(t, "postfixadmin-3.3")
			db.Exec(t, "ALTER TABLE mailbox DROP COLUMN quota")
			return db.DB
		}, movein.PostfixAdmin, movein.Config{}, "the table mailbox has no column quota, which PostfixAdmin 3.3 and 4.0 has"},
		"a column of ViMbAdmin is missing": {func(t *testing.T) *bun.DB {
			db := load(t, "vimbadmin-3.4")
			db.Exec(t, "ALTER TABLE alias DROP COLUMN goto")
			return db.DB
		}, movein.ViMbAdmin, movein.Config{}, "the table alias has no column goto"},
		"another prefix": {func(t *testing.T) *bun.DB { return load(t, "postfixadmin-3.3").DB }, movein.PostfixAdmin, movein.Config{TablePrefix: "mail_"}, "no table mail_domain"},
		"no such scheme": {func(t *testing.T) *bun.DB { return small(t).DB }, movein.PostfixAdmin, movein.Config{Scheme: "rot13"}, `Scheme "rot13"`},
		"no key": {func(t *testing.T) *bun.DB {
			db := load(t, "postfixadmin-3.3")
			db.Exec(t, "ALTER TABLE alias DROP PRIMARY KEY")
			db.Exec(t, "INSERT INTO alias (address, goto, domain) SELECT 'x@example.org', 'y@example.org', '' FROM seq_1_to_1001")
			return db.DB
		}, movein.PostfixAdmin, movein.Config{}, "1000 of 1001 rows could be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var last error
			n := 0
			for item, err := range test.read(t.Context(), test.prepare(t), test.config) {
				require.NoError(t, last, "an error is the last item")
				if last = err; err != nil {
					assert.Equal(t, movein.Item{}, item)
				} else {
					n++
				}
			}
			require.ErrorContains(t, last, test.message)
			switch name {
			case "no such scheme", "no key", "no database":
				assert.NotErrorIs(t, last, movein.ErrSchema)
			default:
				require.ErrorIs(t, last, movein.ErrSchema)
				assert.Zero(t, n)
			}
		})
	}
}

// TestNames reads tables that do not have the default names.
func TestNames(t *testing.T) {
	t.Parallel()
	db, source := fixture(t, "postfixadmin-3.3", "postfixadmin-rows")
	_, before := all(t, movein.PostfixAdmin(t.Context(), source, movein.Config{Scheme: "md5crypt"}))
	tables := map[string]string{"mailbox": "boxes", "alias": "a`l", "vacation": "away"}
	for _, table := range tablesOf(t, db) {
		name := table
		if tables[table] != "" {
			name = tables[table]
		}
		db.Exec(t, "RENAME TABLE ? TO ?", bun.Ident(table), bun.Ident("pfa_"+name))
	}
	records, after := all(t, movein.PostfixAdmin(t.Context(), source, movein.Config{Scheme: "md5crypt", TablePrefix: "pfa_", Tables: maps.Clone(tables)}))
	assert.Equal(t, "pfa_domain alias.example", records[0].Origin)
	var want []string
	for _, n := range before {
		want = append(want, string(n.Code)+n.Key+n.Message)
	}
	var got []string
	for _, n := range after {
		assert.True(t, strings.HasPrefix(n.Table, "pfa_"))
		got = append(got, string(n.Code)+n.Key+n.Message)
	}
	assert.Equal(t, want, got)
}

// TestPages reads more rows than a page has, ends early, and expects a note about an unknown column.
func TestPages(t *testing.T) {
	t.Parallel()
	db, source := fixture(t, "vimbadmin-3.4", "vimbadmin-rows",
		"ALTER TABLE alias ADD COLUMN note varchar(10)",
		"INSERT INTO alias (address, goto, created) SELECT CONCAT('x', seq, '@example.org'), 'john@example.org', NOW() FROM seq_1_to_2500")
	records, notes := all(t, movein.ViMbAdmin(t.Context(), source, movein.Config{}))
	names := map[string]bool{}
	for _, r := range records {
		names[r.Origin] = true
	}
	assert.Len(t, names, 3+3+5+2500)
	assert.Equal(t, movein.Note{
		Code: movein.CodeUnknownColumn, Table: "alias", Key: "note",
		Message: "ViMbAdmin 3.4 has no such column; what it holds stays behind",
	}, notes[len(notes)-1])
	assert.Equal(t, "alias note: ViMbAdmin 3.4 has no such column; what it holds stays behind (unknown-column)", notes[len(notes)-1].String())

	n := 0
	for _, err := range movein.ViMbAdmin(t.Context(), source, movein.Config{}) {
		require.NoError(t, err)
		if n++; n == 1300 {
			break
		}
	}
	assert.Equal(t, 1300, n)
	assert.Zero(t, source.DB.Stats().InUse, "no transaction stays open")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range movein.ViMbAdmin(ctx, source, movein.Config{}) {
		cancel()
		last = err
	}
	require.ErrorIs(t, last, context.Canceled)

	db.Exec(t, "DROP TABLE mailbox_pref")
	_, fewer := all(t, movein.ViMbAdmin(t.Context(), source, movein.Config{}))
	assert.Len(t, fewer, len(notes)-1)
}
