package ispmailtest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// signUp is the program under test.
func signUp(ctx context.Context, store *ispmail.Store, email, password string) error {
	_, _, err := store.CreateUser(ctx, email, password)
	if errors.Is(err, ispmail.ErrExists) {
		return errors.New("this address is taken")
	}
	return err
}

// This example runs one test on both kinds of database.
func Example() {
	databases := map[string]func(testing.TB) *ispmailtest.Database{
		"MariaDB": ispmailtest.MariaDB,
		"SQLite":  ispmailtest.SQLite,
	}
	_ = func(t *testing.T) { // func TestSignUp(t *testing.T)
		for name, database := range databases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				db := database(t)
				db.Example(t)
				if err := signUp(t.Context(), db.Store(t, ispmail.Config{}), "John@Example.org", "a long enough secret"); err == nil {
					t.Error("there is a john already")
				}
			})
		}
	}
}

// This example tests a program with the few rights that a service for changing passwords needs.
func ExampleDatabase_As() {
	_ = func(t *testing.T) { // func TestChangePassword(t *testing.T)
		db := ispmailtest.MariaDB(t)
		db.Example(t)
		store := db.As(t, "GRANT SELECT (id, domain_id, email, password), UPDATE (password) ON virtual_users TO %s")
		if err := store.ChangePassword(t.Context(), "john@example.org", ispmailtest.Password, "a long enough secret"); err != nil {
			t.Error(err)
		}
	}
}
