package check

import (
	"context"
	"database/sql"
	"math"
	"strings"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// The numbers of rows of a keyset page. The first page is small, so that the first finding comes soon.
const (
	firstPage = 100
	pageSize  = 1000
)

// eachRow calls fn with the id and the columns of each row of a table, by id. NULL is "". It reads columns as texts, because
// a quota of another program may not fit in an int64. It ends early when the caller of [Run] wants no more findings. It leaves
// out rows that are switched off.
func (c *checker) eachRow(ctx context.Context, table string, columns []string, fn func(id int64, values []string) error) error {
	where := c.tables[table].On
	if where != "" {
		where += " AND "
	}
	return c.eachRowWhere(ctx, table, where, columns, fn)
}

// eachRowWhere is eachRow for the rows of a condition, which ends with AND.
func (c *checker) eachRowWhere(ctx context.Context, table, where string, columns []string, fn func(id int64, values []string) error) error {
	type row struct {
		id     int64
		values []string
	}
	query := "SELECT id, " + strings.Join(columns, ", ") + " FROM " + table + " WHERE " + where + "id > ? ORDER BY id LIMIT ?"
	for after, limit := int64(math.MinInt64), firstPage; ; limit = pageSize {
		var page []row
		err := c.store.Read(ctx, func(ctx context.Context, db bun.IDB) error {
			rows, err := db.QueryContext(ctx, query, after, limit)
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }() // Err returns its error
			values := make([]sql.NullString, len(columns))
			r := row{}
			into := []any{tables.ID{Table: table, Column: "id", To: &r.id}}
			for i := range values {
				into = append(into, &values[i])
			}
			for rows.Next() {
				if err := rows.Scan(into...); err != nil {
					return err
				}
				r.values = make([]string, len(values))
				for i, value := range values {
					r.values[i] = value.String
				}
				page = append(page, r)
			}
			return rows.Err()
		})
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := fn(r.id, r.values); err != nil || c.stopped {
				return err
			}
		}
		if len(page) < limit {
			return nil
		}
		after = page[len(page)-1].id
	}
}

// readTable reads which columns a table has. That of the domains comes first, because their state is that of their users too.
func (c *checker) readTable(ctx context.Context, name string) (t *tables.Table, err error) {
	err = c.store.Read(ctx, func(ctx context.Context, db bun.IDB) error {
		if t, err = tables.Read(ctx, db, name); err != nil {
			return err
		}
		if err := t.NeedNumbers(); err != nil {
			return err
		}
		t, err = t.WithState(c.state, c.tables[tables.Domains])
		return err
	})
	c.tables[name] = t
	return t, err
}

// loadGraph reads the users and aliases into the graph. checkDomains has added the domains.
func (c *checker) loadGraph(ctx context.Context) error {
	g := &c.graph
	err := c.eachRow(ctx, tables.Users, []string{"email"}, func(_ int64, values []string) error {
		email, err := address.Source(values[0])
		if err != nil {
			return nil //nolint:nilerr // checkUsers reports it
		}
		g.users = append(g.users, g.hash(email))
		if email[0] != '@' {
			if domain := g.hash(address.DomainOf(email)); g.hasDomainHash(domain) {
				g.domains[domain] = true
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = c.eachRow(ctx, tables.Aliases, []string{"source", "destination"}, func(_ int64, values []string) error {
		source, err := address.Source(values[0])
		if err != nil {
			return nil //nolint:nilerr // checkAliases reports it
		}
		if source[0] != '@' && values[1] != "" { // to Postfix, an empty destination is no alias
			g.sources = append(g.sources, g.hash(source))
		}
		destinations := route.Destinations(values[1])
		if source[0] == '@' && values[1] != "" && len(destinations) == 0 { // only commas and blanks: to Postfix, an alias
			g.addCatchAll(source[1:], "")
		}
		for _, d := range destinations {
			key := address.Key(d)
			if source[0] == '@' {
				g.addCatchAll(source[1:], key)
			}
			g.pairs = append(g.pairs, g.pairHash(source, key))
		}
		return nil
	})
	g.sort()
	return err
}
