package ispmail

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// anySpelling returns an expression that equals a canonical text wherever the column holds it, in whatever case: the column
// itself if it folds case, so that its index serves, and otherwise one that no index serves.
func (s *Store) anySpelling(ctx context.Context, db bun.IDB, table, column string) (string, error) {
	t := s.catalog.get(table)
	if t == nil {
		var err error
		if t, err = s.readColumns(ctx, db, table); err != nil {
			return "", err
		}
	}
	if t.Columns[column].FoldsCase {
		return column, nil
	}
	return s.lower(column), nil
}

// lower returns an expression for the text of a column in lower case. LOWER of MariaDB leaves bytes as they are, which a
// column without a character set holds.
func (s *Store) lower(column string) string {
	if s.isMariaDB() {
		return "LOWER(CONVERT(" + column + " USING utf8mb4))"
	}
	return "LOWER(" + column + ")"
}

// exactUsers returns the users whose address stands in the table as it is given, or in canonical form, if the column
// compares case: there an index serves only for these. It returns nil for a column that folds case.
func (s *Store) exactUsers(ctx context.Context, db bun.IDB, email, given string) ([]User, error) {
	column, err := s.anySpelling(ctx, db, tables.Users, "email")
	if err != nil || column == "email" {
		return nil, err
	}
	texts := append(address.Spellings(email), given)
	rows, err := selectRows[User](ctx, s, db, "email IN (?) ORDER BY id", bun.List(texts))
	if isForeignText(err) {
		return nil, nil
	}
	return slices.DeleteFunc(rows, func(u User) bool { return u.canonical() != email }), err
}
