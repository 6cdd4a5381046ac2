package ispmail

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
	"github.com/ispmail/go-ispmail/ispmail/internal/values"
)

// errRedo says that a batch is to be written again, without the records that turned out not to fit.
var errRedo = errors.New("ispmail: written again without some records")

// checkColumns checks Columns of the record of an item. broken is an error that ends the import, because it would be that
// of all records: the table lacks a column.
func (im *importer) checkColumns(it *item) (broken error) {
	if it.Columns == nil || it.unfit != nil {
		return nil
	}
	row, _ := it.rowOfFields()
	if it.unfit = errors.Join(it.checkColumns(), it.checkTexts(row)); it.unfit != nil {
		return nil
	}
	delete(it.Columns, "domain_id") // the domain of the name counts, as for the field
	_, err := it.addColumns(row, im.schema[it.tableName()])
	if e, ok := errors.AsType[*ColumnError](err); ok {
		return it.from.wrap(e)
	}
	it.unfit = err
	return nil
}

// columnsKey identifies what a record stands for among those of an import.
func (it *item) columnsKey() string {
	if it.Alias != nil {
		return it.tableName() + "\x00" + it.key + "\x00" + it.Alias.Destination
	}
	return it.tableName() + "\x00" + it.key
}

// meet is for a record with Columns that is there, in the row of an id, or of 0 if an earlier record is going to add it.
func (b *importBatch) meet(it *item, id int64) {
	if it.Columns == nil {
		return
	}
	if id != 0 {
		b.met = append(b.met, it)
		b.metIDs = append(b.metIDs, id)
		return
	}
	earlier := b.known.columns[it.columnsKey()]
	for _, name := range it.columnNames() {
		if value, ok := earlier[name]; !ok || !values.Same(it.Columns[name], value) {
			it.refuseColumn(name)
			return
		}
	}
}

// refuseColumn refuses a record that is there with another value in a column.
func (it *item) refuseColumn(name string) {
	it.present, it.err = false, fmt.Errorf("%w: with another value in %s.%s", ErrExists, it.tableName(), name)
}

// keep remembers Columns of a record that is going to be added.
func (b *importBatch) keep(it *item) {
	if it.Columns != nil {
		b.known.columns[it.columnsKey()] = it.Columns
	}
}

// compareColumns refuses the records that are there with other values in Columns.
func (b *importBatch) compareColumns(ctx context.Context, db bun.IDB) error {
	return b.eachTable(b.met, b.metIDs, func(t *tables.Table, items []*item, ids []int64) error {
		var names []string
		for _, it := range items {
			names = append(names, it.columnNames()...)
		}
		slices.Sort(names)
		rows, err := b.s.furtherReader(t, slices.Compact(names)).byID(ctx, db, ids)
		if err != nil {
			return err
		}
		for i, it := range items {
			if name := it.different(rows[ids[i]]); name != "" {
				it.refuseColumn(name)
			}
		}
		return nil
	})
}

// eachTable calls do with the items of each table, and their ids.
func (b *importBatch) eachTable(items []*item, ids []int64, do func(*tables.Table, []*item, []int64) error) error {
	for _, name := range []string{tables.Domains, tables.Users, tables.Aliases} {
		var some []*item
		var theirs []int64
		for i, it := range items {
			if it.tableName() == name {
				some, theirs = append(some, it), append(theirs, ids[i])
			}
		}
		if some == nil {
			continue
		}
		if err := do(b.schema[name], some, theirs); err != nil {
			return err
		}
	}
	return nil
}

// readBack looks whether the columns of the records that were added hold what they should. If not, it refuses these
// records and returns errRedo.
func (b *importBatch) readBack(ctx context.Context, db bun.IDB) error {
	var added []*item
	var emails, sources []string
	for i := range b.items {
		it := &b.items[i]
		if it.Columns == nil || it.err != nil || it.present {
			continue
		}
		added = append(added, it)
		switch {
		case it.User != nil:
			emails = append(emails, it.key)
		case it.Alias != nil:
			sources = append(sources, it.key)
		}
	}
	if added == nil {
		return nil
	}
	users, err := lookup[User](ctx, b.s, db, "email", readRows, emails...)
	if err != nil {
		return err
	}
	aliases, err := lookup[Alias](ctx, b.s, db, "source", readRows, sources...)
	if err != nil {
		return err
	}
	ids := map[string]int64{}
	for _, u := range users {
		ids[tables.Users+"\x00"+u.canonical()] = u.ID
	}
	for _, a := range aliases {
		ids[tables.Aliases+"\x00"+a.canonical()+"\x00"+a.Destination] = a.ID
	}
	all := make([]int64, len(added))
	for i, it := range added {
		all[i] = ids[it.columnsKey()]
		if it.Domain != nil {
			all[i] = b.known.domains[it.key]
		}
	}
	redo := false
	err = b.eachTable(added, all, func(t *tables.Table, items []*item, ids []int64) error {
		records := make([]*Record, len(items))
		for i, it := range items {
			records[i] = &it.Record
		}
		wrong, err := b.s.changedColumns(ctx, db, t, records, ids)
		for i, e := range wrong {
			if e != nil {
				items[i].unfit, redo = e, true
			}
		}
		return err
	})
	if err == nil && redo {
		return errRedo
	}
	return err
}
