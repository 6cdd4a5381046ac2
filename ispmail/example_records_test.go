package ispmail_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/records"
)

// Create many users at a time: here from a list, with plain passwords, which are hashed on all cores.
func ExampleStore_Import() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	names := []string{"jane", "jim", "john", "j o e"}
	records := func(yield func(ispmail.Record, error) bool) {
		for _, name := range names {
			user := &ispmail.User{Email: name + "@example.org"}
			if !yield(ispmail.Record{User: user, NewPassword: ispmail.NewSecret("the first secret of " + name)}, nil) {
				return
			}
		}
	}
	result, err := store.Import(ctx, records, ispmail.ImportConfig{
		Refused: func(_ ispmail.Record, err error) { fmt.Println(err) },
	})
	fmt.Println(result.Users, "users added,", result.Refused, "refused,", err)
	// Output:
	// user john@example.org: ispmail: already exists: with another password or quota
	// user j o e@example.org: ispmail: invalid address: the part before the @ has a sign that is not allowed there
	// 2 users added, 2 refused, <nil>
}

// A backup, without the passwords here.
func ExampleStore_Export() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	for record, err := range store.Export(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(record)
	}
	// Output:
	// domain example.org
	// user john@example.org
}

// Move a server from one database to another, over a file or a pipe.
func ExampleStore_Restore() {
	ctx := context.Background()
	from := dbtest.ExampleStore(ctx)
	var file bytes.Buffer
	if err := records.Write(&file, from.Export(ctx)); err != nil {
		log.Fatal(err)
	}

	db, err := sql.Open("sqlite", ":memory:?"+ispmail.SQLiteOptions)
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	to, err := ispmail.New(ctx, bun.NewDB(db, sqlitedialect.New()), ispmail.Config{})
	if err != nil {
		log.Fatal(err)
	}
	if err := to.CreateSchema(ctx); err != nil {
		log.Fatal(err)
	}
	if err := to.Restore(ctx, records.Read(&file)); err != nil {
		log.Fatal(err)
	}
	user, err := to.Authenticate(ctx, "john@example.org", "summersun")
	fmt.Println(user.Email, err)
	// Output: john@example.org <nil>
}
