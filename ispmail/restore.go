package ispmail

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// Restore puts records of [Store.Export] into the three tables, which must be empty. Every row gets its former id and
// values, even a faulty one. Restore is one transaction: it adds all rows or none. The table may lack the column quota
// if no user has a quota. New rows get ids after the highest one.
//
// The values of [Record.Columns] are read back before the commit: those that a type, a character set or a trigger would
// change are refused. A number may become a text of the same digits, and such a text a number. Columns that a record does
// not have get their defaults, or the values of [Config.Columns].
//
// It returns the error of records, [ErrExists] if the tables are not empty, and for a row that does not fit, with its
// name, [ErrRecord], [ErrExists] if a unique key takes it for another row, [ErrNoDomain], [ErrNoQuota], [ErrTooLong], or
// a [ColumnError]. It returns an error inside [Store.RunInTx] and [Store.WithTx].
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
		if err := s.administer(ctx, tx, tables.Domains, tables.Users, tables.Aliases); err != nil {
			return err
		}
		if err := s.claimNames(ctx, tx); err != nil {
			return err
		}
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
				row, err := s.restoredRow(ctx, tx, &batch[to])
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
			if err := s.verifyRestored(ctx, tx, name, batch[from:to]); err != nil {
				return err
			}
			from = to
		}
		return nil
	})
}

// verifyRestored returns an error if a column of another program holds anything else than its record.
func (s *Store) verifyRestored(ctx context.Context, tx *transaction, name string, records []Record) error {
	if !slices.ContainsFunc(records, func(r Record) bool { return r.Columns != nil }) {
		return nil
	}
	all, ids := make([]*Record, len(records)), make([]int64, len(records))
	for i := range records {
		all[i] = &records[i]
		_, ids[i] = records[i].rowOfFields()
	}
	return s.withTable(ctx, tx, name, func(t *tables.Table) error {
		wrong, err := s.changedColumns(ctx, tx, t, all, ids)
		for i, e := range wrong {
			if e != nil {
				return records[i].wrap(e)
			}
		}
		return err
	})
}

// restoredRow returns a record as a row with its former id. It brings Columns of the record into their normal form.
func (s *Store) restoredRow(ctx context.Context, tx *transaction, r *Record) (newRow, error) {
	row, id := r.rowOfFields()
	switch {
	case r.tableName() == "":
		return newRow{}, fmt.Errorf("%w: it is empty", ErrRecord)
	case id == 0:
		return newRow{}, fmt.Errorf("%w: a row without an id cannot be restored, only imported", ErrRecord)
	case r.NewPassword.Reveal() != "":
		return newRow{}, fmt.Errorf("%w: a new password cannot be restored, only imported", ErrRecord)
	}
	if err := errors.Join(r.checkColumns(), r.checkTexts(row)); err != nil {
		return newRow{}, err
	}
	if err := s.keepsState(ctx, *r); err != nil {
		return newRow{}, err
	}
	row = row.with("id", id)
	var full newRow
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
		var err error
		full, err = r.addColumns(row, t)
		return err
	})
	return full, err
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
	_, err = s.insertRows(ctx, tx, name, false, rows...)
	if err == nil || !isRefusal(err) {
		return make([]error, len(rows)), err
	}
	if _, err := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT "+mark); err != nil {
		return nil, mapError(err)
	}
	tx.fieldChanges = tx.fieldChanges[:known]
	if len(rows) == 1 {
		return []error{nameColumn(err, name, rows[0])}, nil
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
		_, err := s.insertRows(ctx, tx, name, false, row)
		if err != nil && !isRefusal(err) {
			return nil, err
		}
		refused = append(refused, nameColumn(err, name, row))
	}
	return refused, nil
}

// isRefusal reports whether the database refused a row because of its values.
func isRefusal(err error) bool {
	return errors.Is(err, ErrExists) || errors.Is(err, ErrTooLong) || errors.Is(err, ErrNoDomain) || isForeignText(err)
}
