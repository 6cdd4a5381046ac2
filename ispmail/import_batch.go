package ispmail

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// An importBatch is the part of an import that one transaction writes. It loads what is there, decides on each record,
// and inserts.
type importBatch struct {
	*importer
	items  []item
	known  *known
	own    map[string]bool // domains of destinations that are on this server
	met    []*item         // with Columns, which are to be compared
	metIDs []int64         // of their rows
}

// known holds the rows that a batch meets, and those that it adds.
type known struct {
	domains map[string]int64          // ids by name; 0 before the domain is inserted
	users   map[string]*User          // by address
	aliases map[string][]Alias        // by source
	off     map[string]Domain         // domains that are there and switched off, by name
	columns map[string]map[string]any // of the records that are going to be added, see columnsKey
}

func newKnown(users int) *known {
	return &known{map[string]int64{}, make(map[string]*User, users), map[string][]Alias{}, map[string]Domain{}, map[string]map[string]any{}}
}

// load reads the rows that the records of the batch are compared with.
func (b *importBatch) load(ctx context.Context, db bun.IDB, lock lockMode) error {
	var names, emails, sources, abroad []string
	for _, it := range b.items {
		if it.err != nil {
			continue
		}
		if len(names) == 0 || names[len(names)-1] != it.domain { // most records follow one of the same domain
			names = append(names, it.domain)
		}
		switch {
		case it.User != nil:
			if !b.trustKey || address.HasALabel(it.key) {
				emails = append(emails, it.key)
			}
		case it.Alias != nil:
			sources = append(sources, it.key)
			if it.key == it.to.key && it.key[0] != '@' {
				emails = append(emails, it.key)
			}
			if it.to.dependsOnDomain() {
				abroad = append(abroad, it.to.domain())
			}
		}
	}
	// The lock keeps others from adding users and aliases to the domains, as that of lockDomains does.
	domains, err := lookup[Domain](ctx, b.s, db, "name", lock, route.Unique(names)...)
	if err != nil {
		return err
	}
	for _, d := range onFirst(domains) {
		if _, twin := b.known.domains[d.canonical()]; !twin {
			b.known.domains[d.canonical()] = d.ID
			if d.Off {
				b.known.off[d.canonical()] = d
			}
		}
	}
	if domains, err = lookup[Domain](ctx, b.s, db, "name", readRows, route.Unique(abroad)...); err != nil {
		return err
	}
	b.own = map[string]bool{}
	for _, d := range domains {
		b.own[d.canonical()] = true
	}
	users, err := lookup[User](ctx, b.s, db, "email", readRows, route.Unique(emails)...)
	if err != nil {
		return err
	}
	for _, u := range users {
		if twin := b.known.users[u.canonical()]; twin == nil || twin.Off || !u.Off {
			b.known.users[u.canonical()] = &u
		}
	}
	aliases, err := lookup[Alias](ctx, b.s, db, "source", readRows, route.Unique(sources)...)
	for _, a := range aliases {
		b.known.aliases[a.canonical()] = append(b.known.aliases[a.canonical()], a)
	}
	return err
}

// decide marks the records that are refused or present. The others are to be inserted.
func (b *importBatch) decide(ctx context.Context) {
	for i := range b.items {
		it := &b.items[i]
		if it.err != nil {
			continue
		}
		switch {
		case it.Domain != nil:
			b.decideDomain(ctx, it)
		case it.User != nil:
			b.decideUser(ctx, it)
		default:
			b.decideAlias(ctx, it)
		}
	}
}

func (b *importBatch) decideDomain(ctx context.Context, it *item) {
	if off, ok := b.known.off[it.key]; ok && !it.Domain.Off && !b.s.tellsState(&it.Record) {
		it.err = fmt.Errorf("%w%s", ErrExists, offNote(b.s, off))
		return
	}
	var id int64
	if id, it.present = b.known.domains[it.key]; it.present {
		b.meet(it, id)
		return
	}
	if it.err = errors.Join(fits(b.schema[tables.Domains], "name", it.key), b.s.keepsState(ctx, it.Record)); it.err == nil {
		b.known.domains[it.key] = 0
		b.keep(it)
	}
}

