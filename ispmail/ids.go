package ispmail

import (
	"context"
	"math"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// A textID is an id of virtual_users that is no number, such as a UUID. Passwords are changed there too.
type textID struct {
	text  string
	bytes bool // of a column of bytes, which compares other literals by other rules
}

// AppendQuery writes the id into a statement.
func (id textID) AppendQuery(gen schema.QueryGen, query []byte) ([]byte, error) {
	if id.bytes {
		return gen.Append(query, []byte(id.text)), nil
	}
	return gen.Append(query, id.text), nil
}

// rowID returns the value of the column id, which is not always a number.
func (u User) rowID() any {
	if u.textID != (textID{}) {
		return u.textID
	}
	return u.ID
}

// A userID scans an id of virtual_users, a number or a text.
type userID struct {
	table *tables.Table
	user  *User
}

// Scan implements sql.Scanner.
func (id userID) Scan(value any) error {
	column := id.table.Columns["id"]
	if !column.IsText() {
		return tables.ID{Table: id.table.Name, Column: "id", To: &id.user.ID}.Scan(value)
	}
	switch v := value.(type) {
	case []byte:
		id.user.textID = textID{string(v), column.IsBytes()}
	case string:
		id.user.textID = textID{v, column.IsBytes()}
	default:
		return tables.ID{Table: id.table.Name, Column: "id", To: &id.user.ID}.Scan(value)
	}
	return nil
}

// A domainID scans domain_id. It leaves out a text, which nobody needs to verify or change a password.
type domainID struct {
	table *tables.Table
	to    *int64
}

// Scan implements sql.Scanner.
func (id domainID) Scan(value any) error {
	if id.table.Columns["domain_id"].IsText() {
		return nil
	}
	return tables.ID{Table: id.table.Name, Column: "domain_id", To: id.to}.Scan(value)
}

func (d Domain) rowID() any { return d.ID }
func (a Alias) rowID() any  { return a.ID }

// after returns the condition for the rows of a list behind an id. The list of texts begins with the first one.
func (s *Store) after(ctx context.Context, db bun.IDB, table string, id any) (schema.QueryWithArgs, error) {
	number, ok := id.(int64)
	if ok && table == tables.Users {
		t := s.catalog.get(table)
		if t == nil {
			var err error
			if t, err = s.readColumns(ctx, db, table); err != nil {
				return schema.QueryWithArgs{}, err
			}
		}
		if t.Columns["id"].IsText() {
			if number != math.MinInt64 {
				return schema.QueryWithArgs{}, mapError(t.NeedNumbers())
			}
			return bun.SafeQuery("1 = 1"), nil
		}
	}
	return bun.SafeQuery("id > ?", id), nil
}
