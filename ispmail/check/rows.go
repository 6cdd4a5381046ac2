package check

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// Pages of a list. The first one is small: whoever wants only the first finding has it soon.
const (
	firstPage = 100
	pageSize  = 1000
)

// each calls fn for all rows of a table, by id, with the values of the columns. It stands what lists do not: NULL and
// numbers of any size. It ends early when the caller of Check wants no more.
func (c *checker) each(ctx context.Context, table string, columns []string, fn func(id int64, values []string) error) error {
	type line struct {
		id     int64
		values []string
	}
	query := "SELECT id, " + strings.Join(columns, ", ") + " FROM " + table + " WHERE id > ? ORDER BY id LIMIT ?"
	for after, limit := int64(math.MinInt64), firstPage; ; limit = pageSize {
		var page []line
		err := c.store.Read(ctx, func(ctx context.Context, db bun.IDB) error {
			rows, err := db.QueryContext(ctx, query, after, limit)
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }() // its error is that of Err
			values := make([]sql.NullString, len(columns))
			l := line{}
			into := []any{&l.id}
			for i := range values {
				into = append(into, &values[i])
			}
			for rows.Next() {
				if err := rows.Scan(into...); err != nil {
					return err
				}
				l.values = make([]string, len(values))
				for i, value := range values {
					l.values[i] = value.String
				}
				page = append(page, l)
			}
			return rows.Err()
		})
		if err != nil {
			return err
		}
		for _, l := range page {
			if err := fn(l.id, l.values); err != nil || c.stopped {
				return err
			}
		}
		if len(page) < limit {
			return nil
		}
		after = page[len(page)-1].id
	}
}

// table returns what is known of a table.
func (c *checker) table(ctx context.Context, name string) (t *tables.Table, err error) {
	err = c.store.Read(ctx, func(ctx context.Context, db bun.IDB) error {
		t, err = tables.Read(ctx, db, name)
		return err
	})
	return t, err
}

func (c *checker) domains(ctx context.Context) error {
	g := &c.graph
	g.init()
	first := map[uint64]int64{}
	return c.each(ctx, tables.Domains, []string{"name"}, func(id int64, values []string) error {
		name, err := address.Domain(values[0])
		if err != nil {
			c.report(CodeInvalidAddress, tables.Domains, id, "%.100q is no name of a domain: correct it, or delete the row", values[0])
			return nil
		}
		key := g.hash(name)
		g.domains[id] = key
		if _, ok := first[key]; ok {
			c.report(CodeDuplicateDomain, tables.Domains, id, "%s is in row %d already: move its users and aliases there and delete this row", name, first[key])
			return nil
		}
		first[key] = id
		g.local[key] = false
		return nil
	})
}

