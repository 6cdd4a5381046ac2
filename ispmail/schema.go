package ispmail

import (
	"context"
	_ "embed"
	"errors"
	"strings"

	"github.com/uptrace/bun"
)

var (
	//go:embed mariadb.sql
	mariadbSchema string
	//go:embed sqlite.sql
	sqliteSchema string
)

// CreateSchema creates those of the three tables that do not exist. It is for tests and new servers: a server that was
// built after the guide has the tables. It needs the right to create tables, which no other method needs.
//
// It returns an error inside [Store.RunInTx] and [Store.WithTx], because MariaDB commits at each CREATE TABLE.
func (s *Store) CreateSchema(ctx context.Context) error {
	if s.tx != nil {
		return errors.New("ispmail: CreateSchema cannot be part of a transaction")
	}
	schema := sqliteSchema
	if s.isMariaDB() {
		schema = mariadbSchema
	}
	for statement := range strings.SplitSeq(schema, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		err := s.read(ctx, func(ctx context.Context, db bun.IDB) error {
			_, err := db.ExecContext(ctx, statement)
			return mapError(err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
