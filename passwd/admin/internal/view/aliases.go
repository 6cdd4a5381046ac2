package view

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail"
)

// An AliasGroup is a source with its destinations.
type AliasGroup struct {
	Source       string
	DomainID     int64
	Rows         []ispmail.Alias // by id
	Mailbox      int64           // the id of the user with the address of the source, 0 if there is none
	Keeps        bool            // the mailbox gets a copy
	Regular      bool            // the source names all its rows; otherwise Rows is one row
	Version      string          // see [ErrStale]
	MailboxKnown bool            // whether Mailbox and Keeps were looked for
}

// ID is the id of the first row.
func (g AliasGroup) ID() int64 { return g.Rows[0].ID }

// CatchAll reports whether the source is all addresses of a domain.
func (g AliasGroup) CatchAll() bool { return strings.HasPrefix(g.Source, "@") }

// Destinations are those of all rows that are switched on but for a copy in the mailbox of the source.
func (g AliasGroup) Destinations() (all []string) {
	for _, a := range g.Rows {
		if a.Off {
			continue
		}
		for _, d := range a.Destinations() {
			if !sameAddress(d, g.Source) {
				all = append(all, d)
			}
		}
	}
	return all
}

func sameAddress(a, b string) bool {
	first, errFirst := ispmail.CanonicalSource(a)
	second, errSecond := ispmail.CanonicalSource(b)
	return errFirst == nil && errSecond == nil && first == second
}

// groups puts rows of one source together, in the order of the first ones.
func groups(rows []ispmail.Alias) (found []AliasGroup) {
	at := map[string]int{}
	for _, a := range rows {
		key, err := ispmail.CanonicalSource(a.Source)
		if err != nil {
			key = fmt.Sprintf("%d %s", a.ID, a.Source)
		}
		i, known := at[key]
		if !known {
			i = len(found)
			at[key] = i
			found = append(found, AliasGroup{Source: a.Source, DomainID: a.DomainID, Regular: err == nil})
		}
		found[i].Rows = append(found[i].Rows, a)
	}
	for i := range found {
		found[i].Keeps = slices.ContainsFunc(found[i].Rows, func(a ispmail.Alias) bool { return keepsCopy(a) })
	}
	return found
}

func keepsCopy(a ispmail.Alias) bool {
	return !a.Off && slices.ContainsFunc(a.Destinations(), func(d string) bool { return sameAddress(d, a.Source) })
}

// Alias returns an alias by the id of one of its rows, with all rows of its source.
func (v View) Alias(ctx context.Context, id int64) (AliasGroup, error) {
	store, err := v.data.store()
	if err != nil {
		return AliasGroup{}, err
	}
	return v.aliasGroup(ctx, store, id)
}

func (v View) aliasGroup(ctx context.Context, store *ispmail.Store, id int64) (g AliasGroup, err error) {
	row, err := v.aliasRow(ctx, store, id)
	if err != nil {
		return g, err
	}
	rows, err := store.AliasesOf(ctx, row.Source)
	regular := err == nil && slices.ContainsFunc(rows, func(a ispmail.Alias) bool { return a.ID == id })
	if errors.Is(err, ispmail.ErrInvalidAddress) {
		err = nil
	}
	if err != nil {
		return g, err
	}
	if !regular {
		rows = []ispmail.Alias{row}
	}
	names, err := v.names(ctx, store)
	if err != nil {
		return g, err
	}
	for _, a := range rows {
		if !v.seesRow(a.Source, a.DomainID, names) { // a source of which he does not see each row he cannot change
			rows, regular = []ispmail.Alias{row}, false
			break
		}
	}
	g = groups(rows)[0]
	g.Source, g.DomainID, g.Rows, g.Regular, g.Version = row.Source, row.DomainID, rows, regular, aliasVersion(v.data, rows)
	g.Mailbox, err = v.mailbox(ctx, store, row.Source)
	g.MailboxKnown = true
	return g, err
}

// mailbox returns the id of the user with an address, 0 if there is none.
func (v View) mailbox(ctx context.Context, store *ispmail.Store, address string) (int64, error) {
	if strings.HasPrefix(address, "@") || !v.sees(address) {
		return 0, nil
	}
	u, err := store.User(ctx, address)
	if errors.Is(err, ispmail.ErrNotFound) || errors.Is(err, ispmail.ErrInvalidAddress) || errors.Is(err, ispmail.ErrAmbiguous) {
		return 0, nil
	}
	return u.ID, err
}

