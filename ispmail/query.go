package ispmail

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// A Query selects rows of a list. The zero value selects all of them, [InDomain] those of one domain.
type Query struct {
	// Search is a part of what is looked for, without regard to case: of the name of a domain, of the address of a
	// user, or of the source or a destination of an alias. "" is part of all.
	Search string
	// After is the id after which the list begins, that of the last row of the page before. The lists are ordered by id.
	After int64
	// Limit is the number of rows at the most, 0 for all.
	Limit int

	domain *string
}

// InDomain returns a query for the users or aliases of a domain. To a query for domains, it is the domain itself. The name
// is checked when the query is used: an empty one is [ErrInvalidAddress], never everybody.
func InDomain(name string) Query { return Query{domain: &name} }

// Pages of a list. The first one is small: whoever only looks at the beginning has it soon.
const (
	firstPage = 100
	pageSize  = 1000
)

// searched are the columns in which Query.Search looks.
var searched = map[string][]string{tables.Domains: {"name"}, tables.Users: {"email"}, tables.Aliases: {"source", "destination"}}

// list returns the rows that a query selects, page after page by id. It keeps one page in memory and no connection between
// pages.
func list[T model](ctx context.Context, s *Store, q Query) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		c, err := s.condition(ctx, q, none.tableName())
		if err != nil {
			yield(none, err)
			return
		}
		after := q.After
		if after == 0 {
			after = math.MinInt64
		}
		for size, left := firstPage, q.Limit; ; size = pageSize {
			if q.Limit > 0 && (q.Limit <= pageSize || left < size) {
				size = left // a page that is asked for is one statement
			}
			var rows []T
			err := s.read(ctx, func(ctx context.Context, db bun.IDB) error {
				return c.run(func(where string, args []any) (err error) {
					rows, err = selectRows[T](ctx, s, db, where+"id > ? ORDER BY "+c.order+"id LIMIT ?", append(args, after, size)...)
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
			after = rows[len(rows)-1].key()
		}
	}
}

// A condition is what a query asks of the rows of a table.
type condition struct {
	domain     string // of a domain, ending with AND, or ""
	domainArgs []any
	order      string
	columns    []string // in which texts are searched
	texts      []string
}

// condition returns that of a query.
func (s *Store) condition(ctx context.Context, q Query, table string) (*condition, error) {
	if q.Limit < 0 {
		return nil, fmt.Errorf("ispmail: Query.Limit is %d", q.Limit)
	}
	c := &condition{columns: searched[table]}
	if q.Search != "" {
		c.texts = searchTexts(q.Search)
	}
	if q.domain == nil {
		return c, nil
	}
	domains, err := s.domains(ctx, *q.domain, readRows)
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
		// For "domain_id = ?", MariaDB walks all rows of the domain up to the page. This it plans as a range over the index of
		// domain_id, which holds the id too.
		c.domain, c.domainArgs, c.order = "domain_id >= ? AND domain_id < ? AND ", []any{ids[0], ids[0] + 1}, "domain_id, "
	}
	return c, nil
}

// run runs a query with the condition. A column that cannot hold the signs of one text does not have it, but may have the
// other.
func (c *condition) run(query func(where string, args []any) error) error {
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

// build returns the condition, ending with AND, for some texts.
func (c *condition) build(texts []string) (where string, args []any) {
	args = slices.Clone(c.domainArgs)
	var parts []string
	for _, text := range texts {
		for _, column := range c.columns {
			parts = append(parts, "INSTR(LOWER("+column+"), ?) > 0")
			args = append(args, text)
		}
	}
	if parts == nil {
		return c.domain, args
	}
	return c.domain + "(" + strings.Join(parts, " OR ") + ") AND ", args
}

// searchTexts returns what to look for: the text in lower case, and what it is in A-labels if it holds others.
func searchTexts(search string) []string {
	texts := []string{strings.ToLower(search)}
	at := strings.LastIndexByte(search, '@') + 1
	if name, err := address.Domain(search[at:]); err == nil && !address.IsASCII(search[at:]) {
		texts = append(texts, address.Lower(search[:at])+name)
	}
	return texts
}

// CountDomains returns how many domains a query selects, without regard to After and Limit.
func (s *Store) CountDomains(ctx context.Context, q Query) (int, error) {
	return s.count(ctx, q, tables.Domains)
}

// CountUsers returns how many users a query selects, without regard to After and Limit.
func (s *Store) CountUsers(ctx context.Context, q Query) (int, error) {
	return s.count(ctx, q, tables.Users)
}

// CountAliases returns how many aliases a query selects, without regard to After and Limit.
func (s *Store) CountAliases(ctx context.Context, q Query) (int, error) {
	return s.count(ctx, q, tables.Aliases)
}

func (s *Store) count(ctx context.Context, q Query, table string) (n int, err error) {
	c, err := s.condition(ctx, q, table)
	if err != nil {
		return 0, err
	}
	err = s.read(ctx, func(ctx context.Context, db bun.IDB) error {
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

// A DomainCount is a domain and how much is in it.
type DomainCount struct {
	Domain
	Users   int `json:"users"`
	Aliases int `json:"aliases"`
}

// DomainCounts returns all domains by id, each with how many users and aliases it has, by one statement.
func (s *Store) DomainCounts(ctx context.Context) (counts []DomainCount, err error) {
	err = s.read(ctx, func(ctx context.Context, db bun.IDB) error {
		counts = nil
		rows, err := db.QueryContext(ctx, `SELECT d.id, d.name, COALESCE(u.n, 0), COALESCE(a.n, 0) FROM virtual_domains d
			LEFT JOIN (SELECT domain_id, COUNT(*) AS n FROM virtual_users GROUP BY domain_id) u ON u.domain_id = d.id
			LEFT JOIN (SELECT domain_id, COUNT(*) AS n FROM virtual_aliases GROUP BY domain_id) a ON a.domain_id = d.id
			ORDER BY d.id`)
		if err != nil {
			return mapError(err)
		}
		defer func() { _ = rows.Close() }() // its error is that of Err
		for rows.Next() {
			var c DomainCount
			var name sql.NullString
			if err := rows.Scan(&c.ID, &name, &c.Users, &c.Aliases); err != nil {
				return mapError(err)
			}
			c.Name = name.String
			counts = append(counts, c)
		}
		return mapError(rows.Err())
	})
	return counts, err
}
