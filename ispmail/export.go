package ispmail

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"unicode/utf8"
)

// Export yields every row of the three tables as it is stored, faulty ones too: the domains, then the users, then the
// aliases, each by id. WriteRecords writes them to a file, Restore puts them into empty tables, and Import adds them to
// what is there. Columns that are not of the guide are not among them. NULL, which no column of the guide may
// hold, comes as an empty text, as 0 for a domain id, and as nil for a quota, as does a quota that is no number (Check finds it).
//
// It takes constant memory, and all rows are of one moment: they are read in one transaction. Meanwhile, others may
// change a MariaDB as they like, and SQLite not at all. Export cannot be part of RunInTx.
func (s *Store) Export(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if s.tx != nil {
			yield(Record{}, errors.New("ispmail: Export cannot be part of a transaction"))
			return
		}
		var options *sql.TxOptions
		if s.isMariaDB() {
			options = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
		}
		enough := false
		take := func(r Record) error {
			if enough = !yield(r, nil); enough {
				return context.Canceled
			}
			return nil
		}
		_, err := s.transactOnce(ctx, options, func(ctx context.Context, tx *transaction) error {
			within := *s
			within.tx, within.owned = tx, false
			if err := each(within.Domains(ctx), func(d *Domain) error { return take(Record{Domain: d}) }); err != nil {
				return err
			}
			if err := each(within.Users(ctx, ""), func(u *User) error { return take(Record{User: u}) }); err != nil {
				return err
			}
			return each(within.Aliases(ctx, ""), func(a *Alias) error { return take(Record{Alias: a}) })
		})
		if err != nil && !enough {
			yield(Record{}, err)
		}
	}
}

func each[T any](rows iter.Seq2[T, error], do func(*T) error) error {
	for row, err := range rows {
		if err == nil {
			err = do(&row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

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
		within := *s
		within.tx, within.owned = tx, false
		if err := within.needEmpty(ctx); err != nil {
			return err
		}
		for batch, err := range batches(records) {
			if err == nil {
				err = within.restore(ctx, batch)
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
		for _, name := range []string{domainTable, userTable, aliasTable} {
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

// How many records are written at a time. What is to be hashed takes so much longer that its share is smaller.
const (
	batchSize  = 4000
	hashWeight = 8
)

// batches gathers records. An error comes instead of the batch that it interrupts.
func batches(records iter.Seq2[Record, error]) iter.Seq2[[]Record, error] {
	return func(yield func([]Record, error) bool) {
		var batch []Record
		weight := 0
		for record, err := range records {
			if err != nil {
				yield(nil, err)
				return
			}
			batch = append(batch, record)
			if weight++; record.NewPassword != "" {
				weight += hashWeight - 1
			}
			if weight >= batchSize {
				if !yield(batch, nil) {
					return
				}
				batch, weight = make([]Record, 0, len(batch)), 0
			}
		}
		if len(batch) > 0 {
			yield(batch, nil)
		}
	}
}

// restore inserts rows as they are, those of one table after those of another, as a user needs its domain.
func (s *Store) restore(ctx context.Context, batch []Record) error {
	return s.write(ctx, func(ctx context.Context, tx *transaction) error {
		var from int
		for from < len(batch) {
			name := batch[from].table()
			to := from
			var rows []newRow
			for ; to < len(batch) && batch[to].table() == name; to++ {
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
	row, id := r.row()
	switch {
	case r.table() == "":
		return newRow{}, fmt.Errorf("%w: an empty record", ErrFormat)
	case id == 0:
		return newRow{}, fmt.Errorf("%w: a row without an id cannot be restored, only imported", ErrFormat)
	case r.NewPassword != "":
		return newRow{}, fmt.Errorf("%w: a new password cannot be restored, only imported", ErrFormat)
	}
	for _, value := range row.values {
		if text, ok := value.(string); ok && !utf8.ValidString(text) { // bun would mend it
			return newRow{}, fmt.Errorf("%w: a text is not UTF-8", ErrFormat)
		}
	}
	row = row.with("id", id)
	err := s.withTable(ctx, tx, r.table(), func(t *table) error {
		if row.value("domain_id") == int64(0) {
			if t.columns["domain_id"].Required {
				return ErrNoDomain
			}
			row = row.with("domain_id", nil)
		}
		switch quota := row.value("quota"); {
		case quota == nil && t.hasQuota() && t.columns["quota"].Nullable:
			row = row.with("quota", nil) // and not the default
		case quota != nil && !t.hasQuota() && quota != int64(0):
			return ErrNoQuota
		case !t.hasQuota():
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

// table returns the table of a record, "" if it is empty.
func (r Record) table() string {
	switch {
	case r.Domain != nil:
		return domainTable
	case r.User != nil:
		return userTable
	case r.Alias != nil:
		return aliasTable
	}
	return ""
}

// row returns the record as a new row, and its id.
func (r Record) row() (row newRow, id int64) {
	switch {
	case r.Domain != nil:
		return r.Domain.row(), r.Domain.ID
	case r.User != nil:
		return r.User.row(), r.User.ID
	case r.Alias != nil:
		return r.Alias.row(), r.Alias.ID
	}
	return newRow{}, 0
}

// wrap names the record in an error.
func (r Record) wrap(err error) error {
	if r.Origin != "" {
		return fmt.Errorf("%s, %s: %w", r.Origin, r, err)
	}
	return fmt.Errorf("%s: %w", r, err)
}
