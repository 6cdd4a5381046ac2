package ispmail_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// widen adds a column of each type of MariaDB to the users, and further ones to the other tables.
func widen(t *testing.T, db *ispmailtest.Database) {
	t.Helper()
	db.Exec(t, "ALTER TABLE virtual_domains ADD COLUMN `group` VARCHAR(20) NULL, ADD COLUMN `what, is ``it``?` INT NOT NULL DEFAULT 3")
	db.Exec(t, "ALTER TABLE virtual_aliases ADD COLUMN Enabled TINYINT(1) NOT NULL DEFAULT 1, ADD COLUMN quota VARCHAR(9) NULL")
	db.Exec(t, `ALTER TABLE virtual_users
		ADD COLUMN maildir VARCHAR(255) CHARACTER SET latin1 NOT NULL DEFAULT 'x', ADD COLUMN note TEXT, ADD COLUMN fixed CHAR(5), ADD COLUMN big BIGINT UNSIGNED, ADD COLUMN small TINYINT,
		ADD COLUMN price DECIMAL(40,10) ZEROFILL, ADD COLUMN exact DECIMAL(10,2), ADD COLUMN f FLOAT, ADD COLUMN d DOUBLE, ADD COLUMN bits BIT(12), ADD COLUMN raw BLOB, ADD COLUMN short VARBINARY(4),
		ADD COLUMN kind ENUM('basic','Grün') NOT NULL DEFAULT 'basic', ADD COLUMN options SET('imap','pop3'), ADD COLUMN settings JSON,
		ADD COLUMN born DATE, ADD COLUMN seen DATETIME(6), ADD COLUMN changed TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
		ADD COLUMN long_time TIME(2), ADD COLUMN y YEAR, ADD COLUMN place POINT, ADD COLUMN hidden INT INVISIBLE DEFAULT 7, ADD COLUMN computed INT AS (domain_id * 2) STORED, ADD COLUMN virtual INT AS (domain_id + 1)`)
}

// fill fills the tables of widen with values that are easily lost.
func fill(t *testing.T, db *ispmailtest.Database) {
	t.Helper()
	db.Example(t)
	db.Exec(t, "UPDATE virtual_domains SET `group` = 'key', `what, is ``it``?` = -5")
	db.Exec(t, "UPDATE virtual_aliases SET Enabled = 0, quota = 'much'")
	db.Exec(t, `UPDATE virtual_users SET maildir = '/var/vmail/jöhn''\\', note = CONCAT('x', CHAR(0), '\n007'), fixed = 'ab', big = 18446744073709551615, small = -128,
		price = 123456789012345678901234567890.0123456789, exact = 12.50, f = 16777217, d = 0.1, bits = b'100000000001', raw = X'00FF80', short = X'00010000',
		kind = 'Grün', options = 'imap,pop3', settings = '{"a": [1, 2.50], "b": null}', born = '0000-00-00', seen = '2024-02-29 12:00:00.000001',
		changed = '2024-10-27 01:30:00.123', long_time = '-838:59:59', y = 2155, place = POINT(1, 2), hidden = NULL WHERE id = 1`)
	db.Exec(t, "UPDATE virtual_users SET maildir = '', born = '2024-00-00', seen = '0000-00-00 00:00:00', changed = '2024-10-27 00:30:00.123', f = 0.1, d = 1e-300, big = 9007199254740993, raw = '', exact = -0.01, y = 0 WHERE id = 2")
}

