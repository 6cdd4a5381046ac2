package ispmail_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
)

// A catch-all takes the mail of users too, as Postfix looks for aliases first. The guide's map email2email keeps it from
// that.
func ExampleStore_CreateAlias() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	for _, alias := range [][2]string{
		{"jack@example.org", "john@example.org"},
		{"jack@example.org", "jack@elsewhere.example"}, // and there too
		{"@example.org", "john@example.org"},           // everything else
		{"nobody@example.org", "nobody@example.org"},
	} {
		_, _, err := store.CreateAlias(ctx, alias[0], alias[1])
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// ispmail: alias loop: nobody@example.org would lead to itself, and there is no such user
}

func ExampleStore_Aliases() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	if _, _, err := store.CreateAlias(ctx, "@example.org", "john@example.org"); err != nil {
		log.Fatal(err)
	}
	for alias, err := range store.Aliases(ctx, ispmail.InDomain("example.org")) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(alias.Source, alias.Destinations())
	}
	// Output: @example.org [john@example.org]
}

func ExampleStore_AliasesOf() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	if _, _, err := store.CreateAlias(ctx, "sales@example.org", "john@example.org"); err != nil {
		log.Fatal(err)
	}
	aliases, err := store.AliasesOf(ctx, "Sales@example.org")
	if err != nil {
		log.Fatal(err)
	}
	for _, alias := range aliases {
		fmt.Println(alias.ID, alias.Destination)
	}
	// Output: 1 john@example.org
}

// Mail for sales@ goes to these two and nobody else. The alias to john@ keeps its id.
func ExampleStore_SetAliases() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	for _, destination := range []string{"john@example.org", "jim@elsewhere.example"} {
		if _, _, err := store.CreateAlias(ctx, "sales@example.org", destination); err != nil {
			log.Fatal(err)
		}
	}
	aliases, _, err := store.SetAliases(ctx, "sales@example.org", "john@example.org", "jane@elsewhere.example")
	if err != nil {
		log.Fatal(err)
	}
	for _, alias := range aliases {
		fmt.Println(alias.ID == 1, alias.Destination)
	}
	// Output:
	// true john@example.org
	// false jane@elsewhere.example
}

func ExampleStore_Recipients() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	for _, destination := range []string{"john@example.org", "jane@elsewhere.example"} {
		if _, _, err := store.CreateAlias(ctx, "sales@example.org", destination); err != nil {
			log.Fatal(err)
		}
	}
	recipients, err := store.Recipients(ctx, "sales+offer@example.org")
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range recipients {
		if r.Mailbox != "" {
			fmt.Println(r.Address, "into the mailbox of", r.Mailbox)
		} else {
			fmt.Println(r.Address, "on another server")
		}
	}
	// Output:
	// john+offer@example.org into the mailbox of john@example.org
	// jane+offer@elsewhere.example on another server
}

func ExampleAlias_Destinations() {
	alias := ispmail.Alias{Source: "sales@example.org", Destination: "john@example.org, jane@example.org"}
	fmt.Println(len(alias.Destinations()))
	// Output: 2
}

func ExampleStore_ChangeAlias() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	if _, _, err := store.CreateAlias(ctx, "sales@example.org", "john@example.org"); err != nil {
		log.Fatal(err)
	}
	alias, _, err := store.ChangeAlias(ctx, "sales@example.org", "john@example.org", "jane@elsewhere.example")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(alias.Source, "now leads to", alias.Destination)
	// Output: sales@example.org now leads to jane@elsewhere.example
}

func ExampleStore_DeleteAlias() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	_, err := store.DeleteAlias(ctx, "jack@example.org", "john@example.org")
	fmt.Println(err)
	// Output: ispmail: not found: alias from jack@example.org to john@example.org
}

// Why mail for jack@ gets where it gets.
func ExampleStore_Trace() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	for _, alias := range [][2]string{{"@example.org", "jack@example.org"}, {"jack@example.org", "john@example.org"}, {"jack@example.org", "jack@example.net"}} {
		if _, _, err := store.CreateAlias(ctx, alias[0], alias[1]); err != nil {
			log.Fatal(err)
		}
	}
	steps, err := store.Trace(ctx, "info+news@example.org")
	if err != nil {
		log.Fatal(err)
	}
	for _, step := range steps {
		fmt.Println(step)
	}
	// Output:
	// info+news@example.org -> jack@example.org by catch-all 1 of @example.org
	// jack@example.org -> john@example.org, jack@example.net by alias 2, 3
	// john@example.org by mailbox 1
	// jack@example.net on another server
}
