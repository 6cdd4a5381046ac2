// Package movein reads the databases of PostfixAdmin and ViMbAdmin for a move to a server of the ISPmail guide. What it
// reads, ispmail.Store.Import adds:
//
//	items := movein.PostfixAdmin(ctx, db, movein.Config{Scheme: "md5crypt"})
//	report := func(n movein.Note) { fmt.Println(n) }
//	result, err := store.Import(ctx, movein.Records(items, report), ispmail.ImportConfig{})
//
// The database is only read, in one transaction and with no right but SELECT. It is a MariaDB or MySQL, SQLite or PostgreSQL;
// MySQL and PostgreSQL are not tested. The files of the mail do not move by this.
package movein

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
)

// ErrSchema says that a database is not the one of the program, or of a release that this package does not know.
var ErrSchema = errors.New("movein: the tables do not fit")

// An Item is a record for Import or, where Note is not nil, a note.
type Item struct {
	Record ispmail.Record
	Note   *Note
}

// A Note tells what is left behind or changes. Rows of the source that do not become records, and columns that hold
// something for which there is no place, all have one.
type Note struct {
	Code Code `json:"code"`
	// Table is the table of the source.
	Table string `json:"table"`
	// Key is the address or domain of the row or, where the note is about many rows, the column or nothing.
	Key string `json:"key,omitempty"`
	// Rows is how many rows of the table are left behind by this note. It is 0 if the row has records all the same.
	// The rows that have records and the Rows of all notes add up to the rows of the table.
	Rows int `json:"rows"`
	// Message is one sentence in English. It may change between releases, and never holds a password or a hash.
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

// Config holds the settings of a reader. The zero value is for a database whose passwords all have a prefix or a form
// that tells what they are.
type Config struct {
	// Scheme is that of the passwords without a {SCHEME}: what the program is configured with, $CONF['encrypt'] of
	// PostfixAdmin ("md5crypt") or defaults.mailbox.password_scheme of ViMbAdmin ("dovecot:BLF-CRYPT"), or a scheme by
	// Dovecot's name for it. Values that cannot be of the scheme are taken for what their form tells. If Scheme is empty, that
	// goes for all; without it, a digest in hex and clear text are not told apart and are left behind.
	Scheme string
	// TablePrefix is what all names of tables begin with, $CONF['database_prefix'] of PostfixAdmin.
	TablePrefix string
	// Tables has the names of tables that are called otherwise, without the prefix, by their usual ones:
	// $CONF['database_tables'] of PostfixAdmin.
	Tables map[string]string
}

// PostfixAdmin reads a database of PostfixAdmin 3.3 or 4.0: the domains, then the mailboxes, then the aliases. Only what
// is active comes over, and what was served here: no backup MX domains, and no addresses in other domains.
//
// Passwords come over as they are stored, with a prefix. Those with a prefix that Dovecot does not know, {md5raw} of Courier, or
// that makes them longer than the column of the guide, {SHA512-CRYPT.B64}, get the one that means the same.
//
// An alias has a record for each of its destinations; the rows by which PostfixAdmin makes every mailbox an alias for
// itself need none, see CodeImplied. An alias domain becomes an alias from "@alias" to "@target". Quotas of mailboxes are
// bytes there and here. When rows were made and changed is left behind without a note.
// With the maps of the guide, a mailbox gets its mail even if it has no such row and its domain has a catch-all, which takes
// the mail there.
//
// Widths of columns, duplicates and the grammar of addresses are Import's to see to. A database that is not
// PostfixAdmin's is ErrSchema; other errors are those of the database and of a Scheme that does not exist.
// An error is the last thing that is yielded.
//
// It reads pages of 1000 rows. What it remembers are the names of all domains and mailboxes that come over, about 100 bytes
// each. The transaction stays open while the caller looks at an item.
func PostfixAdmin(ctx context.Context, db *bun.DB, config Config) iter.Seq2[Item, error] {
	return read(ctx, db, &postfixAdmin, config)
}

// ViMbAdmin reads a database of ViMbAdmin 3.4. All that is said about PostfixAdmin goes for it, except that it has no alias
// domains other than aliases from "@alias" to "@target", and that mailboxes which wait for being deleted stay behind too.
func ViMbAdmin(ctx context.Context, db *bun.DB, config Config) iter.Seq2[Item, error] {
	return read(ctx, db, &viMbAdmin, config)
}

// Records returns the records of items, and tells the notes as they come.
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