// TestColumnsRoundTrip moves the columns of other programs from MariaDB to SQLite and back, by files and directly,
// with connections in several time zones.
func TestColumnsRoundTrip(t *testing.T) {
	t.Parallel()
	first, second, third, fourth := ispmailtest.MariaDB(t), ispmailtest.SQLite(t), ispmailtest.MariaDB(t), ispmailtest.MariaDB(t)
	for _, db := range []*ispmailtest.Database{first, third, fourth} {
		widen(t, db)
	}
	utc := dbtest.Connect(t, first, map[string]string{"time_zone": "'+00:00'"})
	fill(t, utc)
	columns := first.Store(t, ispmail.Config{})
	further, err := columns.FurtherColumns(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"enabled", "quota"}, further["virtual_aliases"])
	for table, names := range further {
		assert.NotContains(t, names, "computed")
		for _, name := range names {
			kind := map[string]string{"big": "INTEGER", "price": "NUMERIC"}[name]
			second.Exec(t, `ALTER TABLE `+table+` ADD COLUMN "`+name+`" `+kind)
		}
	}
	file := exported(t, first)
	for _, part := range []string{
		`"columns":{"group":"key","what, is ` + "`it`" + `?":-5}}`, `"columns":{"enabled":0,"quota":"much"}}`, `"big":18446744073709551615,"bits":{"base64":"CAE="},"born":"0000-00-00","changed":"2024-10-27 01:30:00.123","d":0.1,"exact":12.50,"f":1.6777216e+07,`,
		`"fixed":"ab","hidden":null,"kind":"Grün","long_time":"-838:59:59.00","maildir":"/var/vmail/jöhn'\\","note":"x\u0000\n007","options":"imap,pop3","place":{"base64":`,
		`"price":123456789012345678901234567890.0123456789,"raw":{"base64":"AP+A"},"seen":"2024-02-29 12:00:00.000001","settings":"{\"a\": [1, 2.50], \"b\": null}","short":{"base64":"AAEAAA=="},"small":-128,"y":2155}`,
		`"big":9007199254740993,`, `"changed":"2024-10-27 00:30:00.123"`, `"f":0.1,`, `"raw":{"base64":""}`,
	} {
		assert.Contains(t, file, part)
	}
	assert.NotContains(t, file, "computed")
	assert.Equal(t, file, exported(t, dbtest.Connect(t, first, map[string]string{"time_zone": "'+05:30'", "parseTime": "true"})))

	// SQLite has no exact number of so many digits, and refuses one.
	err = restore(t, second, file)
	require.ErrorIs(t, err, ispmail.ErrTooLong)
	require.ErrorContains(t, err, "line 3, user john@example.org: ")
	assert.Empty(t, dbtest.Dump(t, second))
	for _, name := range []string{"big", "price"} {
		second.Exec(t, "ALTER TABLE virtual_users DROP COLUMN "+name)
		second.Exec(t, "ALTER TABLE virtual_users ADD COLUMN "+name)
	}
	require.NoError(t, restore(t, second, file))
	east := dbtest.Connect(t, third, map[string]string{"time_zone": "'+05:30'"})
	require.NoError(t, restore(t, east, exported(t, second)))
	assert.Equal(t, dbtest.Dump(t, first), dbtest.Dump(t, third))
	assert.Equal(t, file, exported(t, third))
	require.NoError(t, fourth.Store(t, ispmail.Config{}).Restore(t.Context(), first.Store(t, ispmail.Config{}).Export(t.Context())))
	assert.Equal(t, dbtest.Dump(t, first), dbtest.Dump(t, fourth))
	assert.Equal(t, "-838:59:59.00", scalar(t, fourth, "SELECT CAST(long_time AS CHAR) FROM virtual_users WHERE id = 1"))
}

func scalar(t *testing.T, db *ispmailtest.Database, query string) (value string) {
	t.Helper()
	require.NoError(t, db.DB.NewRaw(query).Scan(t.Context(), &value))
	return value
}

// johnWith returns records of a domain and a user with a column of another program.
func johnWith(columns map[string]any) iter.Seq2[ispmail.Record, error] {
	return dbtest.Sequence(nil,
		ispmail.Record{Domain: &ispmail.Domain{ID: 1, Name: "example.org"}},
		ispmail.Record{Origin: "line 3", User: &ispmail.User{ID: 1, DomainID: 1, Email: "john@example.org", Password: ispmail.NewSecret(dbtest.Sound())}, Columns: columns})
}

