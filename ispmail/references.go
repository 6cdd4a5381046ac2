package ispmail

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/uptrace/bun"
)

// foreignKey matches the foreign key in the messages of MariaDB: "(`mailserver`.`virtual_aliases`, CONSTRAINT `x` FOREIGN
// KEY (`mailbox_id`) REFERENCES ...".
var foreignKey = regexp.MustCompile("`([^`]+)`, CONSTRAINT `[^`]*` FOREIGN KEY \\(([^)]*)\\)")

// referencedError says which table holds on to a row.
func referencedError(err error) error {
	if found := foreignKey.FindStringSubmatch(err.Error()); found != nil {
		return holdsOn(found[1], strings.ReplaceAll(found[2], "`", ""), err)
	}
	return fmt.Errorf("%w: %w", ErrReferenced, err)
}

func holdsOn(table, column string, err error) error {
	return fmt.Errorf("%w: a row of the table %s does, in its column %s: change or delete that one first: %w", ErrReferenced, table, column, err)
}

// noParentError says which row is missing. It is a domain, unless the foreign key is one of another program.
func noParentError(err error) error {
	if found := foreignKey.FindStringSubmatch(err.Error()); found != nil && !strings.EqualFold(found[2], "`domain_id`") {
		text := fmt.Sprintf("a foreign key that is not in the guide, of %s (%s), refuses the row", found[1], strings.ReplaceAll(found[2], "`", ""))
		return &databaseError{kind: ErrSchema, text: text, cause: err}
	}
	return fmt.Errorf("%w: %w", ErrNoDomain, err)
}

// deleteError maps the error of a DELETE. SQLite does not say which table holds on to a row, so deleteError looks for it.
func (s *Store) deleteError(ctx context.Context, tx *transaction, err error, table, where string, args ...any) error {
	if errorCode(err) != sqliteNoParent {
		return mapError(err)
	}
	var keys []struct{ Child, Column, Parent string }
	query := tx.NewRaw(`SELECT m.name AS child, f."from" AS "column", COALESCE(f."to", 'id') AS parent
		FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' AND f."table" = ? COLLATE NOCASE`, table)
	if e := query.Scan(ctx, &keys); e != nil {
		return mapError(err)
	}
	for _, key := range keys {
		n, e := tx.NewSelect().TableExpr("?", bun.Ident(key.Child)).
			Where("? IN (SELECT ? FROM ? WHERE "+where+")", append([]any{bun.Ident(key.Column), bun.Ident(key.Parent), bun.Ident(table)}, args...)...).Count(ctx)
		if e == nil && n > 0 {
			return holdsOn(key.Child, key.Column, err)
		}
	}
	return mapError(err)
}
