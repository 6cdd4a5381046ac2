package ispmail

import (
	"context"
	_ "embed"
	"strings"
)

var (
	//go:embed mariadb.sql
	mariadbSchema string
	//go:embed sqlite.sql
	sqliteSchema string
)

// CreateSchema creates those of the three tables that do not exist. A server that was built after the guide has them:
// this is for tests and for newcomers. It needs the right to create tables, as nothing else does.
func (s *Store) CreateSchema(ctx context.Context) error {
	schema := sqliteSchema
	if s.isMariaDB() {
		schema = mariadbSchema
	}
	for statement := range strings.SplitSeq(schema, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return mapError(err)
		}
	}
	return nil
}
