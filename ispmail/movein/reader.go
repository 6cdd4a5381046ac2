package movein

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// tableOrder is the order in which the tables are read. Alias domains come before aliases, because an alias domain leaves no
// room for a catch-all of the same domain.
var tableOrder = []string{"domain", "mailbox", "alias_domain", "alias"}

// read yields the records and notes of a database.
func read(ctx context.Context, db *bun.DB, p *program, config Config) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		passwords, err := newPasswords(config.Scheme)
		if err == nil {
			r := &reader{
				program: p, config: config, passwords: passwords, yield: yield,
				domains: map[string]bool{}, mailboxes: map[string]bool{}, targets: map[string]string{},
			}
			err = r.inSnapshot(ctx, db, r.run)
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(Item{}, err)
		}
	}
}

// errStopped says that the caller wants no more items.
var errStopped = errors.New("movein: stopped")

// A reader is one call of [PostfixAdmin] or [ViMbAdmin].
type reader struct {
	*program
	source
	config    Config
	passwords *passwords
	yield     func(Item, error) bool
	// What comes over, by canonical names. Later rows depend on it.
	domains   map[string]bool
	mailboxes map[string]bool
	targets   map[string]string // domains, by alias domain
	implied   int               // rows with CodeImplied
	vacations int               // rows with CodeVacation
}

// run reads all tables.
func (r *reader) run() error {
	if err := r.checkSchema(); err != nil {
		return err
	}
	rows := map[string]func(row) error{"domain": r.domain, "mailbox": r.mailbox, "alias_domain": r.aliasDomain, "alias": r.alias}
	for _, table := range tableOrder {
		if r.needed[table] == nil {
			continue
		}
		columns := slices.Clone(r.needed[table])
		for _, c := range r.checksOf(table) {
			if r.has(table, c.column) {
				columns = append(columns, c.column)
			}
		}
		if err := r.each(r.name(table), columns, func(values map[string]string) error {
			return rows[table](row{values, table, values[columns[0]]})
		}); err != nil {
			return err
		}
	}
	if err := r.noteTotals(); err != nil {
		return err
	}
	return r.noteRest()
}

// A row is a row of a table.
type row struct {
	values map[string]string // by column
	table  string            // its default name
	key    string            // the address or domain
}

// isTrue reports whether a column holds what one of the databases writes for true.
func (w row) isTrue(column string) bool {
	return slices.Contains([]string{"1", "t", "true"}, w.values[column])
}

// name returns the real name of a table, given its default name.
func (r *reader) name(table string) string {
	if name := r.config.Tables[table]; name != "" {
		table = name
	}
	return r.config.TablePrefix + table
}

// has reports whether a table has a column that the account may see.
func (r *reader) has(table, column string) bool { return r.columns[r.name(table)][column] }

// checkSchema returns [ErrSchema] if this is not a database of the program.
func (r *reader) checkSchema() error {
	for _, table := range tableOrder {
		if r.needed[table] == nil {
			continue
		}
		if name := r.name(table); r.columns[name] == nil {
			return fmt.Errorf("%w: there is no table %s that the account may read, so this is no database of %s %s, or its tables have other names",
				ErrSchema, name, r.program.name, r.releases)
		}
	}
	for _, table := range tableOrder {
		for _, column := range r.needed[table] {
			switch {
			case r.has(table, column):
			case r.has("mailbox", r.foreignColumn):
				return fmt.Errorf("%w: this is a database of %s, not of %s", ErrSchema, r.otherProgram, r.program.name)
			default:
				return fmt.Errorf("%w: the table %s has no column %s, which %s %s has", ErrSchema, r.name(table), column, r.program.name, r.releases)
			}
		}
	}
	return nil
}

// record yields a record of a row.
func (r *reader) record(w row, record ispmail.Record) error {
	record.Origin = r.name(w.table) + " " + w.key
	return r.item(Item{Record: record})
}

// leave yields a note that a row is left behind.
func (r *reader) leave(w row, code Code, message string) error {
	return r.note(w.table, w.key, code, 1, message)
}

// change yields a note that a row comes over with a change.
func (r *reader) change(w row, code Code, message string) error {
	return r.note(w.table, w.key, code, 0, message)
}

// note yields a note.
func (r *reader) note(table, key string, code Code, rows int, message string) error {
	key = strings.ToValidUTF8(key, "\uFFFD")
	return r.item(Item{Note: &Note{Code: code, Table: r.name(table), Key: key, Rows: rows, Message: message}})
}

// item yields an item. It returns errStopped if the caller wants no more.
func (r *reader) item(item Item) error {
	if !r.yield(item, nil) {
		return errStopped
	}
	return nil
}

// inspect checks what is the same for the rows of all tables, and the checks of the program. If the row is left behind, it
// yields the note about that. If the row comes over, the caller yields the notes after the record, see notesAfter.
func (r *reader) inspect(w row) (left bool, notes []func() error, err error) {
	for _, column := range r.needed[w.table] {
		if !utf8.ValidString(w.values[column]) {
			return true, nil, r.leave(w, CodeNotUTF8, "the column "+column+" holds bytes that are not UTF-8")
		}
	}
	if !w.isTrue("active") {
		return true, nil, r.leave(w, CodeInactive, "it is not active")
	}
	for _, c := range r.checksOf(w.table) {
		value := w.values[c.column]
		if slices.Contains(c.usual, value) {
			continue
		}
		message := strings.ReplaceAll(c.message, "VALUE", strconv.Quote(value))
		if c.leave {
			return true, nil, r.leave(w, c.code, message)
		}
		notes = append(notes, func() error { return r.change(w, c.code, message) })
	}
	return false, notes, nil
}

// canonical returns the key of an address or "@domain", by which rows are compared.
func canonical(source string) string {
	return address.Key(source) // Import refuses what is none
}

// canonicalDomain returns the canonical form of a domain.
func canonicalDomain(domain string) string {
	if canonical, err := address.Domain(domain); err == nil {
		return canonical
	}
	return strings.ToLower(domain) // Import refuses it
}

// domainOf returns the canonical domain of an address or "@domain".
func domainOf(source string) string { return canonicalDomain(address.DomainOf(source)) }
