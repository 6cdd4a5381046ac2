package dbtest

import (
	"context"
	"database/sql"
	"log"
	"log/slog"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/ispmail/go-ispmail/ispmail"
)

// ExampleStore returns a Store for Example functions, which have no testing.TB. It is on a new SQLite database in memory
// that holds the domain example.org and the user john@example.org with the password "summersun".
func ExampleStore(ctx context.Context) *ispmail.Store {
	db, err := sql.Open("sqlite", ":memory:?"+ispmail.SQLiteOptions)
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	store, err := ispmail.New(ctx, bun.NewDB(db, sqlitedialect.New()), ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.CreateSchema(ctx); err != nil {
		log.Fatal(err)
	}
	if _, err := store.CreateDomain(ctx, "example.org"); err != nil {
		log.Fatal(err)
	}
	if _, _, err := store.CreateUser(ctx, "john@example.org", "summersun"); err != nil {
		log.Fatal(err)
	}
	return store
}
