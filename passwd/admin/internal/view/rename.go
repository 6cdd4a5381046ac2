package view

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail"
)

// RenameUser gives a user another address. Aliases of domains that are seen follow. Aliases of other domains stay as they are,
// and others counts those that lead to the old address.
func (v View) RenameUser(ctx context.Context, id int64, version, to string) (renamed string, warnings []Warning, others int, err error) {
	if to, err = v.own(to); err != nil {
		return "", nil, 0, err
	}
	var found []ispmail.Warning
	kept := 0
	u, err := v.onRow(ctx, id, version, func(ctx context.Context, tx *ispmail.Store, u ispmail.User) error {
		foreign, err := v.foreignAliasesTo(ctx, tx, u.Email)
		if err != nil {
			return err
		}
		kept = len(foreign)
		hidden := func(a ispmail.Alias) string { return fmt.Sprintf("%d@hidden.invalid", a.ID) } // RFC 2606: leads nowhere
		for _, a := range foreign {                                                              // a rename would delete what it makes equal to another row
			if err := exchange(ctx, tx, a, a.Destination, hidden(a)); err != nil {
				return err
			}
		}
		if _, found, err = tx.CorrectUser(ctx, u, to); err != nil {
			return err
		}
		for _, a := range foreign {
			if err := exchange(ctx, tx, a, hidden(a), a.Destination); err != nil {
				return err
			}
		}
		return nil
	})
	warnings, others = v.warnings(found)
	return to, warnings, max(others, kept), v.record(ctx, UserRenamed, u.Email, to, err)
}

// foreignAliasesTo returns the aliases that lead to an address, with or without an extension, and are not seen.
func (v View) foreignAliasesTo(ctx context.Context, tx *ispmail.Store, email string) (foreign []ispmail.Alias, err error) {
	email, err = ispmail.Canonical(email)
	if v.all || err != nil {
		return nil, nil //nolint:nilerr // no alias leads to what is no address
	}
	names, err := v.names(ctx, tx)
	if err != nil {
		return nil, err
	}
	local, domain, _ := strings.Cut(email, "@")
	for a, err := range tx.Aliases(ctx, ispmail.Query{Search: local}) {
		if err != nil {
			return nil, err
		}
		if v.seesRow(a.Source, a.DomainID, names) || sameAddress(a.Source, email) {
			continue
		}
		for _, d := range a.Destinations() {
			if key, err := ispmail.Canonical(strings.ReplaceAll(d, `"`, "")); err == nil &&
				(key == email || strings.HasPrefix(key, local+"+") && strings.HasSuffix(key, "@"+domain)) {
				foreign = append(foreign, a)
				break
			}
		}
	}
	return foreign, nil
}

// exchange replaces the destination of an alias. It is no method of the store, which would refuse a faulty row, and it is
// [ErrStale] if the alias has changed meanwhile.
func exchange(ctx context.Context, tx *ispmail.Store, a ispmail.Alias, from, to string) error {
	result, err := tx.DB().NewUpdate().Model((*ispmail.Alias)(nil)).Set("destination = ?", to).Where("id = ? AND destination = ?", a.ID, from).Exec(ctx)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrStale, err)
	}
	return nil
}
