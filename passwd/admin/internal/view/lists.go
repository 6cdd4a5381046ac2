package view

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail"
)

// A Cursor says where a page of a list begins: after a row, of a domain if the list goes through several. The zero value is the
// beginning.
type Cursor struct{ Domain, Row int64 }

// ParseCursor reads what [Cursor.String] returns.
func ParseCursor(text string) (c Cursor, ok bool) {
	if text == "" {
		return c, true
	}
	domain, row, _ := strings.Cut(text, ".")
	var errDomain, errRow error
	c.Domain, errDomain = strconv.ParseInt(domain, 10, 64)
	c.Row, errRow = strconv.ParseInt(row, 10, 64)
	return c, errDomain == nil && errRow == nil
}

// String returns the cursor for a URL, "" for the beginning.
func (c Cursor) String() string {
	if c == (Cursor{}) {
		return ""
	}
	return fmt.Sprintf("%d.%d", c.Domain, c.Row)
}

// A Page is a part of a list.
type Page[T any] struct {
	Rows []T
	Next string // the cursor of the next page, "" if this is the last one
}

// A lister is a method of a Store that lists rows.
type lister[T any] func(context.Context, ispmail.Query) iter.Seq2[T, error]

// page reads a page. It has one row more than it shows, to know whether another page follows.
func page[T any](ctx context.Context, list lister[T], q ispmail.Query, id func(T) int64) (p Page[T], err error) {
	q.Limit = PageSize + 1
	for row, err := range list(ctx, q) {
		if err != nil {
			return p, err
		}
		p.Rows = append(p.Rows, row)
	}
	if len(p.Rows) > PageSize {
		p.Rows = p.Rows[:PageSize]
		p.Next = Cursor{Row: id(p.Rows[PageSize-1])}.String()
	}
	return p, nil
}

// search reads a page of the rows of all domains of the administrator in which a text is found.
func search[T any](ctx context.Context, v View, store *ispmail.Store, list lister[T], text string, from Cursor, id func(T) int64) (p Page[T], err error) {
	if v.all {
		return page(ctx, list, ispmail.Query{Search: text, After: from.Row}, id)
	}
	domains, err := v.domainRows(ctx, store)
	for _, d := range domains {
		if err != nil {
			return p, err
		}
		if d.ID < from.Domain {
			continue
		}
		q := ispmail.InDomain(d.Name)
		q.Search, q.Limit = text, PageSize+1-len(p.Rows)
		if d.ID == from.Domain {
			q.After = from.Row
		}
		for row, err := range list(ctx, q) {
			if err != nil {
				return p, err
			}
			if len(p.Rows) == PageSize {
				p.Next = from.String()
				return p, nil
			}
			p.Rows = append(p.Rows, row)
			from = Cursor{Domain: d.ID, Row: id(row)}
		}
	}
	return p, err
}

func userID(u ispmail.User) int64   { return u.ID }
func aliasID(a ispmail.Alias) int64 { return a.ID }

// users are the rows that are seen.
func (v View) users(store *ispmail.Store, p Page[ispmail.User], names map[int64]string) Page[User] {
	shown := Page[User]{Next: p.Next}
	for _, u := range p.Rows {
		if v.seesRow(u.Email, u.DomainID, names) {
			shown.Rows = append(shown.Rows, v.user(store, u))
		}
	}
	return shown
}

func (v View) aliasGroups(p Page[ispmail.Alias], names map[int64]string) Page[AliasGroup] {
	var rows []ispmail.Alias
	for _, a := range p.Rows {
		if v.seesRow(a.Source, a.DomainID, names) {
			rows = append(rows, a)
		}
	}
	return Page[AliasGroup]{Rows: groups(rows), Next: p.Next}
}

// Users returns a page of the users of a domain, by id, whose address has a text in it.
func (v View) Users(ctx context.Context, d Domain, text string, from Cursor) (Page[User], error) {
	q := ispmail.InDomain(d.Name)
	q.Search, q.After = text, from.Row
	store, names, err := v.prepare(ctx)
	if err != nil {
		return Page[User]{}, err
	}
	p, err := page(ctx, store.Users, q, userID)
	return v.users(store, p, names), err
}

// Aliases returns a page of the aliases of a domain, by the id of their rows, whose source or destination has a text in it. Rows of
// one source are together where they come on one page.
func (v View) Aliases(ctx context.Context, d Domain, text string, from Cursor) (Page[AliasGroup], error) {
	q := ispmail.InDomain(d.Name)
	q.Search, q.After = text, from.Row
	store, names, err := v.prepare(ctx)
	if err != nil {
		return Page[AliasGroup]{}, err
	}
	p, err := page(ctx, store.Aliases, q, aliasID)
	return v.aliasGroups(p, names), err
}

func (v View) prepare(ctx context.Context) (*ispmail.Store, map[int64]string, error) {
	store, err := v.data.store()
	if err != nil {
		return nil, nil, err
	}
	names, err := v.names(ctx, store)
	return store, names, err
}

// SearchUsers returns a page of the users with a text in their address.
func (v View) SearchUsers(ctx context.Context, text string, from Cursor) (Page[User], error) {
	store, names, err := v.prepare(ctx)
	if err != nil {
		return Page[User]{}, err
	}
	p, err := search(ctx, v, store, store.Users, text, from, userID)
	return v.users(store, p, names), err
}

// SearchAliases returns a page of the aliases with a text in their source or destination.
func (v View) SearchAliases(ctx context.Context, text string, from Cursor) (Page[AliasGroup], error) {
	store, names, err := v.prepare(ctx)
	if err != nil {
		return Page[AliasGroup]{}, err
	}
	p, err := search(ctx, v, store, store.Aliases, text, from, aliasID)
	return v.aliasGroups(p, names), err
}

// AliasesTo returns aliases of the administrator's domains that lead to an address directly, at most PageSize of them, and reports
// whether there are more.
func (v View) AliasesTo(ctx context.Context, address string) (rows []ispmail.Alias, more bool, err error) {
	store, names, err := v.prepare(ctx)
	if err != nil {
		return nil, false, err
	}
	for a, err := range store.Aliases(ctx, ispmail.Query{Search: address}) {
		if err != nil {
			return nil, false, err
		}
		if !v.seesRow(a.Source, a.DomainID, names) || sameAddress(a.Source, address) || !leadsTo(a, address) {
			continue
		}
		if len(rows) == PageSize {
			return rows, true, nil
		}
		rows = append(rows, a)
	}
	return rows, false, nil
}

func leadsTo(a ispmail.Alias, address string) bool {
	for _, d := range a.Destinations() {
		if sameAddress(d, address) {
			return true
		}
	}
	return false
}

// SearchDomains returns the domains with a text in their name, at most PageSize.
func (v View) SearchDomains(ctx context.Context, text string) (found []Domain, err error) {
	store, err := v.data.store()
	if err != nil {
		return nil, err
	}
	report := v.data.doctor.last()
	for d, err := range store.Domains(ctx, ispmail.Query{Search: text}) {
		if err != nil {
			return nil, err
		}
		if len(found) == PageSize {
			break
		}
		if v.sees(d.Name) {
			found = append(found, v.domain(ispmail.DomainCount{Domain: d}, report))
		}
	}
	return found, nil
}
