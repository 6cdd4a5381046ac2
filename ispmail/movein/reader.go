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
)

// order is that in which the tables are read. Alias domains come before aliases, as a whole domain must be the only
// destination of a catch-all.
var order = []string{"domain", "mailbox", "alias_domain", "alias"}

// read yields everything in the database of a program.
func read(ctx context.Context, db *bun.DB, p *program, config Config) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		passwords, err := newPasswords(config.Scheme)
		if err == nil {
			r := &reader{
				program: p, config: config, passwords: passwords, yield: yield,
				domains: map[string]bool{}, mailboxes: map[string]bool{}, pairs: map[string]string{},
			}
			err = r.within(ctx, db, r.run)
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(Item{}, err)
		}
	}
}

// errEnough says that the caller wants no more items.
var errEnough = errors.New("movein: enough")

type reader struct {
	*program
	source
	config    Config
	passwords *passwords
	yield     func(Item, error) bool
	// What comes over, by canonical names, as aliases depend on it.
	domains   map[string]bool
	mailboxes map[string]bool
	pairs     map[string]string // targets by alias domains
	implied   int
	vacations int
}

func (r *reader) run() error {
	if err := r.fits(); err != nil {
		return err
	}
	rows := map[string]func(row) error{"domain": r.domain, "mailbox": r.mailbox, "alias_domain": r.pair, "alias": r.alias}
	for _, table := range order {
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
	if err := r.sums(); err != nil {
		return err
	}
	return r.rest()
}

// A row is a row of a table that is read.
type row struct {
	values map[string]string
	table  string
	key    string // the address or domain
}

func (w row) isOn(column string) bool {
	return slices.Contains([]string{"1", "t", "true"}, w.values[column])
}

// name returns the name of a table.
func (r *reader) name(table string) string {
	if name := r.config.Tables[table]; name != "" {
		table = name
	}
	return r.config.TablePrefix + table
}

func (r *reader) has(table, column string) bool { return r.columns[r.name(table)][column] }

// fits makes sure that this is a database of the program.
func (r *reader) fits() error {
	for _, table := range order {
		if r.needed[table] == nil {
			continue
		}
		if name := r.name(table); r.columns[name] == nil {
			return fmt.Errorf("%w: there is no table %s that the account may read, so this is no database of %s %s, or its tables have other names",
				ErrSchema, name, r.program.name, r.releases)
		}
	}
	for _, table := range order {
		for _, column := range r.needed[table] {
			switch {
			case r.has(table, column):
			case r.has("mailbox", r.foreign):
				return fmt.Errorf("%w: this is a database of %s, not of %s", ErrSchema, r.other, r.program.name)
			default:
				return fmt.Errorf("%w: the table %s has no column %s, which %s %s has", ErrSchema, r.name(table), column, r.program.name, r.releases)
			}
		}
	}
	return nil
}

// record yields a record.
func (r *reader) record(w row, record ispmail.Record) error {
	record.Origin = r.name(w.table) + " " + w.key
	return r.item(Item{Record: record})
}

// stays notes that a row is left behind.
func (r *reader) stays(w row, code Code, message string) error {
	return r.note(w.table, w.key, code, 1, message)
}

// changes notes that a row comes over, but not as it was.
func (r *reader) changes(w row, code Code, message string) error {
	return r.note(w.table, w.key, code, 0, message)
}

func (r *reader) note(table, key string, code Code, rows int, message string) error {
	key = strings.ToValidUTF8(key, "\uFFFD")
	return r.item(Item{Note: &Note{Code: code, Table: r.name(table), Key: key, Rows: rows, Message: message}})
}

func (r *reader) item(item Item) error {
	if !r.yield(item, nil) {
		return errEnough
	}
	return nil
}

// look holds the columns of a row that every program has, and its checks, against what is usual. It tells whether the row
// is left behind, which it has noted then. The notes about a row that comes over are to be yielded after it.
func (r *reader) look(w row) (stays bool, notes []func() error, err error) {
	for _, column := range r.needed[w.table] {
		if !utf8.ValidString(w.values[column]) {
			return true, nil, r.stays(w, CodeNotUTF8, "the column "+column+" holds bytes that are not UTF-8")
		}
	}
	if !w.isOn("active") {
		return true, nil, r.stays(w, CodeInactive, "it is not active")
	}
	for _, c := range r.checksOf(w.table) {
		value := w.values[c.column]
		if slices.Contains(c.usual, value) {
			continue
		}
		message := strings.ReplaceAll(c.message, "VALUE", strconv.Quote(value))
		if c.stays {
			return true, nil, r.stays(w, c.code, message)
		}
		notes = append(notes, func() error { return r.changes(w, c.code, message) })
	}
	return false, notes, nil
}

// domainOf returns the canonical domain of an address or "@domain", and how an address is compared.
func domainOf(address string) string {
	return canonicalDomain(address[strings.LastIndexByte(address, '@')+1:])
}

func canonical(address string) string {
	if domain, ok := strings.CutPrefix(address, "@"); ok {
		return "@" + canonicalDomain(domain)
	}
	if canonical, err := ispmail.Canonical(address); err == nil {
		return canonical
	}
	return strings.ToLower(address) // Import will refuse it
}

func canonicalDomain(domain string) string {
	if canonical, err := ispmail.Canonical("x@" + domain); err == nil {
		return canonical[2:]
	}
	return strings.ToLower(domain)
}
