package ispmail

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"unicode/utf8"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// Restore puts records that Export has made into the three tables, which must be empty: every row as it was, with its
// id, faulty ones too. It is one transaction, so that either all are there in the end or none. A table may lack the
// column quota if no user has one.
//
// It returns the errors of records, ErrExists if the tables are not empty, and for a row that does not fit, which it
// names, ErrExists if a unique key takes it for another one, ErrNoDomain, ErrNoQuota or ErrTooLong. It cannot be part of
// RunInTx.
func (s *Store) Restore(ctx context.Context, records iter.Seq2[Record, error]) error {
	if s.tx != nil {
		return errors.New("ispmail: Restore cannot be part of a transaction")
	}
	_, err := s.transactOnce(ctx, s.isolation(), func(ctx context.Context, tx *transaction) error {
		within := s.in(tx)
		if err := within.needEmpty(ctx); err != nil {
			return err
		}
		for batch, err := range batches(records) {
			if err == nil {
				err = within.restore(ctx, batch)
				tx.tell(Change{Kind: ManyCreated})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// needEmpty returns an error unless the three tables are empty. The lock keeps them so.
func (s *Store) needEmpty(ctx context.Context) error {
	return s.write(ctx, func(ctx context.Context, tx *transaction) error {
		for _, name := range []string{tables.Domains, tables.Users, tables.Aliases} {
			query := tx.NewSelect().ColumnExpr("1").Table(name).Limit(1)
			if s.isMariaDB() {
				query.For("UPDATE")
			}
			var one int
			switch err := mapError(query.Scan(ctx, &one)); {
			case err == nil:
				return fmt.Errorf("%w: %s has rows, and only empty tables can be restored", ErrExists, name)
			case !errors.Is(err, ErrNotFound):
				return err
			}
		}
		return nil
	})
}

// restore inserts rows as they are, those of one table after those of another, as a user needs its domain.
func (s *Store) restore(ctx context.Context, batch []Record) error {
	return s.write(ctx, func(ctx context.Context, tx *transaction) error {
		var from int
		for from < len(batch) {
			name := batch[from].tableName()
			to := from
			var rows []newRow
			for ; to < len(batch) && batch[to].tableName() == name; to++ {
				row, err := s.restored(ctx, tx, batch[to])
				if err != nil {
					return batch[to].wrap(err)
				}
				rows = append(rows, row)
			}
			refused, err := s.insertEach(ctx, tx, name, rows)
			if err != nil {
				return err
			}
			for i, err := range refused {
				if err != nil {
					return batch[from+i].wrap(err)
				}
			}
			from = to
		}
		return nil
	})
}

// restored returns a record as the row that it was.
func (s *Store) restored(ctx context.Context, tx *transaction, r Record) (newRow, error) {
	row, id := r.newRow()
	switch {
	case r.tableName() == "":
		return newRow{}, fmt.Errorf("%w: it is empty", ErrRecord)
	case id == 0:
		return newRow{}, fmt.Errorf("%w: a row without an id cannot be restored, only imported", ErrRecord)
	case r.NewPassword.Reveal() != "":
		return newRow{}, fmt.Errorf("%w: a new password cannot be restored, only imported", ErrRecord)
	}
	for _, value := range row.values {
		if text, ok := value.(string); ok && !utf8.ValidString(text) { // bun would mend it
			return newRow{}, fmt.Errorf("%w: a text is not UTF-8", ErrRecord)
		}
	}
	row = row.with("id", id)
	err := s.withTable(ctx, tx, r.tableName(), func(t *tables.Table) error {
		if row.value("domain_id") == int64(0) {
			if t.Columns["domain_id"].Required {
				return ErrNoDomain
			}
			row = row.with("domain_id", nil)
		}
		switch quota := row.value("quota"); {
		case quota == nil && t.HasQuota() && t.Columns["quota"].Nullable:
			row = row.with("quota", nil) // and not the default
		case quota != nil && !t.HasQuota() && quota != int64(0):
			return ErrNoQuota
		case !t.HasQuota():
			row = row.without("quota") // no limit, as there
		}
		return nil
	})
	return row, err
}

// insertEach inserts rows of a table, all together if that works, else in ten parts, and so on down to single rows: where a
// few of many are refused, that takes a few dozen statements, and where all are, little more than one for each. It returns
// for each row why it was refused, nil if it was not.
func (s *Store) insertEach(ctx context.Context, tx *transaction, name string, rows []newRow) (refused []error, err error) {
	if len(rows) == 0 {
		return nil, nil
	}
	const mark = "ispmail_rows"
	known := len(tx.changes)
	if _, err := tx.ExecContext(ctx, "SAVEPOINT "+mark); err != nil {
		return nil, mapError(err)
	}
	_, err = s.insert(ctx, tx, name, rows...)
	if err == nil || !isRefusal(err) {
		return make([]error, len(rows)), err
	}
	if _, err := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT "+mark); err != nil {
		return nil, mapError(err)
	}
	tx.changes = tx.changes[:known]
	if len(rows) == 1 {
		return []error{err}, nil
	}
	const few = 50
	if len(rows) > few {
		for part := range slices.Chunk(rows, len(rows)/10) {
			errs, err := s.insertEach(ctx, tx, name, part)
			if err != nil {
				return nil, err
			}
			refused = append(refused, errs...)
		}
		return refused, nil
	}
	for _, row := range rows { // a statement that fails changes nothing
		_, err := s.insert(ctx, tx, name, row)
		if err != nil && !isRefusal(err) {
			return nil, err
		}
		refused = append(refused, err)
	}
	return refused, nil
}

// isRefusal tells whether the database refused a row for its values.
func isRefusal(err error) bool {
	return errors.Is(err, ErrExists) || errors.Is(err, ErrTooLong) || errors.Is(err, ErrNoDomain) || isForeignText(err)
}