// TestRestoreColumnsRefused names the row and the column that would not be as it was, and restores nothing.
func TestRestoreColumnsRefused(t *testing.T) {
	t.Parallel()
	for kind, open := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for _, test := range []struct {
				only    string // a kind of database
				column  string // of the table
				columns map[string]any
				err     error
				text    string
			}{
				{"", "b INT", map[string]any{"a": 1, "z": 1}, ispmail.ErrSchema, "virtual_users.a, virtual_users.z: no such column, and the record has a value for it"},
				{"", "a INT GENERATED ALWAYS AS (id + 1) VIRTUAL", map[string]any{"a": 1}, ispmail.ErrSchema, "virtual_users.a: computed by the database"},
				{"", "a INT", map[string]any{"a": 1, "A": 1}, ispmail.ErrRecord, "it has the column a twice"},
				{"", "a INT", map[string]any{"Email": "x"}, ispmail.ErrRecord, "the column email has a field of its own"},
				{"", "a INT", map[string]any{"ID": nil}, ispmail.ErrRecord, "the column id has a field of its own"},
				{"", "a INT", map[string]any{"password": nil}, ispmail.ErrRecord, "the column password has a field of its own"},
				{"", "a INT", map[string]any{"a": []string{"x"}}, ispmail.ErrRecord, "the column a has a value that no column holds: it is of the Go type []string"},
				{"", "a VARCHAR(5)", map[string]any{"a": "\xff"}, ispmail.ErrRecord, "the text in the column a is not UTF-8"},
				{"", "a INT NOT NULL DEFAULT 1", map[string]any{"a": nil}, ispmail.ErrTooLong, "NULL in virtual_users.a"},
				{"", "a INT CHECK (a < 10)", map[string]any{"a": 10}, ispmail.ErrTooLong, ""},
				{"MariaDB", "a VARCHAR(5)", map[string]any{"a": "123456"}, ispmail.ErrTooLong, "6 characters are too long for virtual_users.a, which holds 5"},
				{"MariaDB", "a VARCHAR(5) CHARACTER SET latin1", map[string]any{"a": "日本"}, ispmail.ErrTooLong, "virtual_users.a does not take the value"},
				{"MariaDB", "a CHAR(5)", map[string]any{"a": "x "}, ispmail.ErrTooLong, "virtual_users.a, which is char(5), would hold another value"},
				{"MariaDB", "a INT", map[string]any{"a": "summersun"}, ispmail.ErrTooLong, "a text that is no whole number in virtual_users.a, which is int(11)"},
				{"MariaDB", "a INT", map[string]any{"a": "007"}, ispmail.ErrTooLong, "virtual_users.a, which is int(11), would hold another value"},
				{"MariaDB", "a INT", map[string]any{"a": 1.5}, ispmail.ErrTooLong, "virtual_users.a, which is int(11), would hold another value"},
				{"MariaDB", "a TINYINT", map[string]any{"a": 128}, ispmail.ErrTooLong, "virtual_users.a does not take the value"},
				{"MariaDB", "a BIGINT", map[string]any{"a": json.Number("18446744073709551615")}, ispmail.ErrTooLong, "virtual_users.a does not take the value"},
				{"MariaDB", "a DECIMAL(5,2)", map[string]any{"a": json.Number("1.005")}, ispmail.ErrTooLong, "virtual_users.a, which is decimal(5,2), would hold another value"},
				{"MariaDB", "a DOUBLE", map[string]any{"a": json.Number("9e999")}, ispmail.ErrTooLong, ""},
				{"MariaDB", "a FLOAT", map[string]any{"a": 16777217}, ispmail.ErrTooLong, "virtual_users.a, which is float, would hold another value"},
				{"MariaDB", "a ENUM('x')", map[string]any{"a": "y"}, ispmail.ErrTooLong, "virtual_users.a does not take the value"},
				{"MariaDB", "a ENUM('x')", map[string]any{"a": "X"}, ispmail.ErrTooLong, "virtual_users.a, which is enum('x'), would hold another value"},
				{"MariaDB", "a SET('x','y')", map[string]any{"a": "z"}, ispmail.ErrTooLong, "virtual_users.a does not take the value"},
				{"MariaDB", "a BIT(4)", map[string]any{"a": []byte{0xff}}, ispmail.ErrTooLong, "virtual_users.a"},
				{"MariaDB", "a BINARY(4)", map[string]any{"a": []byte{1}}, ispmail.ErrTooLong, "virtual_users.a, which is binary(4), would hold another value"},
				{"MariaDB", "a JSON", map[string]any{"a": "summersun"}, ispmail.ErrTooLong, "virtual_users.a does not take the value"},
				{"MariaDB", "a DATETIME", map[string]any{"a": "summersun"}, ispmail.ErrTooLong, "virtual_users.a does not take the value"},
				{"MariaDB", "a DATETIME", map[string]any{"a": "2024-01-01 12:00:00.5"}, ispmail.ErrTooLong, "virtual_users.a, which is datetime, would hold another value"},
				{"MariaDB", "a TIMESTAMP NULL", map[string]any{"a": "1960-01-01 00:00:00"}, ispmail.ErrTooLong, "virtual_users.a does not take the value"},
				{"MariaDB", "a TEXT CHARACTER SET latin1", map[string]any{"a": []byte{0xff}}, ispmail.ErrTooLong, "virtual_users.a"},
				{"SQLite", "a INTEGER", map[string]any{"a": "007"}, ispmail.ErrTooLong, "virtual_users.a, which is INTEGER, would hold another value"},
				{"SQLite", "a NUMERIC", map[string]any{"a": json.Number("12345678901234567890.5")}, ispmail.ErrTooLong, "virtual_users.a, which is NUMERIC, would hold another value"},
			} {
				if test.only != "" && test.only != kind {
					continue
				}
				db := open(t)
				db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN "+test.column)
				for name, store := range map[string]*ispmail.Store{"": db.Store(t, ispmail.Config{})} {
					err := store.Restore(t.Context(), johnWith(test.columns))
					require.ErrorIs(t, err, test.err, "%s %v", test.column, test.columns)
					assert.ErrorContains(t, err, "line 3, user john@example.org: ", name)
					assert.ErrorContains(t, err, test.text)
					assert.NotContains(t, err.Error(), "summersun")
					assert.Empty(t, dbtest.Dump(t, db))
				}
			}
		})
	}
}

