// Quickstart makes a domain, a user and an alias in an SQLite database in memory, and changes the user's password. For
// MariaDB, ispmail.Open takes the place of the three lines that open the database.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite"

	"github.com/ispmail/go-ispmail/ispmail"
)

func main() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:/quickstart?vfs=memdb&"+ispmail.SQLiteOptions)
	check(err)
	store, err := ispmail.New(ctx, bun.NewDB(db, sqlitedialect.New()), ispmail.Config{})
	check(err)
	check(store.CreateSchema(ctx))

	_, err = store.CreateDomain(ctx, "example.org")
	check(err)
	user, _, err := store.CreateUser(ctx, "John@Example.org", "summersun")
	check(err)
	_, _, err = store.CreateAlias(ctx, "jack@example.org", "john@example.org")
	check(err)
	check(store.ChangePassword(ctx, "john@example.org", "summersun", "correct horse battery staple"))

	_, err = store.Authenticate(ctx, "john@example.org", "summersun")
	fmt.Println(user.Email, "with the old password:", err)
	_, err = store.Authenticate(ctx, "john@example.org", "correct horse battery staple")
	fmt.Println(user.Email, "with the new password:", err)
	for alias, err := range store.Aliases(ctx, ispmail.InDomain("example.org")) {
		check(err)
		fmt.Println(alias.Source, "->", alias.Destination)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
