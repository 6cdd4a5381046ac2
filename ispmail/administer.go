package ispmail

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// administer returns ErrSchema if rows of one of some tables cannot be administered: the ids are no numbers, or the engine
// has no transactions. Methods that write more than one password call it before they write.
func (s *Store) administer(ctx context.Context, db bun.IDB, names ...string) error {
	for _, name := range names {
		if err := s.needNumbers(ctx, db, name); err != nil {
			return err
		}
		if err := s.needTransactions(ctx, db, name); err != nil {
			return err
		}
	}
	return nil
}

// needNumbers returns ErrSchema if the ids of a table are texts.
func (s *Store) needNumbers(ctx context.Context, db bun.IDB, name string) error {
	return s.withTable(ctx, db, name, func(t *tables.Table) error { return mapError(t.NeedNumbers()) })
}

// needTransactions returns ErrSchema if a table has an engine without transactions: what fails half-way would stay. It
// knows nothing of the tables behind a view.
func (s *Store) needTransactions(ctx context.Context, db bun.IDB, name string) error {
	if !s.isMariaDB() || s.catalog.hasTransactions(name) {
		return nil
	}
	var engines []string
	err := db.NewRaw(`SELECT t.engine FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine
		WHERE t.table_schema = DATABASE() AND t.table_name = ? AND e.transactions <> 'YES'`, name).Scan(ctx, &engines)
	if err != nil {
		return mapError(err)
	}
	if len(engines) > 0 {
		return fmt.Errorf("%w: %s has the engine %s, which cannot undo a change that fails half-way: %s",
			ErrSchema, name, engines[0], tables.ToInnoDB(name, s.onNode()))
	}
	s.catalog.putTransactions(name)
	return nil
}

// hasTransactions reports whether a table is known to have an engine with transactions.
func (c *catalog) hasTransactions(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.transactions[name]
}

func (c *catalog) putTransactions(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.transactions == nil {
		c.transactions = map[string]bool{}
	}
	c.transactions[name] = true
}
