package admin

import (
	"errors"
	"net/http"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/admin/internal/view"
)

type domainData struct {
	Domain         view.Domain
	Query, After   string
	Users, Aliases int // in all
	UserPage       view.Page[view.User]
	AliasPage      view.Page[view.AliasGroup]
	AliasTab       bool
}

func (*Page) domain(q *request) (answer, error)        { return showDomain(q, false) }
func (*Page) domainAliases(q *request) (answer, error) { return showDomain(q, true) }

func showDomain(q *request, aliases bool) (answer, error) {
	d := domainData{Query: strings.TrimSpace(q.form["q"]), After: q.form["after"], AliasTab: aliases}
	from, ok := view.ParseCursor(d.After)
	if !ok {
		return answer{}, ispmail.ErrNotFound
	}
	var err error
	if d.Domain, err = q.view.Domain(q.ctx, q.id); err != nil {
		return answer{}, err
	}
	if d.Domain.Regular {
		if d.Users, d.Aliases, err = q.view.CountDomain(q.ctx, d.Domain); err != nil {
			return answer{}, err
		}
		if problem := badSearch(d.Query, false); problem != "" {
			a := shown("domain", http.StatusUnprocessableEntity, d)
			a.Problem, a.Field = q.t.Text(problem), "find"
			return a, nil
		}
		if aliases {
			d.AliasPage, err = q.view.Aliases(q.ctx, d.Domain, d.Query, from)
		} else {
			d.UserPage, err = q.view.Users(q.ctx, d.Domain, d.Query, from)
		}
	}
	return shown("domain", http.StatusOK, d), err
}

type nameData struct{ Name string }

func (*Page) newDomain(*request) (answer, error) {
	return shown("domain-new", http.StatusOK, nameData{}), nil
}

func (*Page) createDomain(q *request) (answer, error) {
	name := strings.TrimSpace(q.form["name"])
	id, err := q.view.CreateDomain(q.ctx, name)
	if a, ok := wrongName(q, err, shown("domain-new", http.StatusUnprocessableEntity, nameData{q.form["name"]}), "name"); ok {
		return a, nil
	}
	a := seeOther(path("domain/%d", id))
	a.Notice = &notice{Text: q.t.Text("domain-created", name)}
	return a, err
}

// wrongName completes the answer to an error that a name or an address, typed into a field, is the reason of.
func wrongName(q *request, err error, a answer, field string) (answer, bool) {
	text := ""
	switch {
	case errors.Is(err, ispmail.ErrNoDomain):
		text = "not-your-domain"
		if q.view.All() {
			text = "no-such-domain"
		}
	case errors.Is(err, ispmail.ErrInvalidAddress):
		text = "bad-address"
	case errors.Is(err, ispmail.ErrExists):
		text = "exists"
	case errors.Is(err, ispmail.ErrTooLong):
		text = "too-long"
	case errors.Is(err, ispmail.ErrAddressInPassword):
		text = "address-in-password"
	case errors.Is(err, ispmail.ErrReferenced):
		text = "referenced"
	case errors.Is(err, ispmail.ErrAliasLoop):
		text = "alias-loop"
	case errors.Is(err, ispmail.ErrAliasLimit):
		text = "alias-limit"
	case errors.Is(err, ispmail.ErrAmbiguous):
		text = "ambiguous"
	case errors.Is(err, ispmail.ErrInUse):
		text = "in-use"
	case errors.Is(err, view.ErrStale):
		a.Status, text, field = http.StatusConflict, "stale", ""
	default:
		return a, false
	}
	a.Problem, a.Field = q.t.Text(text), field
	if wrong, ok := errors.AsType[*ispmail.AddressError](err); ok && wrong.Field == "destination" { // of several it says which
		a.Problem = q.t.Text("bad-destination", wrong.Value)
	}
	return a, true
}

type domainNameData struct {
	Domain view.Domain
	Name   string
}

func (*Page) askDomainName(q *request) (answer, error) {
	d, err := q.view.Domain(q.ctx, q.id)
	return shown("domain-rename", http.StatusOK, domainNameData{d, d.Name}), err
}

func (p *Page) renameDomain(q *request) (answer, error) {
	before, err := q.view.Domain(q.ctx, q.id)
	if err != nil {
		return answer{}, err
	}
	renamed, warnings, err := q.view.RenameDomain(q.ctx, q.id, q.form["version"], strings.TrimSpace(q.form["name"]))
	if a, ok := wrongName(q, err, shown("domain-rename", http.StatusUnprocessableEntity, domainNameData{before, q.form["name"]}), "name"); ok {
		return a, nil
	}
	a := seeOther(path("domain/%d", q.id))
	a.Notice = &notice{
		Text: q.t.Text("domain-renamed", before.Name, renamed), Warnings: warnings,
		Commands: moved(before.Name, renamed),
	}
	return a, err
}

type deleteDomainData struct {
	Domain         view.Domain
	Users, Aliases int
	Warnings       []view.Warning
	Name           string
}

func (*Page) askDeleteDomain(q *request) (answer, error) {
	d, err := deletedDomain(q)
	return shown("domain-delete", http.StatusOK, d), err
}

func deletedDomain(q *request) (d deleteDomainData, err error) {
	if d.Domain, err = q.view.Domain(q.ctx, q.id); err != nil {
		return d, err
	}
	if d.Domain.Regular {
		if d.Users, d.Aliases, err = q.view.CountDomain(q.ctx, d.Domain); err != nil {
			return d, err
		}
	}
	d.Warnings, err = q.view.DeleteDomain(q.ctx, q.id, d.Domain.Version, true)
	if errors.Is(err, ispmail.ErrInUse) || errors.Is(err, ispmail.ErrReferenced) {
		err = nil // which is said when it is tried
	}
	return d, err
}

// deleteDomain wants the name typed once more: with the domain go all of its users.
func (*Page) deleteDomain(q *request) (answer, error) {
	d, err := q.view.Domain(q.ctx, q.id)
	if err != nil {
		return answer{}, err
	}
	var warnings []view.Warning
	problem := ""
	if strings.TrimSpace(q.form["name"]) != d.Name {
		problem = "name-not-repeated"
	} else {
		warnings, err = q.view.DeleteDomain(q.ctx, q.id, q.form["version"], false)
	}
	refused, isRefused := wrongName(q, err, shown("domain-delete", http.StatusUnprocessableEntity, nil), "")
	if problem != "" || isRefused {
		now, errNow := deletedDomain(q)
		refused.Data = now
		if problem != "" {
			refused.Problem, refused.Field = q.t.Text(problem), "name"
		}
		return refused, errNow
	}
	a := seeOther("/")
	a.Notice = &notice{Text: q.t.Text("domain-deleted", d.Name), Warnings: warnings, Commands: removed(d.Name)}
	return a, err
}