// TestRestoreColumnsLax finds what a server that is not strict would change.
func TestRestoreColumnsLax(t *testing.T) {
	t.Parallel()
	for column, value := range map[string]any{
		"a TINYINT": 128, "a ENUM('x')": "y", "a DATE": "2024-02-30", "a VARCHAR(2) CHARACTER SET latin1": "日", "a VARBINARY(1)": []byte{1, 2},
		"a TIMESTAMP NOT NULL DEFAULT '2024-01-01'": nil,
	} {
		db := ispmailtest.MariaDB(t)
		db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN "+column)
		err := dbtest.Lax(t, db, ispmail.Config{}).Restore(t.Context(), johnWith(map[string]any{"a": value}))
		require.ErrorIs(t, err, ispmail.ErrTooLong, column)
		assert.ErrorContains(t, err, "line 3, user john@example.org: ")
		assert.ErrorContains(t, err, "virtual_users.a")
		assert.Empty(t, dbtest.Dump(t, db))
	}
}

// TestRestoreZeroDate says what stands in the way of 0000-00-00. The connections of Open take it.
func TestRestoreZeroDate(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN born DATE, ADD COLUMN seen DATETIME")
	records := johnWith(map[string]any{"born": "0000-00-00", "seen": "2024-01-00 00:00:00"})
	strict := dbtest.Connect(t, db, map[string]string{"sql_mode": "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'"})
	err := strict.Store(t, ispmail.Config{}).Restore(t.Context(), records)
	require.ErrorIs(t, err, ispmail.ErrTooLong)
	assert.ErrorContains(t, err, "line 3, user john@example.org: ")
	assert.ErrorContains(t, err, "virtual_users.born does not take a date with zeros such as 0000-00-00, because the sql_mode of the connection or its type forbids them")
	require.NoError(t, dbtest.Open(t, db.DSN, ispmail.Config{}).Restore(t.Context(), records))
	assert.Equal(t, "0000-00-00 2024-01-00 00:00:00", scalar(t, db, "SELECT CONCAT(born, ' ', seen) FROM virtual_users"))
}

// TestRestoreTrigger finds a trigger that changes what is restored.
func TestRestoreTrigger(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN created DATETIME")
	db.Exec(t, "CREATE TRIGGER stamp BEFORE INSERT ON virtual_users FOR EACH ROW SET NEW.created = NOW()")
	err := db.Store(t, ispmail.Config{}).Restore(t.Context(), johnWith(map[string]any{"created": "2020-01-01 00:00:00"}))
	require.ErrorIs(t, err, ispmail.ErrTooLong)
	assert.ErrorContains(t, err, "virtual_users.created, which is datetime, would hold another value")
	assert.Empty(t, dbtest.Dump(t, db))
}

