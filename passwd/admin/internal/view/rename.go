package view

import (
	"context"
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
		if _, found, err = tx.CorrectUser(ctx, u, to); err != nil {
			return err
		}
		kept = len(foreign)
		return keep(ctx, tx, foreign)
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
		if v.seesRow(a.Source, a.DomainID, names) {
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

// keep gives aliases back what a rename has changed in them.
func keep(ctx context.Context, tx *ispmail.Store, before []ispmail.Alias) error {
	for _, a := range before {
		now, err := one(tx.Aliases(ctx, ispmail.ByID(a.ID)))
		if err != nil {
			return err
		}
		if now.Destination == a.Destination {
			continue
		}
		if _, _, err := tx.CorrectAlias(ctx, now, now.Source, a.Destination); err != nil {
			return err
		}
	}
	return nil
}