// index reads the addresses that the other steps look up.
func (c *checker) index(ctx context.Context) error {
	g := &c.graph
	err := c.each(ctx, tables.Users, []string{"email"}, func(_ int64, values []string) error {
		if email, err := address.Canonical(values[0]); err == nil {
			g.users = append(g.users, g.hash(email))
			if domain := g.hash(address.DomainOf(email)); g.hasHash(domain) {
				g.local[domain] = true
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = c.each(ctx, tables.Aliases, []string{"source", "destination"}, func(_ int64, values []string) error {
		source, err := address.Source(values[0])
		if err != nil {
			return nil //nolint:nilerr // reported later
		}
		if source[0] != '@' && values[1] != "" { // an empty destination is no answer to Postfix
			g.sources = append(g.sources, g.hash(source))
		}
		destinations := route.Destinations(values[1])
		if source[0] == '@' && values[1] != "" && len(destinations) == 0 { // nothing but a comma, which Postfix heeds
			g.addCatchAll(source[1:], "")
		}
		for _, d := range destinations {
			destination := address.SourceOrNone(d)
			if source[0] == '@' {
				g.addCatchAll(source[1:], destination)
			}
			if destination != "" {
				g.pairs = append(g.pairs, g.pair(source, destination))
			}
		}
		return nil
	})
	g.sort()
	return err
}

func (c *checker) users(ctx context.Context) error {
	t, err := c.table(ctx, tables.Users)
	if err != nil {
		return err
	}
	g := &c.graph
	first := map[uint64]int64{} // of addresses that stand in several rows
	columns := []string{"domain_id", "email", "password"}
	if t.HasQuota() {
		columns = append(columns, "quota")
	}
	return c.each(ctx, tables.Users, columns, func(id int64, values []string) error {
		report := func(code Code, format string, args ...any) { c.report(code, tables.Users, id, format, args...) }
		user := ispmail.User{ID: id, Email: values[1], Password: ispmail.NewSecret(values[2])}
		email, _ := address.Canonical(user.Email)
		c.password(user, email, t.Columns["password"].Chars, report)
		if t.HasQuota() {
			checkQuota(values[3], t.Columns["quota"], report)
		}
		domain := strings.TrimPrefix(user.Email, "@")
		if email != "" {
			domain = address.DomainOf(email)
		} else if name, err := address.Domain(domain); err == nil && user.Email[0] == '@' && tables.IsNoLogin(values[2]) {
			domain = name
		} else {
			report(CodeInvalidAddress, "%.100q is no address, so that nobody can log in: correct it, or delete the row", user.Email)
			return nil
		}
		c.domain(CodeUserInWrongDomain, values[0], domain, report)
		if email == "" {
			return nil
		}
		if key := g.hash(email); repeated(g.users, key) {
			if _, ok := first[key]; ok {
				report(CodeSameCanonicalAddress, "%s is the address of row %d too, so that neither can log in here: delete one of them", email, first[key])
			} else {
				first[key] = id
			}
		}
		if g.HasAlias(email) && !g.keepsCopy(email) {
			report(CodeShadowedAlias, "aliases send all mail for %s elsewhere and none to the mailbox: if it should get mail too, add an alias from the address to itself", email)
		}
		return nil
	})
}

// domain compares the domain of an address with the one that domain_id says.
func (c *checker) domain(code Code, id, name string, report func(Code, string, ...any)) {
	number, err := strconv.ParseInt(id, 10, 64)
	key, ok := c.graph.domains[number]
	switch {
	case err != nil || !ok:
		report(code, "domain_id is that of no valid domain: set it to the id of %s", name)
	case key != c.graph.hash(name) && !c.graph.HasDomain(name):
		report(code, "%s is not in virtual_domains, so that no mail for it arrives: add the domain and set domain_id, or delete the row", name)
	case key != c.graph.hash(name):
		report(code, "domain_id is not that of %s: correct it, or the row goes when the other domain is deleted", name)
	}
}

func checkQuota(value string, column tables.Column, report func(Code, string, ...any)) {
	if value == "" {
		return // NULL
	}
	quota, err := strconv.ParseInt(value, 10, 64)
	switch highest := column.Max(); {
	case quota < 0:
		report(CodeQuotaOverflow, "the quota is negative: set it to a number of bytes, or to 0 for no limit")
	case errors.Is(err, strconv.ErrRange), highest > 0 && quota == highest:
		report(CodeQuotaOverflow, "the quota is the highest number of the column or more, which is what is left of one that did not fit: set it again, or to 0 for no limit")
	}
}

func (c *checker) aliases(ctx context.Context) error {
	g := &c.graph
	first := map[uint64]int64{} // of aliases that stand in several rows
	return c.each(ctx, tables.Aliases, []string{"domain_id", "source", "destination"}, func(id int64, values []string) error {
		report := func(code Code, format string, args ...any) { c.report(code, tables.Aliases, id, format, args...) }
		source, err := address.Source(values[1])
		if err != nil {
			report(CodeInvalidAddress, "the source %.100q is no address and no @domain: correct it, or delete the row", values[1])
			return nil
		}
		c.domain(CodeAliasInWrongDomain, values[0], address.DomainOf(source), report)
		if source[0] == '@' && g.local[g.hash(source[1:])] {
			report(CodeCatchAllWithoutEmail2Email, "%s has mailboxes too: make sure that virtual_alias_maps of Postfix has email2email, or the catch-all takes their mail", source[1:])
		}
		destinations := route.Destinations(values[2])
		if len(destinations) == 0 {
			report(CodeInvalidAddress, "%s has an empty destination: correct it, or delete the row", source)
		}
		for _, d := range destinations {
			destination := address.SourceOrNone(d)
			if destination == "" {
				report(CodeInvalidAddress, "the destination %.100q of %s is no address: correct it, or delete the row", d, source)
				continue
			}
			if key := g.pair(source, destination); repeated(g.pairs, key) {
				if _, ok := first[key]; ok {
					report(CodeDuplicateAlias, "%s leads to %s by row %d already: delete it here", source, destination, first[key])
					continue
				}
				first[key] = id
			}
			c.destination(id, source, destination, report)
		}
		return nil
	})
}

// destination looks where an alias leads.
func (c *checker) destination(id int64, source, destination string, report func(Code, string, ...any)) {
	g := &c.graph
	if destination[0] == '@' && g.hasSeveral(source) {
		c.reportAlias(CodeShadowedAlias, id, "%s has other destinations beside %s, and Postfix heeds a whole domain only as the first one: keep one of them", source, destination)
		return
	}
	domain := address.DomainOf(destination)
	if !g.HasDomain(domain) && address.DomainOf(source) != domain {
		report(CodeExternalDestination, "%s sends mail to %s on another server: make sure that this is wanted", source, destination)
	}
	switch m := route.Follow(g, source, destination); m.Kind {
	case route.Alias, route.CatchAll:
		g.addEdge(source, m)
	case route.Loop:
		c.reportAlias(CodeAliasLoop, id, "%s -> %s leads to itself and there is no such mailbox: delete the row, or create the user", source, destination)
	case route.Nobody:
		c.reportAlias(CodeDanglingAlias, id, "%s leads to %s, and nothing there takes the mail: create the user, or correct or delete the alias", source, destination)
	}
}
