package dbtest

import (
	"testing"

	"github.com/uptrace/bun/dialect"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// Loosen gives an empty database tables that take everything, as those of other programs do: no unique keys, NULL anywhere. The
// foreign keys stay.
func Loosen(t *testing.T, db *ispmailtest.Database) {
	t.Helper()
	statements := []string{
		"ALTER TABLE virtual_domains DROP KEY name, MODIFY name VARCHAR(50) NULL",
		"ALTER TABLE virtual_users DROP KEY email, MODIFY domain_id INT NULL, MODIFY email VARCHAR(100) NULL, MODIFY password VARCHAR(150) NULL",
		"ALTER TABLE virtual_aliases MODIFY domain_id INT NULL, MODIFY source VARCHAR(100) NULL, MODIFY destination VARCHAR(100) NULL",
	}
	if db.DB.Dialect().Name() == dialect.SQLite {
		statements = []string{
			"DROP TABLE virtual_aliases", "DROP TABLE virtual_users", "DROP TABLE virtual_domains",
			"CREATE TABLE virtual_domains (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE)",
			"CREATE TABLE virtual_users (id INTEGER PRIMARY KEY, domain_id INTEGER REFERENCES virtual_domains (id) ON DELETE CASCADE, email TEXT COLLATE NOCASE, password TEXT, quota INTEGER DEFAULT 0)",
			"CREATE TABLE virtual_aliases (id INTEGER PRIMARY KEY, domain_id INTEGER REFERENCES virtual_domains (id) ON DELETE CASCADE, source TEXT COLLATE NOCASE, destination TEXT COLLATE NOCASE)",
		}
	}
	for _, statement := range statements {
		db.Exec(t, statement)
	}
}
