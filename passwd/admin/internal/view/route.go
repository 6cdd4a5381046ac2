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
	Hops    []Hop
	Problem error // ErrNotFound, ErrAliasLoop, ErrAliasLimit or ErrInvalidAddress: nobody gets the mail
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
	r := Route{}
	for _, problem := range []error{ispmail.ErrNotFound, ispmail.ErrAliasLoop, ispmail.ErrAliasLimit, ispmail.ErrInvalidAddress} {
		if errors.Is(err, problem) {
			r.Problem, err = problem, nil // without its text, which may name addresses of others
		}
	}
	if err != nil {
		return r, err
	}
	r.Hops = v.hops(email, steps)
	if !v.all && slices.ContainsFunc(r.Hops, func(h Hop) bool { return h.Hidden }) {
		r.Problem = nil // it may be one of another domain
	}
	return r, nil
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
