package ispmail

import (
	"context"
	"database/sql"
	"errors"
	"iter"
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
