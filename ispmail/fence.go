package ispmail

import (
	"context"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// fence keeps a lost transaction from being committed later, by a node of the cluster that is cut off or hangs: it writes a
// row that the lost one has written, without changing it. Of the two, the cluster accepts the one that commits first. So once
// fence is committed, the lost transaction is committed by then, which fails fence, or never. done is false if there is no
// such row.
//
// No wait does this: a read on one node cannot tell how long another one stays away.
func (s *Store) fence(ctx context.Context, tx, lost *transaction, changes []fieldChange) (done bool, err error) {
	tx.raw = true // no evidence: if this commit gets lost too, that is no success
	for _, c := range changes {
		if c.before.Valid {
			if done, err = s.touchRow(ctx, tx, c.table, c.id); done || err != nil {
				return done, err
			}
		}
	}
	if len(lost.guards) > 0 {
		n, err := s.touchDomains(ctx, tx, lost.guards)
		if n > 0 || err != nil {
			return n > 0, err
		}
	}
	if lost.claimed {
		return true, s.claimNames(ctx, tx)
	}
	return false, nil
}

// touchRow writes a row without changing it. done is false if it is not there, or its text is NULL or reads the same from behind.
func (s *Store) touchRow(ctx context.Context, tx *transaction, table string, id any) (done bool, err error) {
	column := witnessColumn[table] // of a user the password: some accounts may change nothing else
	err = s.withTable(ctx, tx, table, func(t *tables.Table) error {
		// An empty text becomes a dot for a moment, others are turned round.
		update := func(from, to string) string {
			return unchecked + "UPDATE " + table + " SET " + column + " = IF(CAST(" + column + " AS BINARY) = '" + from + "', '" + to + "', REVERSE(" + column + "))" + keepStamps(t) + " WHERE id = ?"
		}
		result, err := tx.ExecContext(ctx, update("", ".")+" AND (CAST("+column+" AS BINARY) = '' OR CAST("+column+" AS BINARY) <> CAST(REVERSE("+column+") AS BINARY))", id)
		if err != nil {
			return mapError(err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return mapError(err)
		}
		_, err = tx.ExecContext(ctx, update(".", ""), id)
		done = err == nil
		return mapError(err)
	})
	return done, err
}
