package ispmail_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
)

// Correct a row that another program has written with a blank before the address.
func ExampleStore_CorrectUser() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	kim := "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, ' kim@example.org', '{CRYPT}!')"
	if _, err := store.DB().NewRaw(kim).Exec(ctx); err != nil {
		log.Fatal(err)
	}
	for row, err := range store.Users(ctx, ispmail.Exactly(" kim@example.org")) {
		if err != nil {
			log.Fatal(err)
		}
		user, _, err := store.CorrectUser(ctx, row, "kim@example.org")
		fmt.Println(user.Email, err)
	}
	// Output: kim@example.org <nil>
}

// Delete a row as a page with a list has shown it. A page that is out of date deletes nothing.
func ExampleStore_DeleteRow() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	listed, _, err := store.CreateAlias(ctx, "jack@example.org", "john@example.org") // or a row of a list
	if err != nil {
		log.Fatal(err)
	}
	if _, _, err := store.ChangeAlias(ctx, listed.Source, listed.Destination, "jill@example.net"); err != nil {
		log.Fatal(err)
	}
	_, err = store.DeleteRow(ctx, listed)
	fmt.Println(err)
	// Output: ispmail: the row has changed: row 1 of virtual_aliases
}
