package ispmail_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
)

// A locked user keeps the password and the mail, but cannot log in.
func ExampleStore_Lock() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	if err := store.Lock(ctx, "john@example.org"); err != nil {
		log.Fatal(err)
	}
	_, err := store.Authenticate(ctx, "john@example.org", "summersun")
	fmt.Println(err)
	fmt.Println(store.Lock(ctx, "john@example.org"))
	// Output:
	// ispmail: wrong address or password
	// ispmail: the account is locked: john@example.org
}

func ExampleStore_Unlock() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	if err := store.Lock(ctx, "john@example.org"); err != nil {
		log.Fatal(err)
	}
	if err := store.Unlock(ctx, "john@example.org"); err != nil {
		log.Fatal(err)
	}
	_, err := store.Authenticate(ctx, "john@example.org", "summersun")
	fmt.Println(err)
	// Output: <nil>
}

func ExampleUser_IsLocked() {
	user := ispmail.User{Email: "john@example.org", Password: ispmail.NewSecret("{CRYPT}!")}
	fmt.Println(user.IsLocked(), user.CanLogin())
	// Output: true false
}

// Take over an account from another server with its hash.
func ExampleStore_SetStoredPassword() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	fmt.Println(store.SetStoredPassword(ctx, "john@example.org", "{PLAIN}wintermoon"))
	fmt.Println(store.SetStoredPassword(ctx, "john@example.org", "{SHA256-CRYPT}"))
	// Output:
	// <nil>
	// hash: stored value is malformed: the stored password
}

// Ask whether a stored password is due for a rehash.
func ExampleStore_Hasher() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	user, err := store.User(ctx, "john@example.org")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(store.Hasher().Scheme(), store.Hasher().NeedsRehash(user.Password.Reveal()))
	// Output: SHA256-CRYPT false
}

// Aliases to a user follow the rename.
func ExampleStore_RenameUser() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	if _, _, err := store.CreateAlias(ctx, "sales@example.org", "john@example.org"); err != nil {
		log.Fatal(err)
	}
	user, _, err := store.RenameUser(ctx, "john@example.org", "john.smith@example.org")
	if err != nil {
		log.Fatal(err)
	}
	aliases, err := store.AliasesOf(ctx, "sales@example.org")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(user.ID, user.Email)
	fmt.Println(aliases[0].Source, "->", aliases[0].Destination)
	// Output:
	// 1 john.smith@example.org
	// sales@example.org -> john.smith@example.org
}

func ExampleStore_RenameDomain() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	if _, _, err := store.RenameDomain(ctx, "example.org", "example.net"); err != nil {
		log.Fatal(err)
	}
	user, err := store.Authenticate(ctx, "john@example.net", "summersun")
	fmt.Println(user.Email, err)
	// Output: john@example.net <nil>
}

// Show a person what is wrong with an address, and in which field of a form.
func ExampleAddressError() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	_, _, err := store.CreateAlias(ctx, "sales@example.org", "john at example.org")
	if invalid, ok := errors.AsType[*ispmail.AddressError](err); ok {
		fmt.Printf("%s %q: %s\n", invalid.Field, invalid.Value, invalid.Reason)
	}
	// Output: destination "john at example.org": it has no @, and a local account has no such name
}

// Neither a log nor a print statement shows a secret.
func ExampleSecret() {
	secret := ispmail.NewSecret("summersun")
	text, err := json.Marshal(map[string]any{"password": secret})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(secret, string(text), secret.Reveal())
	// Output: (secret) {"password":"(secret)"} summersun
}

// End sessions and flush caches when an account changes.
func ExampleConfig_onChange() {
	ctx := context.Background()
	db := exampleDB()
	store, err := ispmail.New(ctx, db, ispmail.Config{
		OnChange: func(_ context.Context, c ispmail.Change) {
			switch c.Kind {
			case ispmail.DomainChanged, ispmail.ManyCreated:
				fmt.Println("flush everything")
			default:
				fmt.Println("flush", c.Email, "because of:", c.Kind)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.SetPassword(ctx, "john@example.org", "a long enough secret"); err != nil {
		log.Fatal(err)
	}
	if _, err := store.DeleteDomain(ctx, "example.org"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// flush john@example.org because of: password
	// flush everything
}
