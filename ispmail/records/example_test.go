package records_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/records"
)

var exampleStore = dbtest.ExampleStore

// This example imports a file that was written by hand.
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
