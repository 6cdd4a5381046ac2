// Package movein reads the databases of PostfixAdmin and ViMbAdmin, for a move to a server of the ISPmail guide.
//
// [ispmail.Store.Import] adds what it reads:
//
//	items := movein.PostfixAdmin(ctx, db, movein.Config{Scheme: "md5crypt"})
//	report := func(n movein.Note) { fmt.Println(n) }
//	result, err := store.Import(ctx, movein.Records(items, report), ispmail.ImportConfig{})
//
// The package only reads the database, in one transaction, with no right but SELECT. The database may be on MariaDB, SQLite,
// MySQL or PostgreSQL; the last two are not tested.
//
// The mail itself, the files in the mailboxes, has to be moved by other means.
package movein

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
)

// ErrSchema says that a database does not belong to the program, or to a release of it that this package knows.
var ErrSchema = errors.New("movein: the tables do not fit")

// An Item is a note, or a record for [ispmail.Store.Import] if Note is nil.
type Item struct {
	Record ispmail.Record
	Note   *Note
}

// A Note says what is left behind, or comes over with a change. Every row that does not become a record is in a note, and so is
// every column that holds something for which there is no place.
type Note struct {
	Code Code `json:"code"`
	// Table is a table of the database that is read.
	Table string `json:"table"`
	// Key is the address or the domain of the row. In a note about many rows, it is a column or empty.
	Key string `json:"key,omitempty"`
	// Rows is how many rows the note reports as left behind. It is 0 for rows that come over with a change. The Rows of all
	// notes about a table, and the rows of it that became records, add up to all of its rows.
	Rows int `json:"rows"`
	// Message is one sentence in English. It never holds a password or a hash. Its wording may change between releases.
	Message string `json:"message"`
}

// String returns the note as a line of a report.
func (n Note) String() string {
	where := n.Table
	if n.Key != "" {
		where += " " + n.Key
	}
	return fmt.Sprintf("%s: %s (%s)", where, n.Message, n.Code)
}

// Config holds the settings of [PostfixAdmin] and [ViMbAdmin]. The zero value is enough for tables with the default names, in
// which every stored password shows its scheme, by a {SCHEME} or by its form.
type Config struct {
	// Scheme is the scheme of stored passwords without a {SCHEME}. It is $CONF['encrypt'] of PostfixAdmin ("md5crypt"),
	// defaults.mailbox.password_scheme of ViMbAdmin ("dovecot:BLF-CRYPT"), or a scheme of Dovecot ("BLF-CRYPT").
	//
	// A value that does not have the form of Scheme, or any value if Scheme is empty, is recognised by a "$" at its start, as
	// in "$1$" and "$2y$". All others are left behind: nothing tells a digest in hex from a clear text.
	Scheme string
	// TablePrefix is the start of all table names, $CONF['database_prefix'] of PostfixAdmin.
	TablePrefix string
	// Tables holds names that differ from the default ones, without the prefix, by the default name. It is
	// $CONF['database_tables'] of PostfixAdmin.
	Tables map[string]string
}

// PostfixAdmin reads a database of PostfixAdmin 3.3 or 4.0. It yields the domains, then the mailboxes, then the aliases.
//
// Only active rows come over, and only those of domains whose mailboxes are on the server: no backup MX domains. The times at
// which rows were created and changed are left behind without a note.
//
// Stored passwords come over unchanged, with a {SCHEME} in front if they have none. There are two exceptions: Courier's
// {md5raw}, which Dovecot does not know, becomes {PLAIN-MD5}, and {SHA512-CRYPT.B64}, which is too wide for the column of the
// guide, becomes {SHA512-CRYPT}. Quotas are in bytes in both databases.
//
// An alias becomes one record for each of its destinations. An alias domain becomes an alias from "@alias" to "@target".
//
// The program gives each mailbox an alias to itself, which the guide does not need, see [CodeImplied]. If a mailbox lacks that
// alias and its domain has a catch-all, the maps of PostfixAdmin send its mail to the catch-all. Those of the guide send it to
// the mailbox.
//
// Records may have too long texts, duplicates and invalid addresses. [ispmail.Store.Import] refuses those.
//
// An error is the last item. It is [ErrSchema] if the database is not one of PostfixAdmin, an error of the database, or one that
// says that [Config.Scheme] is unknown.
//
// The function reads keyset pages of 1000 rows. It remembers the names of the domains and mailboxes that come over, about 100
// bytes each. Its transaction stays open while the caller handles an item.
func PostfixAdmin(ctx context.Context, db *bun.DB, config Config) iter.Seq2[Item, error] {
	return read(ctx, db, &postfixAdmin, config)
}

// ViMbAdmin reads a database of ViMbAdmin 3.4, as [PostfixAdmin] reads one of PostfixAdmin. There are two differences:
// ViMbAdmin stores an alias domain as an alias from "@alias" to "@target", and mailboxes that are about to be deleted are left
// behind.
func ViMbAdmin(ctx context.Context, db *bun.DB, config Config) iter.Seq2[Item, error] {
	return read(ctx, db, &viMbAdmin, config)
}

// Records yields the records among items, and calls note for each note.
func Records(items iter.Seq2[Item, error], note func(Note)) iter.Seq2[ispmail.Record, error] {
	return func(yield func(ispmail.Record, error) bool) {
		for item, err := range items {
			if err == nil && item.Note != nil {
				note(*item.Note)
			} else if !yield(item.Record, err) {
				return
			}
		}
	}
}
