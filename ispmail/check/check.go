// Package check is the doctor of the three tables: it finds faults in rows and tables that others have made, and tells what
// to do about each. It changes nothing.
//
//	for finding, err := range check.Run(ctx, store, check.Config{}) {
//		...
//	}
package check

import (
	"context"
	"fmt"
	"iter"

	"github.com/ispmail/go-ispmail/ispmail"
)

// A Finding is what [Run] found wrong, or worth knowing, in one row or one table.
type Finding struct {
	Code Code `json:"code"`
	// Table is virtual_domains, virtual_users or virtual_aliases.
	Table string `json:"table"`
	// ID is that of the row, 0 if the finding is about the table as a whole.
	ID int64 `json:"id,omitempty"`
	// Message is one sentence in English that says what is wrong and what to do. It may change between releases, and it
	// never holds a password or a hash.
	Message string `json:"message"`
}

// Config holds the settings of [Run]. The zero value is ready to use.
type Config struct{}

// Run looks through the three tables and reports what is wrong: about the tables first, then about domains, users and
// aliases by id, then the loops. SELECT is the only right that it needs. An error of the database is the last thing that it
// yields, with the errors of [ispmail.Store.Users].
//
// No password is guessed but the one of the guide's example, for the one account that has it. Rows that change
// while Run reads may be reported as they were or as they are, or as if they did not fit together. Within
// [ispmail.Store.RunInTx] it sees one state of a MariaDB.
//
// It reads pages of 1000 rows, a few times over, and holds no connection while the caller looks at a finding. What it
// remembers of the rows are hashes: 8 bytes for each user, 16 for each alias, 40 more for an alias that leads to
// another one, some 300 for an alias on a loop and for a domain. For 100,000 users and 100,000 aliases the heap grows
// by less than 16 MB, however many findings there are.
func Run(ctx context.Context, store *ispmail.Store, _ Config) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		c := &checker{store: store, yield: yield}
		for _, step := range []func(context.Context) error{c.schema, c.domains, c.index, c.users, c.aliases, c.loops, c.extended} {
			err := step(ctx)
			if c.stopped {
				return
			}
			if err != nil {
				yield(Finding{}, err)
				return
			}
		}
	}
}

// A checker is one run.
type checker struct {
	store   *ispmail.Store
	yield   func(Finding, error) bool
	stopped bool // the caller wants no more
	mariaDB bool // else SQLite
	graph   graph
	faulty  []int64 // aliases that were reported because their mail gets nowhere, sorted
	looping []int64 // those of them that were reported for a loop, sorted
}

// report yields a finding, unless the caller wants no more.
func (c *checker) report(code Code, table string, id int64, format string, args ...any) {
	if !c.stopped {
		c.stopped = !c.yield(Finding{Code: code, Table: table, ID: id, Message: fmt.Sprintf(format, args...)}, nil)
	}
}
