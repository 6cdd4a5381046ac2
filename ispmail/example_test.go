package ispmail_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
)

// Provision a mailbox on a server of the guide. The account mailadmin@localhost can only use the socket.
func Example() {
	ctx := context.Background()
	store, err := ispmail.Open(ctx, "mailadmin:secret@unix(/run/mysqld/mysqld.sock)/mailserver", ispmail.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	user, _, err := store.CreateUser(ctx, "john@example.org", "summersun")
	switch {
	case errors.Is(err, ispmail.ErrExists):
		log.Print("there is a john already")
	case err != nil:
		log.Print(err)
	default:
		log.Print("created ", user.Email)
	}
}

func ExampleOpen() {
	_, err := ispmail.Open(context.Background(), "mailadmin:secret@unix(/nowhere/mysqld.sock)/mailserver", ispmail.Config{})
	fmt.Println(errors.Is(err, ispmail.ErrUnavailable))
	fmt.Println(err)
	// Output:
	// true
	// ispmail: database unavailable: it does not answer: dial unix /nowhere/mysqld.sock: connect: no such file or directory
}

func ExampleNew() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:mail.db?mode=memory&"+ispmail.SQLiteOptions)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	store, err := ispmail.New(ctx, bun.NewDB(db, sqlitedialect.New()), ispmail.Config{})
	fmt.Println(store != nil, err)
	// Output: true <nil>
}

// A table of another program wants a time stamp and an owner that the guide knows nothing of.
func ExampleConfig_columns() {
	type ownerKey struct{}
	_ = ispmail.Config{
		Columns: func(ctx context.Context, row any) map[string]any {
			columns := map[string]any{"created_at": bun.Safe("NOW()")}
			if _, ok := row.(*ispmail.User); ok {
				columns["user_id"] = ctx.Value(ownerKey{})
			}
			return columns
		},
	}
}

func ExampleCanonical() {
	for _, address := range []string{"John@Example.org", "john@müller.example", "john @example.org"} {
		fmt.Println(ispmail.Canonical(address))
	}
	// Output:
	// john@example.org <nil>
	// john@xn--mller-kva.example <nil>
	//  ispmail: invalid address: the part before the @ has a sign that is not allowed there
}

func ExampleStore_CreateSchema() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	fmt.Println(store.CreateSchema(ctx)) // what exists stays
	// Output: <nil>
}

func ExampleStore_Close() {
	store, err := ispmail.Open(context.Background(), "mailadmin:secret@unix(/run/mysqld/mysqld.sock)/mailserver", ispmail.Config{})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Close(); err != nil {
		log.Fatal(err)
	}
}

func ExampleStore_CreateDomain() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	domain, err := store.CreateDomain(ctx, "Müller.example")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(domain.Name)
	_, err = store.CreateDomain(ctx, "xn--mller-kva.example")
	fmt.Println(err)
	// Output:
	// xn--mller-kva.example
	// ispmail: already exists: domain xn--mller-kva.example
}

func ExampleStore_Domain() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	_, err := store.Domain(ctx, "example.net")
	fmt.Println(errors.Is(err, ispmail.ErrNotFound))
	// Output: true
}

func ExampleStore_Domains() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	for domain, err := range store.Domains(ctx, ispmail.Query{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(domain.Name)
	}
	// Output: example.org
}

func ExampleStore_DeleteDomain() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	if _, err := store.CreateDomain(ctx, "example.net"); err != nil {
		log.Fatal(err)
	}
	if _, _, err := store.CreateAlias(ctx, "sales@example.net", "john@example.org"); err != nil {
		log.Fatal(err)
	}
	warnings, err := store.DeleteDomain(ctx, "example.org")
	if err != nil {
		log.Fatal(err)
	}
	for _, w := range warnings {
		fmt.Println(w.Message)
	}
	// Output: sales@example.net leads to john@example.org, which is on another server now: correct or delete the alias, unless it is wanted
}

func ExampleStore_CreateUser() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	_, _, err := store.CreateUser(ctx, "jane@example.net", "a long enough secret")
	fmt.Println(err)
	// Output: ispmail: domain is not in virtual_domains: example.net
}

func ExampleStore_User() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	user, err := store.User(ctx, "John@Example.org")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(user.ID, user.Email, user.CanLogin())
	// Output: 1 john@example.org true
}

func ExampleStore_Users() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	for user, err := range store.Users(ctx, ispmail.InDomain("example.org")) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(user.Email)
	}
	// Output: john@example.org
}

func ExampleStore_DeleteUser() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	if _, _, err := store.CreateAlias(ctx, "jack@example.org", "john@example.org"); err != nil {
		log.Fatal(err)
	}
	warnings, err := store.DeleteUser(ctx, "john@example.org")
	if err != nil {
		log.Fatal(err)
	}
	for _, w := range warnings {
		if w.Code != ispmail.WarningDangling {
			continue
		}
		if _, err := store.DeleteAlias(ctx, w.Alias.Source, w.Alias.Destination); err != nil {
			log.Fatal(err)
		}
		fmt.Println("deleted", w.Alias.Source, "too")
	}
	// Output: deleted jack@example.org too
}

func ExampleStore_SetQuota() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	switch err := store.SetQuota(ctx, "john@example.org", 5<<30); {
	case errors.Is(err, ispmail.ErrNoQuota):
		fmt.Println("this server knows no quotas")
	case err != nil:
		log.Fatal(err)
	default:
		fmt.Println("5 GiB")
	}
	// Output: 5 GiB
}

func ExampleUser_CanLogin() {
	user := ispmail.User{Email: "@example.org", Password: ispmail.NewSecret("~")} // ISPmail Admin keeps such rows
	fmt.Println(user.CanLogin())
	// Output: false
}

func ExampleStore_Authenticate() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	for _, password := range []string{"summersun", "wintermoon"} {
		user, err := store.Authenticate(ctx, "John@example.org", password)
		switch {
		case errors.Is(err, ispmail.ErrBadCredentials):
			fmt.Println("refused")
		case err != nil:
			log.Fatal(err) // the database could not be asked
		default:
			fmt.Println("welcome", user.Email)
		}
	}
	// Output:
	// welcome john@example.org
	// refused
}

func ExampleStore_ChangePassword() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	switch err := store.ChangePassword(ctx, "john@example.org", "summersun", "a long enough secret"); {
	case err == nil:
		fmt.Println("changed")
	case errors.Is(err, ispmail.ErrBadCredentials):
		fmt.Println("the current password is another one")
	case errors.Is(err, ispmail.ErrOutcomeUnknown):
		fmt.Println("one of the two passwords is valid, try both")
	default:
		fmt.Println("not changed:", err)
	}
	// Output: changed
}

func ExampleStore_SetPassword() {
	ctx := context.Background()
	store := dbtest.ExampleStore(ctx)
	fmt.Println(store.SetPassword(ctx, "john@example.org", "a long enough secret"))
	// Output: <nil>
}
