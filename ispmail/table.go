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

// witnessColumn is the column by which a row is known to be the one that was inserted.
var witnessColumn = map[string]string{tables.Domains: "name", tables.Users: "password", tables.Aliases: "source"}

// A catalog remembers the tables. Each is looked at when it is first needed and again when something does not fit any
// more, so that an account needs no rights for tables that it does not use, and a column that changes needs no restart.
type catalog struct {
	mu      sync.Mutex
	known   map[string]*tables.Table
	domains map[string][]int64 // ids by canonical name, of which lockDomains makes sure
}

// domainIDs returns the ids of domains that lockDomains has seen, and whether it has seen all of them.
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

// remember notes the ids of domains.
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

// withTable runs fn with what is known of a table. If fn fails as it would with knowledge that is out of date, the table
// is looked at again, and if it is another now, fn runs once more.
func (s *Store) withTable(ctx context.Context, db bun.IDB, name string, fn func(*tables.Table) error) error {
	known := s.catalog.get(name)
	if known == nil || s.lax { // a server that is not strict would cut what a column does not hold any more
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

// readColumns asks the database for the columns of a table, and remembers them.
func (s *Store) readColumns(ctx context.Context, db bun.IDB, name string) (*tables.Table, error) {
	t, err := tables.Read(ctx, db, name)
	if err != nil {
		return nil, mapError(err)
	}
	s.catalog.put(t)
	return t, nil
}

// fits returns ErrTooLong if a text is too long for its column.
func fits(t *tables.Table, column, value string) error {
	if err := t.Fits(column, value); err != nil {
		return fmt.Errorf("%w: %w", ErrTooLong, err)
	}
	return nil
}

// fitsQuota is fits for a quota in bytes. Where there is no such column, there is no limit, which is 0.
func fitsQuota(t *tables.Table, bytes int64) error {
	if !t.HasQuota() {
		if bytes == 0 {
			return nil
		}
		return ErrNoQuota
	}
	// A server that is not strict would take the nearest number that fits.
	if highest := t.Columns["quota"].Max(); bytes < 0 || highest > 0 && bytes > highest {
		return fmt.Errorf("%w: quota %d, virtual_users.quota holds 0 to %d", ErrTooLong, bytes, highest)
	}
	return nil
}
