package ispmail

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// A Query selects rows of a list. The zero value selects all. [InDomain] selects those of one domain, [ByID] and
// [Exactly] those that no address names.
type Query struct {
	// Search is a substring to look for, ignoring case: in the name of a domain, the address of a user, the source or
	// the destination of an alias. "" matches all.
	Search string
	// After is the id after which the list begins. For the next page, pass the id of the last row. Lists are ordered by
	// id.
	After int64
	// Limit is the maximum number of rows, 0 for all. A negative one is an error.
	Limit int
	// State selects by what the columns of [Config.State] say. The default is [AnyState].
	State RowState

	domain *string
	ids    *[]int64 // a pointer, so that a Query stays comparable
	exact  *string
}

// A RowState says whether a [Query] selects rows that are switched on or off, see [Config.State].
type RowState int

// Values of RowState.
const (
	AnyState RowState = iota
	// SwitchedOn selects rows that are switched on: all, if no column switches them.
	SwitchedOn
	// SwitchedOff selects rows that are switched off.
	SwitchedOff
)

// InDomain returns a [Query] for the users or aliases of a domain, or for the domain itself.
//
// The list or count that uses the Query checks the name. It returns [ErrInvalidAddress], also for "", so that a
// forgotten parameter never selects everybody, and [ErrNotFound] if there is no such domain.
func InDomain(name string) Query { return Query{domain: &name} }

// ByID returns a [Query] for the rows with these ids. Without an id it selects nothing.
func ByID(ids ...int64) Query {
	ids = slices.Clone(ids)
	return Query{ids: &ids}
}

// Exactly returns a [Query] for the rows that hold a text, byte by byte: as the name of a domain, the address of a user,
// or the source or the destination of an alias. NULL counts as "". It finds what no other method does: texts that are no
// address, and of several spellings the one that is meant. It scans the table.
func Exactly(text string) Query { return Query{exact: &text} }

// Sizes of the pages in which a list is read. The first one is small, so that the first rows come quickly.
const (
	firstPage = 100
	pageSize  = 1000
)

// searched has the columns that Query.Search compares.
var searched = map[string][]string{tables.Domains: {"name"}, tables.Users: {"email"}, tables.Aliases: {"source", "destination"}}

// list yields the rows that a query selects, by id, as a keyset page after the other. It holds one page in memory, and
// no connection between pages.
func list[T model](ctx context.Context, s *Store, q Query) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		c, err := s.condition(ctx, q, none.tableName())
		if err != nil {
			yield(none, err)
			return
		}
		var after any = q.After
		if q.After == 0 {
			after = int64(math.MinInt64)
		}
		for size, left := firstPage, q.Limit; ; size = pageSize {
			if q.Limit > 0 && (q.Limit <= pageSize || left < size) {
				size = left // a short list is one statement
			}
			var rows []T
			err := s.browse(ctx, func(ctx context.Context, db bun.IDB) error {
				return c.run(func(where string, args []any) (err error) {
					from, err := s.after(ctx, db, none.tableName(), after)
					if err == nil {
						rows, err = selectRows[T](ctx, s, db, where+"? ORDER BY "+c.order+"id LIMIT ?", append(args, from, size)...)
					}
					return err
				})
			})
			if err != nil {
				yield(none, err)
				return
			}
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
			left -= len(rows)
			if len(rows) < size || q.Limit > 0 && left == 0 {
				return
			}
			after = rows[len(rows)-1].rowID()
		}
	}
}

// A condition is a Query as parts of a SQL condition.
type condition struct {
	state      string // the condition for the state, ending with AND, or ""
	domain     string // the same for a domain, ids or an exact text
	domainArgs []any
	order      string
	columns    []string // in which texts are searched, in lower case
	texts      []string
	nothing    bool // no row can hold the texts
}

