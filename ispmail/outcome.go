package ispmail

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// When the answer to COMMIT gets lost, the error of the driver is the same whether the server has committed or not.
// Only the rows know. As a transaction is made completely or not at all, one row that it changed tells about all of
// them; it is read with a lock, which waits for a commit that is still under way.

// A change is what a transaction did to a field of a row, or with the column id to the row as such. A value that is not
// Valid is NULL or that of no row.
type change struct {
	table, column string
	id            int64
	before, after sql.NullString
}

// enough changes to tell: others may change a row after the transaction, hardly all of these.
const enoughChanges = 16

// changed notes a change that the transaction has made; nil is the value of no row.
func (tx *transaction) changed(table, column string, id int64, before, after any) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if column == "id" && after == nil {
		if tx.forget(table, id) {
			return // the row came and went
		}
	}
	for i := range tx.changes {
		if c := &tx.changes[i]; c.table == table && c.column == column && c.id == id {
			c.after = nullString(after)
			return
		}
	}
	if len(tx.changes) >= enoughChanges {
		tx.changes = slices.DeleteFunc(tx.changes, func(c change) bool { return c.before == c.after }) // they tell nothing
	}
	if len(tx.changes) < enoughChanges {
		tx.changes = append(tx.changes, change{table, column, id, nullString(before), nullString(after)})
	}
}

// forget drops what was noted of a row that is deleted, and of what may be deleted with a domain. It tells whether the row
// is one that the transaction itself has inserted.
func (tx *transaction) forget(table string, id int64) (inserted bool) {
	tx.changes = slices.DeleteFunc(tx.changes, func(c change) bool {
		same := c.table == table && c.id == id
		inserted = inserted || same && c.column == witnessColumn[table] && !c.before.Valid
		return same || table == tables.Domains && c.table != tables.Domains
	})
	return inserted
}

func nullString(value any) sql.NullString {
	if value == nil {
		return sql.NullString{}
	}
	return sql.NullString{String: fmt.Sprint(value), Valid: true}
}

// outcome finds out what became of a transaction whose commit ended with an error. It returns nil if it was made,
// ErrUnavailable if not, and ErrOutcomeUnknown if the database does not tell within the time of the store. The caller
// who has gone away does not end this.
func (s *Store) outcome(ctx context.Context, changes []change, lost error) error {
	// What is as it was tells nothing, and if nothing else was done, it does not matter what became of it.
	changes = slices.DeleteFunc(changes, func(c change) bool { return c.before == c.after })
	if len(changes) == 0 {
		return nil
	}
	ctx, cancel := s.deadline(context.WithoutCancel(ctx))
	defer cancel()
	for {
		made, known, err := s.readBack(ctx, changes)
		switch {
		case err == nil && made:
			return nil
		case err == nil && known:
			return &databaseError{kind: ErrUnavailable, text: "the connection broke, nothing was changed", cause: lost}
		case err == nil:
			return fmt.Errorf("%w: others have changed the same rows since: %w", ErrOutcomeUnknown, lost)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrOutcomeUnknown, lost)
		}
	}
}

// readBack looks at the rows. A hash is salted, so that nobody else can have written it; other values may be what others
// wrote too, and tell only if all say the same.
func (s *Store) readBack(ctx context.Context, changes []change) (made, known bool, err error) {
	before, after := 0, 0
	_, err = s.transactOnce(ctx, nil, func(ctx context.Context, tx *transaction) error {
		for _, c := range changes {
			var now sql.NullString
			query := tx.NewSelect().Column(c.column).Table(c.table).Where("id = ?", c.id)
			if s.isMariaDB() {
				query.For("UPDATE")
			}
			if err := mapError(query.Scan(ctx, &now)); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			switch now {
			case c.after:
				after++
				if c.column == "password" {
					before = 0
					return nil
				}
			case c.before:
				before++
			}
		}
		return nil
	})
	return after > 0 && before == 0, (after > 0) != (before > 0), err
}
