package view

import (
	"context"
	"errors"
	"slices"

	"github.com/ispmail/go-ispmail/ispmail"
)

// A Hop is a step on the way of mail, see [ispmail.Step].
type Hop struct {
	ispmail.Step
	Links []Link
	// Hidden is set for an address in a domain that is not the administrator's: what becomes of the mail there is not told.
	Hidden bool
}

// A Link leads to a row of a step.
type Link struct {
	ID   int64
	User bool // or else an alias
}

// A Route is the way of the mail for an address.
type Route struct {
	Hops     []Hop
	Problem  error // ErrNotFound, ErrAliasLoop, ErrAliasLimit or ErrInvalidAddress: nobody gets the mail
	Address  string
	Shadowed bool // the address has a mailbox, and its aliases send the mail past it
}

// Route returns where the mail for an address goes. An address of another domain is [ispmail.ErrNoDomain] for an administrator who
// has some, whether there is such an address or not.
func (v View) Route(ctx context.Context, email string) (Route, error) {
	store, err := v.data.store()
	if err != nil {
		return Route{}, err
	}
	email, err = ispmail.Canonical(email)
	if err != nil {
		return Route{}, err
	}
	if !v.sees(email) {
		return Route{}, ispmail.ErrNoDomain
	}
	steps, err := store.Trace(ctx, email)
	r := Route{Address: email}
	for _, problem := range []error{ispmail.ErrNotFound, ispmail.ErrAliasLoop, ispmail.ErrAliasLimit, ispmail.ErrInvalidAddress} {
		if errors.Is(err, problem) {
			r.Problem, err = problem, nil // without its text, which may name addresses of others
		}
	}
	if err != nil {
		return r, err
	}
	if r.Hops, err = v.copies(ctx, store, v.hops(email, steps)); err != nil {
		return r, err
	}
	mailbox, err := v.mailbox(ctx, store, email)
	if err != nil {
		return r, err
	}
	r.Shadowed = mailbox != 0 && r.Problem == nil && !slices.ContainsFunc(r.Hops, func(h Hop) bool {
		return h.Address == email && h.Found == ispmail.FoundMailbox || h.Address != email && h.leadsTo(email)
	})
	if !v.all && slices.ContainsFunc(r.Hops, func(h Hop) bool { return h.Hidden }) {
		r.Problem, r.Shadowed = nil, false // it may be one of another domain, or lead back from there
	}
	return r, nil
}

// leadsTo reports whether a step sends the mail on to an address in canonical form.
func (h Hop) leadsTo(address string) bool {
	return slices.ContainsFunc(h.To, func(to string) bool { return sameAddress(to, address) })
}

// copies adds the steps of aliases that lead to their own address: what Postfix finds there is the mailbox, or nobody.
func (v View) copies(ctx context.Context, store *ispmail.Store, hops []Hop) (all []Hop, err error) {
	for _, h := range hops {
		all = append(all, h)
		if h.Found != ispmail.FoundAlias || !h.leadsTo(h.Address) {
			continue
		}
		id, err := v.mailbox(ctx, store, h.Address)
		if err != nil {
			return nil, err
		}
		kept := Hop{Step: ispmail.Step{Address: h.Address, Found: ispmail.FoundNobody}}
		if id != 0 {
			kept.Found, kept.Links = ispmail.FoundMailbox, []Link{{ID: id, User: true}}
		}
		all = append(all, kept)
	}
	return all, nil
}

// hops are the steps that can be reached through the administrator's own domains.
func (v View) hops(email string, steps []ispmail.Step) (hops []Hop) {
	reached := map[string]bool{email: true}
	for _, step := range steps {
		if !reached[step.Address] {
			continue
		}
		if !v.all && !v.sees(step.Address) {
			hops = append(hops, Hop{Step: ispmail.Step{Address: step.Address}, Hidden: true})
			continue
		}
		h := Hop{Step: step}
		for _, id := range step.IDs {
			h.Links = append(h.Links, Link{ID: id, User: step.Found == ispmail.FoundMailbox || step.Found == ispmail.FoundBounce})
		}
		for _, to := range step.To {
			reached[to] = true
			if canonical, err := ispmail.Canonical(to); err == nil {
				reached[canonical] = true
			}
		}
		hops = append(hops, h)
	}
	return hops
}