func (v View) aliasRow(ctx context.Context, store *ispmail.Store, id int64) (ispmail.Alias, error) {
	a, err := one(store.Aliases(ctx, ispmail.ByID(id)))
	if err != nil {
		return a, err
	}
	names, err := v.names(ctx, store)
	if err == nil && !v.seesRow(a.Source, a.DomainID, names) {
		err = ispmail.ErrNotFound
	}
	return a, err
}

// CreateAlias makes an alias with all its destinations. If the source has some already, it is [ispmail.ErrExists], and id is that
// of one of them.
func (v View) CreateAlias(ctx context.Context, source string, destinations []string) (id int64, warnings []Warning, others int, err error) {
	store, err := v.data.store()
	if err != nil {
		return 0, nil, 0, err
	}
	if source, err = ispmail.CanonicalSource(source); err != nil {
		return 0, nil, 0, err
	}
	if !v.sees(source) {
		return 0, nil, 0, ispmail.ErrNoDomain
	}
	var found []ispmail.Warning
	err = store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
		rows, err := tx.AliasesOf(ctx, source)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			id = rows[0].ID
			return fmt.Errorf("%w: %s", ispmail.ErrExists, source)
		}
		rows, found, err = tx.SetAliases(ctx, source, destinations...)
		if err == nil {
			id = rows[0].ID
		}
		return err
	})
	warnings, others = v.warnings(found)
	return id, warnings, others, v.record(ctx, AliasCreated, source, "", err)
}

// onAlias changes an alias that is as shown.
func (v View) onAlias(ctx context.Context, id int64, version string, do func(ctx context.Context, tx *ispmail.Store, g AliasGroup) error) (g AliasGroup, err error) {
	store, err := v.data.store()
	if err != nil {
		return g, err
	}
	err = store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) (err error) {
		if g, err = v.aliasGroup(ctx, tx, id); err != nil {
			return err
		}
		if g.Version != version {
			return ErrStale
		}
		if err = do(ctx, tx, g); errors.Is(err, ispmail.ErrChanged) {
			return ErrStale
		}
		return err
	})
	return g, err
}

// SetAlias replaces the destinations of an alias. It returns the id of one of its rows.
func (v View) SetAlias(ctx context.Context, id int64, version string, destinations []string) (now int64, warnings []Warning, others int, err error) {
	var found []ispmail.Warning
	now = id
	g, err := v.onAlias(ctx, id, version, func(ctx context.Context, tx *ispmail.Store, g AliasGroup) error {
		if !g.Regular {
			if len(destinations) != 1 {
				return ispmail.ErrAmbiguous
			}
			_, w, err := tx.CorrectAlias(ctx, g.Rows[0], g.Source, destinations[0])
			found = w
			return err
		}
		rows, w, err := tx.SetAliases(ctx, g.Source, destinations...)
		if err == nil {
			found, now = w, rows[0].ID
		}
		return err
	})
	warnings, others = v.warnings(found)
	return now, warnings, others, v.record(ctx, AliasChanged, g.Source, "", err)
}

// DeleteAlias deletes an alias with all its destinations, or one row of a faulty one. With preview it changes nothing, but
// locks rows for a moment.
func (v View) DeleteAlias(ctx context.Context, id int64, version string, preview bool) (warnings []Warning, others int, err error) {
	var found []ispmail.Warning
	g, err := v.onAlias(ctx, id, version, func(ctx context.Context, tx *ispmail.Store, g AliasGroup) (err error) {
		if g.Regular {
			found, err = tx.DeleteAliases(ctx, g.Source)
		} else {
			found, err = tx.DeleteRow(ctx, g.Rows[0])
		}
		if err == nil && preview {
			err = errPreview
		}
		return err
	})
	warnings, others = v.warnings(found)
	if errors.Is(err, errPreview) {
		return warnings, others, nil
	}
	return warnings, others, v.record(ctx, AliasDeleted, g.Source, "", err)
}

// AliasOf returns the id of an alias of an address, 0 if it has none.
func (v View) AliasOf(ctx context.Context, address string) (int64, error) {
	store, names, err := v.prepare(ctx)
	if err != nil {
		return 0, err
	}
	rows, err := store.AliasesOf(ctx, address)
	for _, a := range rows {
		if v.seesRow(a.Source, a.DomainID, names) {
			return a.ID, nil
		}
	}
	return 0, err
}
