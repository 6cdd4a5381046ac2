package check_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
)

var exampleStore = dbtest.ExampleStore

func ExampleRun() {
	ctx := context.Background()
	store := exampleStore(ctx)
	if _, _, err := store.CreateAlias(ctx, "jack@example.org", "jill@example.org"); err != nil {
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
	//   the password is the one that is printed in the ISPmail guide: ispmailctl password set john@example.org sets another, ispmailctl user delete --id 1 deletes the account
	// error dangling-alias virtual_aliases 1
	//   jack@example.org leads to jill@example.org, and nothing there takes the mail: ispmailctl user add makes a mailbox, ispmailctl alias correct --id 1 --destination ADDRESS leads elsewhere, ispmailctl alias delete --id 1 deletes the row
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