func (b *importBatch) decideUser(ctx context.Context, it *item) {
	table := b.schema[tables.Users]
	if it.err = b.needDomain(it); it.err != nil {
		return
	}
	if there, ok := b.known.users[it.key]; ok {
		if there.Off && !it.User.Off && !b.s.tellsState(&it.Record) {
			it.err = fmt.Errorf("%w%s", ErrExists, offNote(b.s, *there))
			return
		}
		if it.present = it.User.Password.Reveal() == there.Password.Reveal() && (it.User.Quota == nil || there.Quota == nil || *it.User.Quota == *there.Quota); !it.present {
			it.err = fmt.Errorf("%w: with another password or quota", ErrExists)
			return
		}
		b.meet(it, there.ID)
		return
	}
	it.err = errors.Join(fits(table, "email", it.key), fits(table, "password", it.User.Password.Reveal()), b.s.keepsState(ctx, it.Record))
	if quota := it.User.Quota; it.err == nil && quota != nil {
		if it.err = fitsQuota(table, *quota); it.err == nil && !table.HasQuota() {
			it.User.Quota = nil // 0, no limit, which the table stands for
		}
	}
	if it.err == nil {
		b.known.users[it.key] = it.User
		b.keep(it)
	}
}

func (b *importBatch) decideAlias(ctx context.Context, it *item) {
	table := b.schema[tables.Aliases]
	if it.err = b.needDomain(it); it.err != nil {
		return
	}
	_, isOwn := b.known.domains[it.to.domain()]
	if it.Alias.Destination, it.err = it.to.text(isOwn || b.own[it.to.domain()]); it.err != nil {
		return
	}
	rows := b.known.aliases[it.key]
	for _, row := range rows {
		if it.present = row.leadsTo(it.to.key) && (!row.Off || it.Alias.Off || b.s.tellsState(&it.Record)); it.present {
			b.meet(it, row.ID)
			return
		}
	}
	user := b.known.users[it.key]
	itself := user != nil && !user.Off
	if it.err = b.s.checkRows(it.key, it.to.key, rows, itself); it.err != nil {
		return
	}
	it.err = errors.Join(fits(table, "source", it.key), fits(table, "destination", it.Alias.Destination), b.s.keepsState(ctx, it.Record))
	if it.err == nil {
		b.known.aliases[it.key] = append(rows, *it.Alias)
		b.keep(it)
	}
}

// needDomain returns ErrNoDomain if the domain of an item is neither there nor added before.
func (b *importBatch) needDomain(it *item) error {
	if _, ok := b.known.domains[it.domain]; !ok {
		return fmt.Errorf("%w: %s", ErrNoDomain, it.domain)
	}
	return nil
}

// insert adds the records that are left: domains, then users, then aliases, because each needs the rows before it.
func (b *importBatch) insert(ctx context.Context, tx *transaction) error {
	if err := b.insertInto(ctx, tx, tables.Domains); err != nil {
		return err
	}
	var names []string
	for name, id := range b.known.domains {
		if id == 0 {
			names = append(names, name)
		}
	}
	domains, err := lookup[Domain](ctx, b.s, tx, "name", b.s.lockInTx(), names...)
	if err != nil {
		return err
	}
	for _, d := range domains {
		b.known.domains[d.canonical()] = d.ID
	}
	for i := range b.items {
		it := &b.items[i]
		id := b.known.domains[it.domain]
		switch {
		case it.err != nil || it.present:
		case it.User != nil:
			it.User.DomainID = id
		case it.Alias != nil:
			it.Alias.DomainID = id
		}
		if it.err == nil && id == 0 { // the name was inserted but is not found: a key took it for another one
			it.err = fmt.Errorf("%w: %s", ErrNoDomain, it.domain)
		}
	}
	if err := b.insertInto(ctx, tx, tables.Users); err != nil {
		return err
	}
	refused := map[string]bool{}
	for i := range b.items {
		switch it := &b.items[i]; {
		case it.User != nil && it.err != nil:
			refused[it.key] = true
		case it.Alias != nil && it.err == nil && refused[it.key] && it.to.key == it.key:
			it.err = b.s.checkRows(it.key, it.key, nil, false) // the user was refused
		}
	}
	if err := b.insertInto(ctx, tx, tables.Aliases); err != nil {
		return err
	}
	return b.readBack(ctx, tx)
}

// insertInto adds the records of one table.
func (b *importBatch) insertInto(ctx context.Context, tx *transaction, name string) error {
	var added []*item
	var rows []newRow
	for i := range b.items {
		if it := &b.items[i]; it.err == nil && !it.present && it.tableName() == name {
			if added == nil {
				added, rows = make([]*item, 0, len(b.items)-i), make([]newRow, 0, len(b.items)-i)
			}
			row, _ := it.rowOfFields()
			row, err := it.addColumns(row, b.schema[name])
			if err != nil {
				return err
			}
			added, rows = append(added, it), append(rows, row)
		}
	}
	if b.trustKey && len(rows) > 0 {
		_, err := b.s.insertRows(ctx, tx, name, false, rows...)
		return err
	}
	refused, err := b.s.insertEach(ctx, tx, name, rows)
	for i := range refused {
		added[i].err = refused[i]
	}
	return err
}
