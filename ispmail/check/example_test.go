package check_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"log/slog"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
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

func ExampleRun() {
	ctx := context.Background()
	store := exampleStore(ctx)
	if _, err := store.CreateAlias(ctx, "jack@example.org", "jill@example.org"); err != nil {
		log.Fatal(err)
	}
	for finding, err := range check.Run(ctx, store, check.Config{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(finding.Code.Severity(), finding.Code, finding.Table, finding.ID)
		fmt.Println("  " + finding.Message)
	}
	// Output:
	// error example-account virtual_users 1
	//   the password is the one that is printed in the ISPmail guide: delete the account, or set another password
	// error dangling-alias virtual_aliases 1
	//   jack@example.org leads to jill@example.org, and nothing there takes the mail: create the user, or correct or delete the alias
}

func ExampleCode_Severity() {
	fmt.Println(check.CodeExampleAccount.Severity())
	fmt.Println(check.CodeWeakScheme.Severity())
	fmt.Println(check.CodeExternalDestination.Severity())
	// Output:
	// error
	// warning
	// information
}
