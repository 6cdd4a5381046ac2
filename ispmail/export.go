package ispmail

import (
	"context"
	"database/sql"
	"errors"
	"iter"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// Export yields every row of the three tables as stored, even faulty ones: domains, then users, then aliases, each by
// id. records.Write writes them to a file, [Store.Restore] puts them into empty tables, and [Store.Import] adds them to
// existing ones.
//
// Columns that are not in the guide come along in [Record.Columns], as far as the account may see them. Columns that the
// database computes do not: their values follow from the others. NULL becomes "", a domain id of 0, or a nil quota;
// Columns tells it apart where the difference matters.
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
		options := &sql.TxOptions{ReadOnly: true} // a file of SQLite may be read-only, too
		if s.isMariaDB() {
			options.Isolation = sql.LevelRepeatableRead
		}
		enough := false
		take := func(r Record) error {
			if enough = !yield(r, nil); enough {
				return context.Canceled
			}
			return nil
		}
		_, err := s.transactOnce(ctx, options, func(ctx context.Context, tx *transaction) error {
			if err := s.needNumbers(ctx, tx, tables.Users); err != nil {
				return err
			}
			within := s.in(tx)
			if err := exportTable(ctx, within, func(d *Domain) Record { return Record{Domain: d} }, take); err != nil {
				return err
			}
			if err := exportTable(ctx, within, func(u *User) Record { return Record{User: u} }, take); err != nil {
				return err
			}
			return exportTable(ctx, within, func(a *Alias) Record { return Record{Alias: a} }, take)
		})
		if err != nil && !enough {
			yield(Record{}, s.named(err))
		}
	}
}