// TestRestoreColumnsFirst has the columns of the records before those of Config.Columns, which fill the gaps.
func TestRestoreColumnsFirst(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		db.Exec(t, "DELETE FROM virtual_domains")
		db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN MailDir VARCHAR(50) NOT NULL DEFAULT ''")
		db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN host VARCHAR(50) NOT NULL DEFAULT ''")
		store := db.Store(t, ispmail.Config{Columns: func(_ context.Context, row any) map[string]any {
			if _, ok := row.(*ispmail.User); !ok {
				return nil
			}
			return map[string]any{"maildir": "config", "host": "config"}
		}})
		require.NoError(t, store.Restore(t.Context(), johnWith(map[string]any{"MAILDIR": "record"})))
		assert.Equal(t, "record/config", scalar(t, db, "SELECT "+map[bool]string{true: "CONCAT(maildir, '/', host)", false: "maildir || '/' || host"}[strings.Contains(db.DSN, "tcp(")]+" FROM virtual_users"))
	})
}

// TestOddOurs carries what the fields of a row cannot hold: NULL in the guide's columns, and quotas that are no number.
func TestOddOurs(t *testing.T) {
	t.Parallel()
	first, second, third := ispmailtest.MariaDB(t), ispmailtest.SQLite(t), ispmailtest.MariaDB(t)
	for _, db := range []*ispmailtest.Database{first, third} {
		db.Exec(t, "ALTER TABLE virtual_users DROP FOREIGN KEY virtual_users_ibfk_1, DROP KEY email, MODIFY domain_id INT NULL, MODIFY email VARCHAR(100) NULL, MODIFY password VARCHAR(150) NULL, MODIFY quota VARCHAR(20) NULL")
	}
	second.Exec(t, "DROP TABLE virtual_users")
	second.Exec(t, "CREATE TABLE virtual_users (id INTEGER PRIMARY KEY, domain_id INTEGER, email TEXT, password TEXT, quota TEXT)")
	first.Exec(t, `INSERT INTO virtual_users VALUES (1, NULL, NULL, NULL, NULL), (2, 0, '', '', ''), (3, 5, 'x', 'y', '5G'), (4, 5, 'x', 'y', '5'), (5, 5, 'x', 'y', '99999999999999999999')`)
	file := exported(t, first)
	assert.Contains(t, file, `{"type":"user","id":1,"email":"","password":"","columns":{"email":null,"password":null}}`)
	assert.Contains(t, file, `{"type":"user","id":2,"email":"","password":"","columns":{"domain_id":0,"quota":""}}`)
	assert.Contains(t, file, `{"type":"user","id":3,"domain_id":5,"email":"x","password":"y","columns":{"quota":"5G"}}`)
	assert.Contains(t, file, `{"type":"user","id":4,"domain_id":5,"email":"x","password":"y","quota":5}`)
	require.NoError(t, restore(t, second, file))
	assert.Equal(t, dbtest.Dump(t, first), dbtest.Dump(t, second))
	require.NoError(t, restore(t, third, exported(t, second)))
	assert.Equal(t, dbtest.Dump(t, first), dbtest.Dump(t, third))

	err := restore(t, ispmailtest.MariaDB(t), `{"type":"domain","id":5,"name":"example.org"}
{"type":"user","id":3,"domain_id":5,"email":"x","password":"y","columns":{"quota":"5G"}}`)
	require.ErrorIs(t, err, ispmail.ErrTooLong)
	assert.ErrorContains(t, err, "line 2, user x: ispmail: value does not fit its column: a text that is no whole number in virtual_users.quota")
	plain := ispmailtest.MariaDB(t)
	plain.Exec(t, "ALTER TABLE virtual_users DROP COLUMN quota")
	require.ErrorIs(t, restore(t, plain, `{"type":"domain","id":5,"name":"example.org"}
{"type":"user","id":3,"domain_id":5,"email":"x","password":"y","columns":{"quota":"5G"}}`), ispmail.ErrNoQuota)
}

