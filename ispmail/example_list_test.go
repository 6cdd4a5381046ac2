package ispmail_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
)

// exampleUsers adds anna@, ben@, carla@ and dora@example.org, who cannot log in.
func exampleUsers(ctx context.Context, store *ispmail.Store) {
	var records []ispmail.Record
	for _, name := range []string{"anna", "ben", "carla", "dora"} {
		user := &ispmail.User{Email: name + "@example.org", Password: ispmail.NewSecret("{CRYPT}!")}
		records = append(records, ispmail.Record{User: user})
	}
	if _, err := store.Import(ctx, dbtest.Sequence(nil, records...), ispmail.ImportConfig{}); err != nil {
		log.Fatal(err)
	}
}

// Read a list page by page, as for a web page. The next page begins after the last id of this one.
func ExampleQuery() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	exampleUsers(ctx, store)
	query := ispmail.Query{Limit: 2}
	for range 2 {
		for user, err := range store.Users(ctx, query) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(user.Email)
			query.After = user.ID
		}
		fmt.Println("--")
	}
	// Output:
	// john@example.org
	// anna@example.org
	// --
	// ben@example.org
	// carla@example.org
	// --
}

// The first page of a domain's users whose address contains "an".
func ExampleInDomain() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	exampleUsers(ctx, store)
	query := ispmail.InDomain("example.org")
	query.Search = "an"
	query.Limit = 50
	for user, err := range store.Users(ctx, query) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(user.Email)
	}
	for _, err := range store.Users(ctx, ispmail.InDomain("")) { // a forgotten parameter is not everybody
		fmt.Println(err)
	}
	// Output:
	// anna@example.org
	// ispmail: invalid address: the domain is empty
}

func ExampleStore_CountUsers() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	exampleUsers(ctx, store)
	fmt.Println(store.CountUsers(ctx, ispmail.Query{Search: "anna@"}))
	// Output: 1 <nil>
}

func ExampleStore_CountAliases() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	fmt.Println(store.CountAliases(ctx, ispmail.InDomain("example.org")))
	// Output: 0 <nil>
}

func ExampleStore_CountDomains() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	fmt.Println(store.CountDomains(ctx, ispmail.Query{}))
	// Output: 1 <nil>
}

// The numbers for an overview of all domains.
func ExampleStore_DomainCounts() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	exampleUsers(ctx, store)
	if _, err := store.CreateDomain(ctx, "example.net"); err != nil {
		log.Fatal(err)
	}
	counts, err := store.DomainCounts(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range counts {
		fmt.Println(c.Name, c.Users, "users", c.Aliases, "aliases")
	}
	// Output:
	// example.org 5 users 0 aliases
	// example.net 0 users 0 aliases
}
