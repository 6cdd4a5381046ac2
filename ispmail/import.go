package ispmail

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
	"github.com/ispmail/go-ispmail/ispmail/internal/values"
)

// ImportConfig holds the settings of [Store.Import]. The zero value is ready to use.
type ImportConfig struct {
	// DryRun checks all records and changes nothing. The results are those of a real import.
	DryRun bool
	// Refused receives each refused record and the reason, in the order of the records. The error names the record and
	// its Origin.
	Refused func(Record, error)
	// Progress receives the totals so far after each batch.
	Progress func(ImportResult)
}

// An ImportResult counts records by what became of them.
type ImportResult struct {
	Domains int `json:"domains"` // added
	Users   int `json:"users"`   // added
	Aliases int `json:"aliases"` // added
	Present int `json:"present"` // already there and equal
	Refused int `json:"refused"` // not added
}

// Total returns the number of records that Import has dealt with.
func (r ImportResult) Total() int { return r.Domains + r.Users + r.Aliases + r.Present + r.Refused }

// Import adds domains, users and aliases, many at a time, by the rules of [Store.CreateDomain], [Store.CreateUser] and
// [Store.CreateAlias]. It hashes new passwords on all cores and ignores the ids of records. A domain must come before
// its users and aliases, and a user before an alias to itself.
//
// A record that is already there, with the same values, is left alone. So after an interruption, run the same import
// again. A row that is switched off, see [Config.State], is not such a record unless the record is Off too: [ErrExists].
// An alias is the same if only the capitals of its destination differ.
//
// Import does not say which aliases lead nowhere or take a mailbox out of service, as [Store.CreateAlias] does: rows that
// come later may change that. Run package check afterwards.
//
// A new row gets the values of [Record.Columns]. As for [Store.Restore], they are read back, and a record that would not
// keep them is refused. A dry run does not write, so that it refuses only what the types of the columns tell. Ids of other
// rows in such columns are taken as they are.
//
// A record that cannot be added is refused, and the import goes on. [ImportConfig.Refused] receives the error of the
// Create method for its kind, [ErrExists] for a user who is there with another password or quota and for a record that
// is there with another value in Columns, [ErrNoQuota], [ErrRecord] also for a record that is Off and has no column that
// says so, [ErrTooLong], or [hash.ErrMalformed] for a stored password that Dovecot cannot verify. A stored password without
// {SCHEME} is malformed too, unless [Config.Hasher] has a default scheme.
//
// Import commits a batch at a time: 4,000 records, or 500 with new passwords. [Config.Timeout] holds for each batch.
// Import calls Refused and Progress from another goroutine, one at a time.
//
// It returns the error of records, of ctx or of the database, and a [ColumnError] at the first record with a column that
// its table lacks. Earlier batches stay, and the result counts them. It
// returns an error inside [Store.RunInTx] and [Store.WithTx].
func (s *Store) Import(ctx context.Context, records iter.Seq2[Record, error], config ImportConfig) (ImportResult, error) {
	im := &importer{s: s, config: config}
	if s.tx != nil {
		return im.result, errors.New("ispmail: Import cannot be part of a transaction")
	}
	if err := im.readTables(ctx); err != nil {
		return im.result, err
	}
	// One batch is written while the next one is read and hashed.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	prepared := make(chan []item)
	var failed error
	var writer sync.WaitGroup
	writer.Go(func() {
		for batch := range prepared {
			if failed = im.add(ctx, batch); failed != nil {
				cancel()
				return
			}
		}
	})
	err := im.prepareAll(ctx, records, prepared)
	close(prepared)
	writer.Wait()
	if failed != nil {
		err = failed // the cause, while err is the cancellation that followed
	}
	if unknown := errors.Is(err, ErrOutcomeUnknown); im.result.Users > 0 && !config.DryRun || unknown {
		s.notify(ctx, []Change{{Kind: ManyCreated}}, unknown)
	}
	return im.result, err
}

// An importer is one run of Import.
type importer struct {
	s      *Store
	config ImportConfig
	result ImportResult
	schema map[string]*tables.Table // by name
	dry    *known                   // what a dry run would have added so far
	seen   map[string]bool          // users
	// Trust the unique key until the first conflict; from then on look users up beforehand.
	trustKey bool
}