// condition returns the condition of a query for a table.
func (s *Store) condition(ctx context.Context, q Query, table string) (*condition, error) {
	if q.Limit < 0 {
		return nil, fmt.Errorf("ispmail: Query.Limit is %d", q.Limit)
	}
	c := &condition{}
	for _, column := range searched[table] {
		c.columns = append(c.columns, s.lower(column))
	}
	switch on := s.rowsOn(table); {
	case q.State < AnyState || q.State > SwitchedOff:
		return nil, fmt.Errorf("ispmail: Query.State is %d", q.State)
	case on == "":
		c.nothing = q.State == SwitchedOff
	case q.State == SwitchedOn:
		c.state = on + " AND "
	case q.State == SwitchedOff:
		c.state = "NOT (" + on + ") AND "
	}
	if q.Search != "" {
		c.texts = searchTexts(q.Search)
		// bun would leave the NUL out, and look for the rest.
		c.nothing = c.nothing || strings.ContainsRune(q.Search, 0) || !utf8.ValidString(q.Search)
	}
	switch {
	case q.ids != nil:
		if err := s.read(ctx, func(ctx context.Context, db bun.IDB) error { return s.needNumbers(ctx, db, table) }); err != nil {
			return nil, err
		}
		c.nothing = c.nothing || len(*q.ids) == 0
		c.domain, c.domainArgs = "id IN (?) AND ", []any{bun.List(*q.ids)}
	case q.exact != nil:
		c.domain, c.domainArgs = s.holds(searched[table], *q.exact)
	}
	if q.domain == nil {
		return c, nil
	}
	domains, err := s.domainRows(ctx, s.browse, *q.domain, readRows)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(domains))
	for i, d := range domains {
		ids[i] = d.ID
	}
	switch {
	case table == tables.Domains:
		c.domain, c.domainArgs = "id IN (?) AND ", []any{bun.List(ids)}
	case len(ids) > 1 || ids[0] == math.MaxInt64:
		c.domain, c.domainArgs = "domain_id IN (?) AND ", []any{bun.List(ids)}
	default:
		// For "domain_id = ?", MariaDB reads all rows of the domain up to the page. It plans this form as a range over
		// the index of domain_id, which contains the id.
		c.domain, c.domainArgs, c.order = "domain_id >= ? AND domain_id < ? AND ", []any{ids[0], ids[0] + 1}, "domain_id, "
	}
	return c, nil
}

// holds returns a condition for rows that hold a text in one of some columns, ending with AND. It compares bytes.
func (s *Store) holds(columns []string, text string) (where string, args []any) {
	parts := make([]string, len(columns))
	for i, column := range columns {
		if s.isMariaDB() {
			parts[i] = "CAST(CONVERT(COALESCE(" + column + ", '') USING utf8mb4) AS BINARY) = ?"
		} else {
			parts[i] = "CAST(COALESCE(" + column + ", '') AS BLOB) = ?"
		}
		args = append(args, []byte(text)) // in hexadecimal, which every sql_mode and character set reads alike
	}
	return "(" + strings.Join(parts, " OR ") + ") AND ", args
}

// run passes the condition to query. If the character set of a column cannot hold one of the texts, it runs query again
// with the ASCII text alone.
func (c *condition) run(query func(where string, args []any) error) error {
	if c.nothing {
		return nil
	}
	err := query(c.build(c.texts))
	if !isForeignText(err) {
		return err
	}
	plain := slices.DeleteFunc(slices.Clone(c.texts), func(text string) bool { return !address.IsASCII(text) })
	if len(plain) == 0 {
		return nil
	}
	return query(c.build(plain))
}

// build returns the condition for some texts, ending with AND, or "".
func (c *condition) build(texts []string) (where string, args []any) {
	args = slices.Clone(c.domainArgs)
	var parts []string
	for _, text := range texts {
		for _, column := range c.columns {
			parts = append(parts, "INSTR("+column+", ?) > 0")
			args = append(args, text)
		}
	}
	if parts == nil {
		return c.state + c.domain, args
	}
	return c.state + c.domain + "(" + strings.Join(parts, " OR ") + ") AND ", args
}

// searchTexts returns the texts to look for: the search in lower case, and with A-labels if it contains a domain that
// has some.
func searchTexts(search string) []string {
	texts := []string{strings.ToLower(search)}
	at := strings.LastIndexByte(search, '@') + 1
	if name, err := address.Domain(search[at:]); err == nil && !address.IsASCII(search[at:]) {
		texts = append(texts, address.Lower(search[:at])+name)
	}
	return texts
}

// CountDomains returns how many domains a [Query] selects. It ignores After and Limit. See [InDomain] for the errors.
func (s *Store) CountDomains(ctx context.Context, q Query) (int, error) {
	return s.count(ctx, q, tables.Domains)
}

// CountUsers returns how many users a [Query] selects. It ignores After and Limit. See [InDomain] for the errors.
func (s *Store) CountUsers(ctx context.Context, q Query) (int, error) {
	return s.count(ctx, q, tables.Users)
}

// CountAliases returns how many aliases a [Query] selects. It ignores After and Limit. See [InDomain] for the errors.
func (s *Store) CountAliases(ctx context.Context, q Query) (int, error) {
	return s.count(ctx, q, tables.Aliases)
}

// count returns how many rows of a table a query selects.
func (s *Store) count(ctx context.Context, q Query, table string) (n int, err error) {
	c, err := s.condition(ctx, q, table)
	if err != nil {
		return 0, err
	}
	err = s.browse(ctx, func(ctx context.Context, db bun.IDB) error {
		return c.run(func(where string, args []any) error {
			query := "SELECT COUNT(*) FROM " + table
			if where != "" {
				query += " WHERE " + strings.TrimSuffix(where, " AND ")
			}
			return mapError(db.QueryRowContext(ctx, query, args...).Scan(&n))
		})
	})
	return n, err
}