// TestSQLiteTypes carries what the driver of SQLite would take for something else because of the type of its column.
func TestSQLiteTypes(t *testing.T) {
	t.Parallel()
	first, second := ispmailtest.SQLite(t), ispmailtest.SQLite(t)
	for _, db := range []*ispmailtest.Database{first, second} {
		db.Exec(t, `ALTER TABLE virtual_domains ADD COLUMN seen DATETIME`)
		db.Exec(t, `ALTER TABLE virtual_domains ADD COLUMN flag BOOLEAN`)
		db.Exec(t, `ALTER TABLE virtual_domains ADD COLUMN n INT`)
		db.Exec(t, `ALTER TABLE virtual_domains ADD COLUMN "Ärger "" x" TEXT`)
		db.Exec(t, `ALTER TABLE virtual_domains ADD COLUMN anything`)
	}
	first.Exec(t, `INSERT INTO virtual_domains VALUES (1, 'a.example', '2024-01-01', 2, 'abc', 'x', 5.0), (2, 'b.example', '2024-01-01T10:00:00Z', 1, 1, NULL, 5), (3, 'c.example', 1700000000, 0, 1, '', '5'), (4, 'd.example', 'x', NULL, 1, '5', X'35'), (5, 'e.example', NULL, 1.5, 1, '', 9e999)`)
	file := exported(t, first)
	assert.Contains(t, file, `"columns":{"anything":5.0,"flag":2,"n":"abc","seen":"2024-01-01","ärger \" x":"x"}`)
	assert.Contains(t, file, `"columns":{"anything":9e999,"flag":1.5,"n":1,"seen":null,"ärger \" x":""}`)
	require.NoError(t, restore(t, second, file))
	const types = `SELECT GROUP_CONCAT(typeof(anything) || typeof(flag) || typeof(seen) || quote(anything) || quote(seen) || quote(flag) || quote("Ärger "" x")) FROM virtual_domains`
	assert.Equal(t, scalar(t, first, types), scalar(t, second, types))
}

// TestExportNewColumn exports a column that came while the store was open.
func TestExportNewColumn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		require.NoError(t, errorOf(store.User(t.Context(), "john@example.org")))
		db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN note VARCHAR(20) NOT NULL DEFAULT 'new'")
		for _, r := range dbtest.Collect(t, store.Export(t.Context())) {
			if r.User != nil {
				assert.Equal(t, map[string]any{"note": "new"}, r.Columns)
			} else {
				assert.Nil(t, r.Columns)
			}
		}
	})
}

// TestExportStatements counts the statements of an export of ordinary tables, and of one with much in a column.
func TestExportStatements(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) SELECT 1, CONCAT('u', seq), '' FROM seq_1_to_2500")
	watched, ran := dbtest.Watch(db)
	store := watched.Store(t, ispmail.Config{})
	ran()
	dbtest.Collect(t, store.Export(t.Context()))
	var selects, all []string
	for _, statement := range ran() {
		all = append(all, statement)
		if strings.HasPrefix(statement, "SELECT id") {
			selects = append(selects, statement)
			assert.NotContains(t, statement, "`")
		}
	}
	assert.Len(t, selects, 1+4+1, "pages of 100 and 1000")
	assert.LessOrEqual(t, len(all), len(selects)+3+3, fmt.Sprint(all))

	db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN photo MEDIUMBLOB")
	db.Exec(t, "UPDATE virtual_users SET photo = REPEAT('x', 20000) WHERE id > 500")
	watched, ran = dbtest.Watch(db)
	n := 0
	for _, err := range watched.Store(t, ispmail.Config{}).Export(t.Context()) {
		require.NoError(t, err)
		n++
	}
	assert.Equal(t, 1+2502+1, n)
	var sizes []string
	for _, statement := range ran() {
		if _, size, ok := strings.Cut(statement, "LIMIT "); ok && strings.Contains(statement, "virtual_users") {
			sizes = append(sizes, size)
		}
	}
	require.Greater(t, len(sizes), 4, "smaller pages where the rows are large")
	assert.Equal(t, []string{"100", "1000"}, sizes[:2])
	for _, size := range sizes[2:] {
		assert.Len(t, size, 3, sizes)
	}
}
