package routetest

import (
	"errors"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
)

// Tables returns the rows of constellation i.
func (c Constellation) Tables(i int) *route.Tables {
	t := &route.Tables{}
	domains, users, aliases := c.Rows(i)
	for _, d := range domains {
		if name, err := address.Domain(d.Name); err == nil {
			t.AddDomain(name)
		}
	}
	for _, u := range users {
		if email := address.SourceOrNone(u.Email); email != "" {
			t.AddMailbox(email, u.ID)
		}
	}
	for _, a := range aliases {
		if source := address.SourceOrNone(a.Source); source != "" {
			t.AddAlias(source, route.Row{ID: a.ID, Destination: a.Destination})
		}
	}
	return t
}

// Walk returns where package route sends mail for an address, in the words of a [Constellation].
func Walk(t *route.Tables, to string) []string {
	start, err := address.Canonical(to)
	if err != nil {
		return []string{"invalid"}
	}
	w := route.NewWalk(t, start)
	for len(w.Level()) > 0 && err == nil {
		err = w.Advance()
	}
	var ends []route.Goal
	if err == nil {
		ends, err = w.Ends()
	}
	if _, ok := errors.AsType[*route.LoopError](err); ok {
		return []string{"loop"}
	}
	if errors.Is(err, route.ErrLimit) {
		return []string{"limit"}
	}
	if err != nil {
		return []string{"invalid"}
	}
	var words []string
	for _, end := range t.Deliver(ends) {
		if end.Mailbox == "" {
			words = append(words, "away "+end.Address)
		} else {
			words = append(words, "mailbox "+end.Address)
		}
	}
	if words == nil {
		return []string{"nobody"}
	}
	return words
}
