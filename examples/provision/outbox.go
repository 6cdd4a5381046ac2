package main

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
)

// An event says what has changed. It is a row of the daemon's own table.
type event struct {
	bun.BaseModel `bun:"table:outbox"`

	ID   int64  `bun:"id,pk" json:"id"`
	At   int64  `bun:"created_at,notnull" json:"at"` // seconds since 1970
	Kind string `bun:"kind,notnull,type:varchar(40)" json:"kind"`
	Name string `bun:"name,notnull,type:varchar(320)" json:"name"`
	To   string `bun:"new_name,notnull,type:varchar(320)" json:"to,omitempty"`
}

// A counter is the only row of outbox_last: the id of the last event.
type counter struct {
	bun.BaseModel `bun:"table:outbox_last"`

	One  int   `bun:"one,pk"`
	Last int64 `bun:"last_id,notnull"`
}

// createOutbox creates the tables of the daemon where they are missing.
func createOutbox(ctx context.Context, db bun.IDB) error {
	for _, model := range []any{(*event)(nil), (*counter)(nil)} {
		if _, err := db.NewCreateTable().Model(model).IfNotExists().Exec(ctx); err != nil {
			return err
		}
	}
	_, err := db.NewInsert().Model(&counter{One: 1}).Ignore().Exec(ctx)
	return err
}

// withEvent runs a change and writes its event in one transaction, so that there is never the one without the other.
//
// The first statement takes the next id and keeps other changes waiting until the commit. With ids of AUTO_INCREMENT, an
// event could be committed after one of a higher id, and whoever asks for the events after that one would miss it.
func withEvent(ctx context.Context, store *ispmail.Store, fn func(context.Context, *ispmail.Store) (event, error)) error {
	return store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
		if _, err := tx.DB().ExecContext(ctx, "UPDATE outbox_last SET last_id = last_id + 1"); err != nil {
			return fmt.Errorf("%w: %w", errOutbox, err)
		}
		e, err := fn(ctx, tx)
		if err != nil {
			return err
		}
		const insert = "INSERT INTO outbox (id, created_at, kind, name, new_name) SELECT last_id, ?, ?, ?, ? FROM outbox_last"
		if _, err := tx.DB().ExecContext(ctx, insert, time.Now().Unix(), e.Kind, e.Name, e.To); err != nil {
			return fmt.Errorf("%w: %w", errOutbox, err)
		}
		return nil
	})
}

// events returns the events after an id.
func events(ctx context.Context, store *ispmail.Store, after int64, limit int) (list []event, err error) {
	err = store.Read(ctx, func(ctx context.Context, db bun.IDB) error {
		return db.NewSelect().Model(&list).Where("id > ?", after).Order("id").Limit(int64(limit)).Scan(ctx)
	})
	return list, err
}
