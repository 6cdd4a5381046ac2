package ispmail

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// witnessColumn names the column that identifies an inserted row, because an id alone does not: see insertAlike.
var witnessColumn = map[string]string{tables.Domains: "name", tables.Users: "password", tables.Aliases: "source"}

// A catalog remembers the columns of tables. A table is read when it is first needed, so that an account needs no
// rights on tables that it does not use. It is read again when a value does not fit, so that a changed column needs no
// restart.
type catalog struct {
	mu      sync.Mutex
	known   map[string]*tables.Table
	domains map[string][]int64 // ids by canonical name; lockDomains verifies them
	// transactions has the tables whose engine is known to have transactions.
	transactions map[string]bool
	keys         map[string][]string // columns of unique keys
}

// domainIDs returns the remembered ids of domains. known is false if one of the domains is not remembered.
func (c *catalog) domainIDs(names []string) (ids []int64, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range names {
		ids = append(ids, c.domains[name]...)
		if c.domains[name] == nil {
			return nil, false
		}
	}
	slices.Sort(ids)
	return ids, true
}

const maxRemembered = 10_000 // domains

// remember stores the ids of domains.
func (c *catalog) remember(rows []Domain) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.domains == nil || len(c.domains) > maxRemembered {
		c.domains = map[string][]int64{}
	}
	for _, d := range rows {
		c.domains[d.canonical()] = nil
	}
	for _, d := range rows {
		c.domains[d.canonical()] = append(c.domains[d.canonical()], d.ID)
	}
}

func (c *catalog) get(name string) *tables.Table {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[name]
}

func (c *catalog) put(t *tables.Table) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[string]*tables.Table{}
	}
	c.known[t.Name] = t
}

// withTable calls fn with the remembered columns of a table. If fn fails in a way that outdated columns explain,
// withTable reads the table again, and if the columns have changed, calls fn once more.
func (s *Store) withTable(ctx context.Context, db bun.IDB, name string, fn func(*tables.Table) error) error {
	known := s.catalog.get(name)
	if known == nil || s.lax { // a lax server would cut a value for a column that has become narrower
		t, err := s.readColumns(ctx, db, name)
		if err != nil {
			return err
		}
		return fn(t)
	}
	err := fn(known)
	if !mayBeOutdated(err) {
		return err
	}
	if now, e := s.readColumns(ctx, db, name); e == nil && !maps.Equal(now.Columns, known.Columns) {
		return fn(now)
	}
	return err
}

func mayBeOutdated(err error) bool {
	return errors.Is(err, ErrTooLong) || errors.Is(err, ErrNoQuota) || errors.Is(err, ErrSchema) || errorCode(err) == mariaColumnDenied
}

// readColumns reads the columns of a table from the database and remembers them.
func (s *Store) readColumns(ctx context.Context, db bun.IDB, name string) (*tables.Table, error) {
	t, err := tables.Read(ctx, db, name)
	if err != nil {
		return nil, mapError(err)
	}
	if err := s.remember(t); err != nil {
		return nil, err
	}
	return s.catalog.get(name), nil
}

// fits returns ErrTooLong if a text is too long for its column.
func fits(t *tables.Table, column, value string) error {
	if err := t.Fits(column, value); err != nil {
		return fmt.Errorf("%w: %w", ErrTooLong, err)
	}
	return nil
}

// fitsQuota is fits for a quota in bytes. Without a column quota, only 0, no limit, fits.
func fitsQuota(t *tables.Table, bytes int64) error {
	if !t.HasQuota() {
		if bytes == 0 {
			return nil
		}
		return ErrNoQuota
	}
	// A lax server would store the nearest number that fits.
	if highest := t.Columns["quota"].Max(); bytes < 0 || highest > 0 && bytes > highest {
		return fmt.Errorf("%w: quota %d, virtual_users.quota holds 0 to %d", ErrTooLong, bytes, highest)
	}
	return nil
}
