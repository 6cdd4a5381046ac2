package ispmail

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// ImportConfig holds the settings of an Import. The zero value is ready to use.
type ImportConfig struct {
	// DryRun looks at everything and changes nothing: what is reported is what would be done.
	DryRun bool
	// Refused is told of each record that is not taken, in their order, and why. The error names the record and its
	// Origin.
	Refused func(Record, error)
	// Progress is told after each batch what has been done so far.
	Progress func(ImportResult)
}

// An ImportResult counts what became of records.
type ImportResult struct {
	Domains int `json:"domains"` // added
	Users   int `json:"users"`   // added
	Aliases int `json:"aliases"` // added
	Present int `json:"present"` // there already, just so
	Refused int `json:"refused"`
}

// Total is the number of records that Import is done with.
func (r ImportResult) Total() int { return r.Domains + r.Users + r.Aliases + r.Present + r.Refused }

// Import adds domains, users and aliases to what is there, each as CreateDomain, CreateUser and CreateAlias would, but
// many at a time: passwords are hashed on all cores, and what can be added of a batch, 4,000 records or 500 that are to
// be hashed, is added by one transaction, completely or not at all. Ids and domain ids of records are not used. A domain
// must come before its users and aliases, and a user before an alias to itself.
//
// What is there already, just so, is left as it is: to run the same import again does no harm, so an import that was
// interrupted is completed that way. A record that cannot be added is refused, which keeps nothing back of the others:
// ImportConfig.Refused hears why. It is what the Create method of its kind returns, ErrExists for a user who is there with
// another password or quota, ErrNoQuota, or hash.ErrMalformed for a stored password that no Dovecot knows or, unless
// Config.Hasher has a default scheme, has no {SCHEME}.
//
// The error is that of records, of ctx or of the database; what batches before it added stays, and the result tells
// how much that is. Each batch has Config.Timeout for itself. Refused and Progress are called one at a time, but not in
// the goroutine of the caller. Import cannot be part of RunInTx.
func (s *Store) Import(ctx context.Context, records iter.Seq2[Record, error], config ImportConfig) (ImportResult, error) {
	im := &importer{s: s, config: config}
	if s.tx != nil {
		return im.result, errors.New("ispmail: Import cannot be part of a transaction")
	}
	if err := im.look(ctx); err != nil {
		return im.result, err
	}
	// While a batch is written, the next one is read and hashed.
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
		err = failed // and not that nothing more was prepared
	}
	if unknown := errors.Is(err, ErrOutcomeUnknown); im.result.Users > 0 && !config.DryRun || unknown {
		s.notify(ctx, []Change{{Kind: ManyCreated}}, unknown)
	}
	return im.result, err
}

type importer struct {
	s      *Store
	config ImportConfig
	result ImportResult
	tables map[string]*tables.Table
	dry    *known          // what a dry run would have added
	seen   map[string]bool // users
	// A unique key finds users who are there already when they are inserted, and it costs nothing more to let it. That
	// ends with the first one it finds.
	trustKey bool
}

// look makes sure that the tables are as they are now.
func (im *importer) look(ctx context.Context) error {
	im.tables, im.seen = map[string]*tables.Table{}, map[string]bool{}
	if im.config.DryRun {
		im.dry = newKnown(0)
	}
	return im.s.read(ctx, func(ctx context.Context, db bun.IDB) (err error) {
		for _, name := range []string{tables.Domains, tables.Users, tables.Aliases} {
			if im.tables[name], err = im.s.readColumns(ctx, db, name); err != nil {
				return err
			}
		}
		if im.s.isMariaDB() && !im.config.DryRun {
			im.trustKey, err = im.s.hasUniqueEmail(ctx, db, im.tables[tables.Users])
		}
		return err
	})
}

// hasUniqueEmail tells whether the table of users has a key that takes no address twice, whatever the case of its letters.
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

func (im *importer) prepareAll(ctx context.Context, records iter.Seq2[Record, error], prepared chan<- []item) error {
	for batch, err := range batches(records) {
		if err != nil {
			return err
		}
		items := make([]item, len(batch))
		for i, record := range batch {
			items[i] = newItem(record)
			if it := &items[i]; it.unfit == nil && it.User != nil {
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

// add writes a batch and reports it.
func (im *importer) add(ctx context.Context, items []item) error {
	work := func(ctx context.Context, db bun.IDB, tx *transaction) error {
		for i := range items { // afresh if the transaction is tried again
			items[i].present, items[i].err = false, items[i].unfit
		}
		b := &importBatch{importer: im, items: items, known: im.dry}
		if b.known == nil {
			b.known = newKnown(len(items))
		}
		if err := b.load(ctx, db, lockMode(tx != nil)); err != nil {
			return err
		}
		b.decide()
		if tx == nil {
			return nil
		}
		return b.insert(ctx, tx)
	}
	write := func(ctx context.Context, tx *transaction) error { return work(ctx, tx, tx) }
	var err error
	if im.config.DryRun {
		err = im.s.read(ctx, func(ctx context.Context, db bun.IDB) error { return work(ctx, db, nil) })
	} else if err = im.s.write(ctx, write); im.trustKey && isRefusal(err) {
		im.trustKey = false
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
