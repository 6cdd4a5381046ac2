package movein

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// A source is the database that is read.
type source struct {
	ctx     context.Context
	tx      *sql.Tx
	db      *bun.DB
	columns map[string]map[string]bool // in lower case, by table
}

// pageSize is the number of rows of a keyset page.
const pageSize = 1000

// inSnapshot runs a function in a transaction that reads one snapshot.
func (s *source) inSnapshot(ctx context.Context, db *bun.DB, do func() error) error {
	var options *sql.TxOptions
	if !isDialect(db, dialect.SQLite) {
		options = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	tx, err := db.DB.BeginTx(ctx, options)
	if err != nil {
		return fmt.Errorf("movein: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	s.ctx, s.tx, s.db = ctx, tx, db
	if err := s.readColumns(); err != nil {
		return fmt.Errorf("movein: %w", err)
	}
	return do()
}

// isDialect reports whether a database is of a kind.
func isDialect(db *bun.DB, name dialect.Name) bool { return db.Dialect().Name() == name }

// readColumns reads which tables and columns the account may see.
func (s *source) readColumns() error {
	query := "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
	switch s.db.Dialect().Name() {
	case dialect.PG:
		query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
	case dialect.SQLite:
		query = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
	}
	s.columns = map[string]map[string]bool{}
	return s.query(func(values []string) {
		table, column := values[0], strings.ToLower(values[1])
		if s.columns[table] == nil {
			s.columns[table] = map[string]bool{}
		}
		s.columns[table][column] = true
	}, query)
}

// each calls do with every row of a table, ordered by the first of the columns, which must be unique. NULL is "".
func (s *source) each(table string, columns []string, do func(map[string]string) error) error {
	key := s.quote(columns[0])
	quoted := make([]string, len(columns))
	for i, column := range columns {
		quoted[i] = s.quote(column)
	}
	from := "SELECT " + strings.Join(quoted, ", ") + " FROM " + s.quote(table)
	to := fmt.Sprintf(" ORDER BY %s LIMIT %d", key, pageSize)
	after := " WHERE " + key + " > ?"
	if isDialect(s.db, dialect.PG) {
		after = " WHERE " + key + " > $1"
	}
	read := 0
	for query, args := from+to, []any(nil); ; query = from + after + to {
		var page []map[string]string
		err := s.query(func(values []string) {
			row := make(map[string]string, len(columns))
			for i, column := range columns {
				row[column] = values[i]
			}
			page = append(page, row)
		}, query, args...)
		if err != nil {
			return fmt.Errorf("movein: table %s: %w", table, err)
		}
		for _, row := range page {
			if err := do(row); err != nil {
				return err
			}
		}
		if read += len(page); len(page) < pageSize {
			break
		}
		args = []any{page[len(page)-1][columns[0]]}
	}
	// A keyset page would skip rows if the first column had equal values, or NULL.
	total, err := s.count(table, "")
	if err == nil && total != read {
		err = fmt.Errorf("%d of %d rows could be read: is %s its key?", read, total, columns[0])
	}
	if err != nil {
		return fmt.Errorf("movein: table %s: %w", table, err)
	}
	return nil
}

// count counts the rows of a table that satisfy a condition, all rows if it is "".
func (s *source) count(table, condition string) (n int, err error) {
	query := "SELECT COUNT(*) FROM " + s.quote(table)
	if condition != "" {
		query += " WHERE " + condition
	}
	err = s.tx.QueryRowContext(s.ctx, query).Scan(&n)
	return n, err
}

// query calls do with the columns of each row as texts. It does not use bun, which would put args into the text of the statement
// and replace what is not UTF-8.
func (s *source) query(do func([]string), query string, args ...any) error {
	rows, err := s.tx.QueryContext(s.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err returns it
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	fields, into := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range fields {
		into[i] = &fields[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		values := make([]string, len(names))
		for i := range fields {
			values[i] = fields[i].String
		}
		do(values)
	}
	return rows.Err()
}

// quote returns a name with the quotes of the dialect.
func (s *source) quote(name string) string {
	mark := string(s.db.Dialect().IdentQuote())
	return mark + strings.ReplaceAll(name, mark, mark+mark) + mark
}
