package check

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// widestHash is the length of the longest values that package hash generates, those of SCRAM-SHA-256.
const widestHash = 140

// lookupColumns are the columns by which Postfix and Dovecot look rows up.
var lookupColumns = []struct{ table, column string }{
	{tables.Domains, "name"},
	{tables.Users, "email"},
	{tables.Aliases, "source"},
}

// A key is the first column of an index, or a column with a foreign key.
type key struct {
	Name   string
	Refers string // the table to which the foreign key refers
}

// checkSchema reports what is wrong with the tables themselves.
func (c *checker) checkSchema(ctx context.Context) error {
	err := c.store.Read(ctx, func(_ context.Context, db bun.IDB) error {
		c.mariaDB = db.Dialect().Name() == dialect.MySQL
		return nil
	})
	if err != nil {
		return err
	}
	if c.state, err = stateOf(c.store); err != nil {
		return err
	}
	for _, name := range []string{tables.Domains, tables.Users, tables.Aliases} {
		t, err := c.readTable(ctx, name)
		if err != nil {
			return err
		}
		if width := t.Columns["password"].Chars; name == tables.Users && c.mariaDB && 0 < width && width < widestHash {
			c.report(CodeNarrowPasswordColumn, name, 0, "password holds %d characters and hashes have up to %d: ALTER TABLE virtual_users MODIFY password VARCHAR(150)%s", width, widestHash, nullability(t))
		}
		c.checkUnnamed(t)
		if err := c.checkKeys(ctx, name); err != nil || c.stopped {
			return err
		}
	}
	return nil
}

// checkKeys reports what is wrong with the engine and the keys of a table. MariaDB hides the keys from an account with few
// rights. Every table has a primary key, so if that is hidden, nothing is reported about the others.
func (c *checker) checkKeys(ctx context.Context, table string) error {
	var indexes, references []key
	var engines []struct {
		Name   string
		OnNode bool // of a cluster
	}
	err := c.store.Read(ctx, func(ctx context.Context, db bun.IDB) error {
		if !c.mariaDB {
			err := cmp.Or(
				db.NewRaw("SELECT i.name FROM pragma_index_list(?) l, pragma_index_info(l.name) i WHERE i.seqno = 0 AND l.partial = 0", table).Scan(ctx, &indexes),
				db.NewRaw(`SELECT "from" AS name, "table" AS refers FROM pragma_foreign_key_list(?)`, table).Scan(ctx, &references),
			)
			// SQLite does not list an INTEGER PRIMARY KEY. It has no grants, so nothing is hidden.
			indexes, references = append(indexes, key{Name: "id"}), append(references, key{Name: "id"})
			return err
		}
		return cmp.Or(
			db.NewRaw(`SELECT t.engine AS name,
				EXISTS (SELECT 1 FROM information_schema.session_variables WHERE variable_name = 'WSREP_ON' AND variable_value = 'ON') AS on_node
				FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine
				WHERE t.table_schema = DATABASE() AND t.table_name = ? AND e.transactions <> 'YES'`, table).Scan(ctx, &engines),
			db.NewRaw(`SELECT column_name AS name FROM information_schema.statistics
				WHERE table_schema = DATABASE() AND table_name = ? AND seq_in_index = 1`, table).Scan(ctx, &indexes),
			db.NewRaw(`SELECT column_name AS name, COALESCE(referenced_table_name, '') AS refers FROM information_schema.key_column_usage
				WHERE table_schema = DATABASE() AND table_name = ?`, table).Scan(ctx, &references),
		)
	})
	if err != nil {
		return err
	}
	for _, engine := range engines {
		c.report(CodeNonTransactionalTable, table, 0, "the engine %s cannot undo a change that fails half-way, so that only passwords are changed there: %s", engine.Name, tables.ToInnoDB(table, engine.OnNode))
	}
	for _, l := range lookupColumns {
		if l.table == table && hasKey(indexes, "id", "") && !hasKey(indexes, l.column, "") {
			why, kind := "", "INDEX"
			if l.column != "source" { // which may lead to several destinations
				why, kind = ", and other programs may add twins", "UNIQUE INDEX"
			}
			c.report(CodeMissingIndex, table, 0, "each lookup reads the whole table%s, as %s has no index: CREATE %s %s_%s ON %s (%s)", why, l.column, kind, table, l.column, table, l.column)
		}
	}
	if table != tables.Domains && hasKey(references, "id", "") && !hasKey(references, "domain_id", tables.Domains) {
		if hidden, err := c.hidesReferences(ctx, table); err != nil || hidden {
			return err
		}
		if !c.mariaDB {
			c.report(CodeMissingForeignKey, table, 0, "rows stay when their domain is deleted, and SQLite adds no foreign key to a table that is there: ispmailctl export, then ispmailctl init and restore with a new file")
			return nil
		}
		c.report(CodeMissingForeignKey, table, 0, "rows stay when their domain is deleted: ALTER TABLE %s ADD FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE", table)
	}
	return nil
}

// nullability returns what keeps a column as it is when its type is changed.
func nullability(t *tables.Table) string {
	if t.Columns["password"].Nullable {
		return " NULL"
	}
	return " NOT NULL"
}

// hasKey reports whether a column is among the keys. If table is not "", its key must refer to that table.
func hasKey(keys []key, column, table string) bool {
	for _, k := range keys {
		if strings.EqualFold(k.Name, column) && (table == "" || strings.EqualFold(k.Refers, table)) {
			return true
		}
	}
	return false
}

// hidesReferences reports whether MariaDB shows the account the keys of a table, but not to which tables they refer. It does
// so if the account has grants only on columns. Such an account may not run SHOW CREATE TABLE either.
func (c *checker) hidesReferences(ctx context.Context, table string) (hidden bool, err error) {
	if !c.mariaDB {
		return false, nil
	}
	err = c.store.Read(ctx, func(ctx context.Context, db bun.IDB) error {
		_, err := db.ExecContext(ctx, "SHOW CREATE TABLE "+table)
		if e, ok := errors.AsType[*mysql.MySQLError](err); ok && e.Number == tableDenied {
			hidden, err = true, nil
		}
		return err
	})
	return hidden, err
}

// tableDenied is MariaDB's ER_TABLEACCESS_DENIED_ERROR.
const tableDenied = 1142
