package ispmail

import (
	"context"
	"database/sql"
	"errors"
	"iter"
)

// Export yields every row of the three tables as stored, even faulty ones: domains, then users, then aliases, each by
// id. records.Write writes them to a file, [Store.Restore] puts them into empty tables, and [Store.Import] adds them to
// existing ones.
//
// Columns that are not in the guide are left out. NULL, which the guide's columns cannot hold, becomes "", a domain id
// of 0, or a nil quota. A quota that is no number becomes nil too; check.Run reports it.
//
// Export takes constant memory. All rows are of one moment, because it reads them in one transaction. Meanwhile others
// can write to MariaDB, but not to SQLite.
//
// An error ends the sequence. Export returns an error inside [Store.RunInTx] and [Store.WithTx].
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
			within := s.in(tx)
			if err := each(within.Domains(ctx, Query{}), func(d *Domain) error { return take(Record{Domain: d}) }); err != nil {
				return err
			}
			if err := each(within.Users(ctx, Query{}), func(u *User) error { return take(Record{User: u}) }); err != nil {
				return err
			}
			return each(within.Aliases(ctx, Query{}), func(a *Alias) error { return take(Record{Alias: a}) })
		})
		if err != nil && !enough {
			yield(Record{}, err)
		}
	}
}

// each calls do for each row until one fails.
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
