package view

import (
	"context"
	"errors"
	"slices"

	"github.com/ispmail/go-ispmail/ispmail"
)

// A Domain is a row of virtual_domains with what is counted of it.
type Domain struct {
	ispmail.DomainCount
	Version string
	Regular bool // the name is canonical
	// Locked and Findings are what the doctor has counted, see [Report].
	Locked, Findings int
}

// Domains returns the domains, by name, with their counts.
func (v View) Domains(ctx context.Context) ([]Domain, error) {
	store, err := v.data.store()
	if err != nil {
		return nil, err
	}
	counts, err := store.DomainCounts(ctx)
	if err != nil {
		return nil, err
	}
	report := v.data.doctor.last()
	var domains []Domain
	for _, c := range counts {
		if v.sees(c.Name) {
			domains = append(domains, v.domain(c, report))
		}
	}
	slices.SortStableFunc(domains, func(a, b Domain) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
	return domains, nil
}

func (v View) domain(c ispmail.DomainCount, report *report) Domain {
	canonical, err := ispmail.CanonicalDomain(c.Name)
	d := Domain{DomainCount: c, Version: v.data.version(c.ID, c.Name, c.Off), Regular: err == nil}
	if report != nil {
		d.Locked, d.Findings = report.locked[c.ID], report.counts[canonical]
	}
	return d
}

// Domain returns a domain by id, without its numbers of rows.
func (v View) Domain(ctx context.Context, id int64) (Domain, error) {
	store, err := v.data.store()
	if err != nil {
		return Domain{}, err
	}
	d, err := v.domainRow(ctx, store, id)
	if err != nil {
		return Domain{}, err
	}
	return v.domain(ispmail.DomainCount{Domain: d}, v.data.doctor.last()), nil
}

func (v View) domainRow(ctx context.Context, store *ispmail.Store, id int64) (ispmail.Domain, error) {
	d, err := one(store.Domains(ctx, ispmail.ByID(id)))
	if err == nil && !v.sees(d.Name) {
		err = ispmail.ErrNotFound
	}
	return d, err
}

// CountDomain returns how many users and aliases a domain has.
func (v View) CountDomain(ctx context.Context, d Domain) (users, aliases int, err error) {
	store, err := v.data.store()
	if err != nil {
		return 0, 0, err
	}
	q := ispmail.InDomain(d.Name)
	if users, err = store.CountUsers(ctx, q); err != nil {
		return 0, 0, err
	}
	aliases, err = store.CountAliases(ctx, q)
	return users, aliases, err
}

// DomainID returns the id of the domain of an address, 0 if it is not seen.
func (v View) DomainID(ctx context.Context, name string) (int64, error) {
	store, err := v.data.store()
	if err != nil || !v.sees(name) {
		return 0, err
	}
	d, err := store.Domain(ctx, name)
	if errors.Is(err, ispmail.ErrNotFound) || errors.Is(err, ispmail.ErrInvalidAddress) {
		return 0, nil
	}
	return d.ID, err
}

// CreateDomain makes a domain.
func (v View) CreateDomain(ctx context.Context, name string) (id int64, err error) {
	store, err := v.every()
	if err != nil {
		return 0, err
	}
	d, err := store.CreateDomain(ctx, name)
	if err == nil {
		name = d.Name
	}
	return d.ID, v.record(ctx, DomainCreated, name, "", err)
}

// every returns the store for what only an administrator of all domains may do.
func (v View) every() (*ispmail.Store, error) {
	if !v.all {
		return nil, ErrForbidden
	}
	return v.data.store()
}

// onDomain changes a domain that is as shown.
func (v View) onDomain(ctx context.Context, id int64, version string, do func(ctx context.Context, tx *ispmail.Store, d ispmail.Domain) error) (d ispmail.Domain, err error) {
	store, err := v.every()
	if err != nil {
		return d, err
	}
	err = store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) (err error) {
		if d, err = v.domainRow(ctx, tx, id); err != nil {
			return err
		}
		if v.data.version(d.ID, d.Name, d.Off) != version {
			return ErrStale
		}
		if err = do(ctx, tx, d); errors.Is(err, ispmail.ErrChanged) {
			return ErrStale
		}
		return err
	})
	return d, err
}

// RenameDomain gives a domain another name in all addresses.
func (v View) RenameDomain(ctx context.Context, id int64, version, to string) (renamed string, warnings []Warning, err error) {
	var found []ispmail.Warning
	d, err := v.onDomain(ctx, id, version, func(ctx context.Context, tx *ispmail.Store, d ispmail.Domain) error {
		now, w, err := tx.CorrectDomain(ctx, d, to)
		found, renamed = w, now.Name
		return err
	})
	warnings, _ = v.warnings(found)
	return renamed, warnings, v.record(ctx, DomainRenamed, d.Name, renamed, err)
}

// DeleteDomain deletes a domain with all its users and aliases, or a faulty row of virtual_domains alone. With preview it changes
// nothing, but locks rows for a moment.
func (v View) DeleteDomain(ctx context.Context, id int64, version string, preview bool) (warnings []Warning, err error) {
	var found []ispmail.Warning
	d, err := v.onDomain(ctx, id, version, func(ctx context.Context, tx *ispmail.Store, d ispmail.Domain) (err error) {
		twins := 0
		for _, err := range tx.Domains(ctx, ispmail.InDomain(d.Name)) {
			if err != nil && !errors.Is(err, ispmail.ErrInvalidAddress) {
				return err
			}
			twins++
		}
		if _, errName := ispmail.CanonicalDomain(d.Name); errName != nil || twins > 1 {
			found, err = tx.DeleteRow(ctx, d)
		} else {
			found, err = tx.DeleteDomain(ctx, d.Name)
		}
		if err == nil && preview {
			err = errPreview
		}
		return err
	})
	warnings, _ = v.warnings(found)
	if errors.Is(err, errPreview) {
		return warnings, nil
	}
	return warnings, v.record(ctx, DomainDeleted, d.Name, "", err)
}
