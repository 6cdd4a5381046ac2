// Package check finds faults in virtual_domains, virtual_users and virtual_aliases, whoever made them, and says how to mend
// each. It changes nothing.
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
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// A Finding is one thing that is wrong, or worth knowing, about a row or a table.
type Finding struct {
	Code Code `json:"code"`
	// Table is virtual_domains, virtual_users or virtual_aliases.
	Table string `json:"table"`
	// ID is the id of the row. It is 0 if the finding is about the whole table.
	ID int64 `json:"id,omitempty"`
	// Message is one sentence in English that says what is wrong and what to do. It never holds a password or a hash. Its
	// wording may change between releases.
	Message string `json:"message"`
}

// Config holds the settings of [Run]. The zero value is ready to use.
type Config struct{}

// Run reads the three tables and yields what is wrong with them. SELECT is the only right that it needs.
//
// Findings about the tables come first. Those about domains, users and aliases follow, each kind by id. Alias loops, and
// faults that show only behind several aliases, come last. If the database fails, its error is the last item; it is one of
// the errors of [ispmail.Store.Users].
//
// Rows that a column of [ispmail.Config] State switches off do not exist for it, and a user does not if the domain is off. An
// alias to such a user leads nowhere.
//
// Run guesses no passwords, with one exception: it tries the password of the guide's example account, if there is an account
// with that address.
//
// If rows change while Run reads, a finding may be about the old rows, the new ones, or a mixture. Inside
// [ispmail.Store.RunInTx] on MariaDB, Run reads one snapshot.
//
// Run reads keyset pages of at most 1000 rows, and the tables several times. It holds no connection while the caller handles
// a finding.
//
// Run remembers hashes, not rows: 8 bytes for a user, 16 for an alias, 40 more for an alias that leads to another alias,
// about 300 for a domain and for an alias on a loop. With 100,000 users and 100,000 aliases, the heap grows by less than
// 16 MB, however many findings there are.
func Run(ctx context.Context, store *ispmail.Store, _ Config) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		c := &checker{store: store, yield: yield, tables: map[string]*tables.Table{}}
		for _, step := range []func(context.Context) error{c.checkSchema, c.checkDomains, c.loadGraph, c.checkUsers, c.checkAliases, c.checkLoops, c.checkExtensions} {
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

// A checker is one call of [Run].
type checker struct {
	store   *ispmail.Store
	yield   func(Finding, error) bool
	stopped bool // the caller wants no more findings
	mariaDB bool // else SQLite
	state   []tables.Switch
	tables  map[string]*tables.Table // by name; checkSchema reads them
	graph   graph
	faulty  []int64 // sorted ids of aliases that were reported because mail does not arrive
	looping []int64 // sorted ids of those among them that were reported for a loop
}

// report yields a finding, unless the caller wants no more.
func (c *checker) report(code Code, table string, id int64, format string, args ...any) {
	if !c.stopped {
		c.stopped = !c.yield(Finding{Code: code, Table: table, ID: id, Message: fmt.Sprintf(format, args...)}, nil)
	}
}
