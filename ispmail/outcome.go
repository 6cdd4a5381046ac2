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

// A fieldChange is what a transaction did to a field of a row, or to the row itself if the column is id. A value that
// is not Valid stands for NULL or for no row.
type fieldChange struct {
	table, column string
	id            any // an int64 or a textID
	before, after sql.NullString
}

// enoughChanges bounds how many changes of a transaction are kept as evidence. Others may change one of the rows after
// the commit, but hardly all of them.
const enoughChanges = 16

// recordChange keeps a change as evidence. nil is the value of a row that does not exist.
func (tx *transaction) recordChange(table, column string, id, before, after any) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if column == "id" && after == nil {
		if tx.forget(table, id) {
			return // the transaction inserted the row itself
		}
	}
	for i := range tx.fieldChanges {
		if c := &tx.fieldChanges[i]; c.table == table && c.column == column && c.id == id {
			c.after = nullString(after)
			return
		}
	}
	if len(tx.fieldChanges) >= enoughChanges {
		tx.fieldChanges = slices.DeleteFunc(tx.fieldChanges, func(c fieldChange) bool { return c.before == c.after }) // no evidence
	}
	if len(tx.fieldChanges) < enoughChanges {
		tx.fieldChanges = append(tx.fieldChanges, fieldChange{table, column, id, nullString(before), nullString(after)})
	}
}

// hasEvidence reports whether there is some evidence, so that an import of many statements need not look for the id of each
// row.
func (tx *transaction) hasEvidence() bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return len(tx.fieldChanges) >= enoughChanges/4
}

// forget drops the evidence about a deleted row and, with a domain, about rows that may have been deleted with it.
// inserted reports whether the transaction itself had inserted the row.
func (tx *transaction) forget(table string, id any) (inserted bool) {
	tx.fieldChanges = slices.DeleteFunc(tx.fieldChanges, func(c fieldChange) bool {
		same := c.table == table && c.id == id
		inserted = inserted || same && c.column == witnessColumn[table] && !c.before.Valid
		return same || table == tables.Domains && c.table != tables.Domains
	})
	return inserted
}

// nullString returns a value as the database would return its text.
func nullString(value any) sql.NullString {
	if value == nil {
		return sql.NullString{}
	}
	return sql.NullString{String: fmt.Sprint(value), Valid: true}
}

// outcome finds out whether a transaction whose commit failed is committed. It returns nil if it is, ErrUnavailable if
// it is not, and ErrOutcomeUnknown if the database does not tell within the timeout. The end of the caller's context
// does not stop it.
func (s *Store) outcome(ctx context.Context, tx *transaction, lost error) error {
	// A value that did not change is no evidence. If nothing changed, the outcome makes no difference.
	changes := slices.DeleteFunc(tx.fieldChanges, func(c fieldChange) bool { return c.before == c.after })
	if len(changes) == 0 {
		if tx.raw { // there may be rows of the caller, of which nothing is known here
			return fmt.Errorf("%w: only rows of the program tell: %w", ErrOutcomeUnknown, lost)
		}
		return nil
	}
	ctx, cancel := s.deadline(context.WithoutCancel(ctx))
	defer cancel()
	for {
		found, err := s.readBack(ctx, tx, changes)
		switch {
		case err != nil:
		case found == made:
			return nil
		case found == notMade:
			return &databaseError{kind: ErrUnavailable, text: "the connection broke, nothing was changed", cause: lost}
		case found == pending:
			return fmt.Errorf("%w: it may be under way on another node of the cluster: %w", ErrOutcomeUnknown, lost)
		default:
			return fmt.Errorf("%w: others have changed the same rows since: %w", ErrOutcomeUnknown, lost)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrOutcomeUnknown, lost)
		}
	}
}

// isAnswer reports whether the error of a commit is the answer of the database, which has not committed then.
func (s *Store) isAnswer(err error) bool {
	switch code := errorCode(err); code {
	case 0, mariaShutdown, mariaInterrupted, mariaKilled, mariaNoQuorum, mariaCommitFailed:
		return false
	default:
		return true
	}
}

// What the rows tell about a commit.
type finding int

const (
	unclear finding = iota // others have changed the rows
	made
	notMade
	pending // not made, and it may still come
)

// readBack compares the rows with the evidence. A salted hash alone proves the commit. Other columns must all agree,
// because somebody else may have written the same value. That a commit will not come is proved by the lock on its rows on a
// single server, and by fence on a cluster.
func (s *Store) readBack(ctx context.Context, lost *transaction, changes []fieldChange) (found finding, err error) {
	_, err = s.transactOnce(ctx, nil, func(ctx context.Context, tx *transaction) error {
		before, after := 0, 0
	rows:
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
					break rows
				}
			case c.before:
				before++
			}
		}
		switch {
		case after > 0 && before == 0:
			found = made
		case before == 0 || after > 0:
			found = unclear
		case s.onNode():
			found = pending
			fenced, err := s.fence(ctx, tx, lost, changes)
			if fenced {
				found = notMade
			}
			return err
		default:
			found = notMade
		}
		return nil
	})
	return found, err
}
