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

// Restore puts records of [Store.Export] into the three tables, which must be empty. Every row gets its former id and
// values, even a faulty one. Restore is one transaction: it adds all rows or none. The table may lack the column quota
// if no user has a quota.
//
// It returns the error of records, [ErrExists] if the tables are not empty, and for a row that does not fit, with its
// name, [ErrRecord], [ErrExists] if a unique key takes it for another row, [ErrNoDomain], [ErrNoQuota] or [ErrTooLong].
// It returns an error inside [Store.RunInTx] and [Store.WithTx].
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
				if slices.ContainsFunc(batch, func(r Record) bool { return r.User != nil }) {
					tx.emit(Change{Kind: ManyCreated})
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// needEmpty returns an error unless the three tables are empty. Its lock keeps them empty.
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

// restore inserts records unchanged, a run of one table at a time, because a user needs its domain.
func (s *Store) restore(ctx context.Context, batch []Record) error {
	return s.write(ctx, func(ctx context.Context, tx *transaction) error {
		var from int
		for from < len(batch) {
			name := batch[from].tableName()
			to := from
			var rows []newRow
			for ; to < len(batch) && batch[to].tableName() == name; to++ {
				row, err := s.restoredRow(ctx, tx, batch[to])
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

// restoredRow returns a record as a row with its former id.
func (s *Store) restoredRow(ctx context.Context, tx *transaction, r Record) (newRow, error) {
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
		if text, ok := value.(string); ok && !utf8.ValidString(text) { // bun would change it
			return newRow{}, fmt.Errorf("%w: a text is not UTF-8", ErrRecord)
		}
	}
	if err := s.keepsState(ctx, r); err != nil {
		return newRow{}, err
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
			row = row.with("quota", nil) // NULL, not the default
		case quota != nil && !t.HasQuota() && quota != int64(0):
			return ErrNoQuota
		case !t.HasQuota():
			row = row.without("quota") // 0, no limit, which the table stands for
		}
		return nil
	})
	return row, err
}

// insertEach inserts rows of a table and returns, for each row, why it was refused, or nil.
//
// It tries all rows at once, then ten parts, and so on down to single rows. If a few of many are refused, that takes a
// few dozen statements; if all are, little more than one each.
func (s *Store) insertEach(ctx context.Context, tx *transaction, name string, rows []newRow) (refused []error, err error) {
	if len(rows) == 0 {
		return nil, nil
	}
	const mark = "ispmail_rows"
	known := len(tx.fieldChanges)
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
	tx.fieldChanges = tx.fieldChanges[:known]
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
	for _, row := range rows { // no savepoints: a single row that is refused changes nothing
		_, err := s.insert(ctx, tx, name, row)
		if err != nil && !isRefusal(err) {
			return nil, err
		}
		refused = append(refused, err)
	}
	return refused, nil
}

// isRefusal reports whether the database refused a row because of its values.
func isRefusal(err error) bool {
	return errors.Is(err, ErrExists) || errors.Is(err, ErrTooLong) || errors.Is(err, ErrNoDomain) || isForeignText(err)
}
