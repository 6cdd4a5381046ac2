package ispmail_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
)

// exampleDB returns the database of dbtest.ExampleStore, with a table of the program's own.
func exampleDB() *bun.DB {
	ctx := context.Background()
	db, ok := dbtest.ExampleStore(ctx).DB().(*bun.DB)
	if !ok {
		log.Fatal("not a *bun.DB")
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE outbox (id INTEGER PRIMARY KEY, message TEXT NOT NULL)"); err != nil {
		log.Fatal(err)
	}
	return db
}

// Both happen or none.
func ExampleStore_RunInTx() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	err := store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
		if _, _, err := tx.CreateUser(ctx, "jane@example.org", "a long enough secret"); err != nil {
			return err
		}
		return tx.SetQuota(ctx, "jane@example.org", 1<<30)
	})
	if err != nil {
		log.Fatal(err)
	}
	jane, err := store.User(ctx, "jane@example.org")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(jane.Email, *jane.Quota)
	// Output: jane@example.org 1073741824
}

// A part that may fail by itself: the transaction goes on without it.
func ExampleStore_RunInTx_nested() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	err := store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
		for _, email := range []string{"john@example.org", "jane@example.org"} {
			err := tx.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
				_, _, err := tx.CreateUser(ctx, email, "a long enough secret")
				return err
			})
			if err != nil && !errors.Is(err, ispmail.ErrExists) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(store.CountUsers(ctx, ispmail.Query{}))
	// Output: 2 <nil>
}

// A user and a row in a table of the program are written together.
func ExampleStore_DB() {
	ctx := context.Background()
	store, err := ispmail.New(ctx, exampleDB(), ispmail.Config{})
	if err != nil {
		log.Fatal(err)
	}
	err = store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
		if _, _, err := tx.CreateUser(ctx, "jane@example.org", "a long enough secret"); err != nil {
			return err
		}
		_, err := tx.DB().ExecContext(ctx, "INSERT INTO outbox (message) VALUES (?)", "welcome, jane")
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	var message string
	err = store.DB().NewSelect().Table("outbox").Column("message").Scan(ctx, &message)
	fmt.Println(message, err)
	// Output: welcome, jane <nil>
}

// The program has begun the transaction, and the Store takes part in it.
func ExampleStore_WithTx() {
	ctx := context.Background()
	db := exampleDB()
	store, err := ispmail.New(ctx, db, ispmail.Config{
		OnChange: func(_ context.Context, c ispmail.Change) { fmt.Println("committed:", c.Kind, c.Email) },
	})
	if err != nil {
		log.Fatal(err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit, it does nothing
	if _, err := tx.ExecContext(ctx, "INSERT INTO outbox (message) VALUES (?)", "farewell, john"); err != nil {
		log.Fatal(err) //nolint:gocritic // an example
	}
	within := store.WithTx(tx)
	if _, err := within.DeleteUser(ctx, "john@example.org"); err != nil {
		log.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		log.Fatal(err)
	}
	within.Committed(ctx)
	// Output: committed: gone john@example.org
}

// A query of the program's own, with the time limit and the errors of the Store.
func ExampleStore_Read() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	var longest int
	err := store.Read(ctx, func(ctx context.Context, db bun.IDB) error {
		return db.QueryRowContext(ctx, "SELECT MAX(LENGTH(email)) FROM virtual_users").Scan(&longest)
	})
	fmt.Println(longest, err)
	// Output: 16 <nil>
}
