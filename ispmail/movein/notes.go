package movein

import (
	"fmt"
	"maps"
	"slices"
)

// noteTotals yields the notes that are about many rows.
func (r *reader) noteTotals() error {
	if r.implied > 0 {
		if err := r.note("alias", "", CodeImplied, r.implied, plural(r.implied, "alias leads", "aliases lead")+" to the mailbox of the same address only, which needs none here"); err != nil {
			return err
		}
	}
	if r.vacations > 0 {
		if err := r.note("alias", "goto", CodeVacation, 0, plural(r.vacations, "alias", "aliases")+" led to the autoresponder, which is left behind"); err != nil {
			return err
		}
	}
	if len(r.targets) > 0 {
		return r.note("alias_domain", "", CodeAcceptsAll, 0, plural(len(r.targets), "alias domain leads", "alias domains lead")+" to the target as a whole: mail for an address that the target does not have is accepted, and bounces")
	}
	return nil
}

// noteRest yields notes about the columns and tables for which there is no place.
func (r *reader) noteRest() error {
	for _, s := range r.settings {
		if !r.has(s.table, s.column) {
			continue
		}
		n, err := r.count(r.name(s.table), fmt.Sprintf(string(s.holds), r.quote(s.column)))
		if err != nil {
			return fmt.Errorf("movein: table %s: %w", r.name(s.table), err)
		}
		if n == 0 {
			continue
		}
		if err := r.note(s.table, s.column, CodeColumn, 0, plural(n, "row has", "rows have")+" "+s.what+", which stays behind"); err != nil {
			return err
		}
	}
	for _, t := range r.otherTables {
		if r.columns[r.name(t.table)] == nil {
			continue
		}
		n, err := r.count(r.name(t.table), "")
		if err != nil {
			return fmt.Errorf("movein: table %s: %w", r.name(t.table), err)
		}
		if n == 0 {
			continue
		}
		if err := r.note(t.table, "", CodeNoPlace, n, t.what+" stay behind, "+plural(n, "row", "rows")); err != nil {
			return err
		}
	}
	for _, table := range tableOrder {
		known := r.known(table)
		if r.needed[table] == nil {
			continue
		}
		for _, column := range slices.Sorted(maps.Keys(r.columns[r.name(table)])) {
			if known[column] {
				continue
			}
			if err := r.note(table, column, CodeUnknownColumn, 0, r.program.name+" "+r.releases+" has no such column; what it holds stays behind"); err != nil {
				return err
			}
		}
	}
	return nil
}

// plural returns a number with its noun: "1 row", "2 rows".
func plural(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}
