package records_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"log/slog"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/records"
)

// exampleStore returns a Store on a new database in memory, with the domain example.org and the user john@example.org, whose
// password is "summersun".
func exampleStore(ctx context.Context) *ispmail.Store {
	db, err := sql.Open("sqlite", ":memory:?_txlock=immediate&_pragma=foreign_keys(1)")
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
	if _, err := store.CreateUser(ctx, "john@example.org", "summersun"); err != nil {
		log.Fatal(err)
	}
	return store
}

// A file made by hand.
func ExampleRead() {
	ctx := context.Background()
	store := exampleStore(ctx)
	file := strings.NewReader(`{"type":"domain","name":"example.net"}
{"type":"user","email":"jane@example.net","new_password":"a long enough secret"}
{"type":"alias","source":"@example.net","destination":"jane@example.net"}
`)
	result, err := store.Import(ctx, records.Read(file), ispmail.ImportConfig{})
	fmt.Printf("%+v %v\n", result, err)
	// Output: {Domains:1 Users:1 Aliases:1 Present:0 Refused:0} <nil>
}