// readTables reads the columns of the tables afresh.
func (im *importer) readTables(ctx context.Context) error {
	im.schema, im.seen = map[string]*tables.Table{}, map[string]bool{}
	if im.config.DryRun {
		im.dry = newKnown(0)
	}
	return im.s.read(ctx, func(ctx context.Context, db bun.IDB) (err error) {
		for _, name := range []string{tables.Domains, tables.Users, tables.Aliases} {
			if im.schema[name], err = im.s.readColumns(ctx, db, name); err != nil {
				return err
			}
		}
		if err := im.s.administer(ctx, db, tables.Domains, tables.Users, tables.Aliases); err != nil {
			return err
		}
		if im.s.isMariaDB() && !im.config.DryRun {
			im.trustKey, err = im.s.hasUniqueEmail(ctx, db, im.schema[tables.Users])
		}
		return err
	})
}

// hasUniqueEmail reports whether a unique key of virtual_users keeps out the same address in any case of its letters.
func (s *Store) hasUniqueEmail(ctx context.Context, db bun.IDB, t *tables.Table) (bool, error) {
	if !strings.HasSuffix(t.Columns["email"].Collation, "_ci") {
		return false, nil
	}
	var keys int
	err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM (
		SELECT index_name FROM information_schema.statistics
		WHERE table_schema = DATABASE() AND table_name = ? AND non_unique = 0
		GROUP BY index_name HAVING COUNT(*) = 1 AND MIN(LOWER(column_name) = 'email' AND sub_part IS NULL)) found`, t.Name).Scan(&keys)
	return keys > 0, mapError(err)
}

// prepareAll sends the batches of records, checked and hashed, to the writer.
func (im *importer) prepareAll(ctx context.Context, records iter.Seq2[Record, error], prepared chan<- []item) error {
	for batch, err := range batches(records) {
		if err != nil {
			return err
		}
		items := make([]item, len(batch))
		for i, record := range batch {
			items[i] = newItem(record)
			it := &items[i]
			if err := im.checkColumns(it); err != nil {
				return err
			}
			if it.unfit == nil && it.User != nil {
				it.unfit = im.prepare(it)
			}
		}
		if err := im.hash(ctx, items); err != nil {
			return err
		}
		select {
		case prepared <- items:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// add writes a batch and reports the results.
func (im *importer) add(ctx context.Context, items []item) error {
	work := func(ctx context.Context, db bun.IDB, tx *transaction) error {
		for i := range items { // reset them, because the transaction may be tried again
			items[i].present, items[i].err = false, items[i].unfit
		}
		b := &importBatch{importer: im, items: items, known: im.dry}
		if b.known == nil {
			b.known = newKnown(len(items))
		}
		if tx != nil && slices.ContainsFunc(items, func(it item) bool { return it.Domain != nil }) {
			if err := im.s.claimNames(ctx, tx); err != nil {
				return err
			}
		}
		if err := b.load(ctx, db, lockMode(tx != nil)); err != nil {
			return err
		}
		b.decide(ctx)
		if err := b.compareColumns(ctx, db); err != nil || tx == nil {
			return err
		}
		return b.insert(ctx, tx)
	}
	write := func(ctx context.Context, tx *transaction) error { return work(ctx, tx, tx) }
	var err error
	if im.config.DryRun {
		err = im.s.read(ctx, func(ctx context.Context, db bun.IDB) error { return work(ctx, db, nil) })
	} else {
		err = im.s.write(ctx, write)
	}
	for im.trustKey && isRefusal(err) || errors.Is(err, errRedo) {
		im.trustKey = im.trustKey && !isRefusal(err)
		err = im.s.write(ctx, write)
	}
	if err != nil {
		return err
	}
	for i := range items {
		it := &items[i]
		switch {
		case it.err != nil:
			im.result.Refused++
			if im.config.Refused != nil {
				im.config.Refused(it.from, it.from.wrap(it.err))
			}
		case it.present:
			im.result.Present++
		case it.Domain != nil:
			im.result.Domains++
		case it.User != nil:
			im.result.Users++
		default:
			im.result.Aliases++
		}
	}
	if im.config.Progress != nil {
		im.config.Progress(im.result)
	}
	return nil
}

// Weights of a batch: a record with a new password counts as hashWeight, because hashing takes longer than writing.
const (
	batchSize  = 4000
	hashWeight = 8
	rowBytes   = 4096 // of a column of another program that count as a record
)

// batches groups records. If the sequence fails, the error replaces the incomplete batch.
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
			for _, value := range record.Columns {
				weight += values.Size(value) / rowBytes
			}
			if weight++; record.NewPassword.Reveal() != "" {
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
