package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/admin/internal/view"
)

type newAliasData struct {
	Domain             view.Domain
	Name, Destinations string
	CatchAll, Copy     bool
	There              int64 // the id of an alias that the source has already, or 0
}

func (*Page) newAlias(q *request) (answer, error) {
	d, err := q.view.Domain(q.ctx, q.id)
	name := strings.TrimSuffix(q.form["name"], "@"+d.Name)
	// Who comes from a user sends mail elsewhere, and loses none of it unless that is wanted.
	return shown("alias-new", http.StatusOK, newAliasData{Domain: d, Name: name, CatchAll: q.form["catchall"] != "", Copy: name != ""}), err
}

// readDestinations reads addresses, a line each, or with commas between them.
func readDestinations(text string) (destinations []string) {
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' || r == ';' }) {
		if line = strings.TrimSpace(line); line != "" {
			destinations = append(destinations, line)
		}
	}
	return destinations
}

// bareDestination says that a destination is no whole address, "" if each is one. Postfix would send the mail to an account of the
// system, and who types a name means a mailbox. What is in the rows already may stay.
func bareDestination(q *request, destinations, before []string, source string) string {
	domain := source[strings.LastIndexByte(source, '@')+1:]
	for _, to := range destinations {
		whole := fullAddress(to, domain)
		if _, err := ispmail.Canonical(whole); err == nil && whole != to && !slices.Contains(before, to) {
			return q.t.Text("bare-destination", to, whole)
		}
	}
	return ""
}

func (*Page) createAlias(q *request) (answer, error) {
	d, err := q.view.Domain(q.ctx, q.id)
	if err != nil {
		return answer{}, err
	}
	data := newAliasData{d, q.form["name"], q.form["destinations"], q.form["catchall"] != "", q.form["copy"] != "", 0}
	source := fullAddress(data.Name, d.Name)
	if data.CatchAll {
		source = "@" + d.Name
	}
	destinations := readDestinations(data.Destinations)
	if data.Copy && !data.CatchAll {
		destinations = append(destinations, source)
	}
	name := "name"
	if data.CatchAll {
		name = "" // there is no such field
	}
	refuse := func(field, text string) (answer, error) {
		a := shown("alias-new", http.StatusUnprocessableEntity, data)
		a.Problem, a.Field = q.t.Text(text), field
		return a, nil
	}
	switch _, err := ispmail.CanonicalSource(source); {
	case data.CatchAll && strings.TrimSpace(data.Name) != "":
		return refuse(name, "catch-all-or-name")
	case err != nil:
		return refuse(name, "bad-address")
	case len(destinations) == 0:
		return refuse("destinations", "no-destination")
	}
	if bare := bareDestination(q, destinations, nil, source); bare != "" {
		a := shown("alias-new", http.StatusUnprocessableEntity, data)
		a.Problem, a.Field = bare, "destinations"
		return a, nil
	}
	id, warnings, others, err := q.view.CreateAlias(q.ctx, source, destinations)
	if errors.Is(err, ispmail.ErrExists) && id != 0 {
		data.There = id
		return refuse(name, "alias-exists")
	}
	field := "destinations"
	if errors.Is(err, ispmail.ErrNoDomain) {
		field = name
	}
	if a, ok := wrongName(q, err, shown("alias-new", http.StatusUnprocessableEntity, data), field); ok {
		return wrongCopy(q, a, err, data.Copy), nil
	}
	a := seeOther(path("alias/%d", id))
	a.Notice = &notice{Text: q.t.Text("alias-created", source), Warnings: warnings, Others: others}
	return a, err
}

// wrongCopy says that a copy cannot be kept where there is no mailbox.
func wrongCopy(q *request, a answer, err error, wanted bool) answer {
	if wanted && errors.Is(err, ispmail.ErrAliasLoop) {
		a.Problem, a.Field = q.t.Text("no-mailbox"), "copy"
	}
	return a
}

type aliasData struct {
	Alias        view.AliasGroup
	Destinations string
	Copy         bool
	Route        *view.Route
}

func (*Page) alias(q *request) (answer, error) {
	d, err := aliasOf(q)
	return shown("alias", http.StatusOK, d), err
}

func aliasOf(q *request) (d aliasData, err error) {
	if d.Alias, err = q.view.Alias(q.ctx, q.id); err != nil {
		return d, err
	}
	d.Destinations, d.Copy = strings.Join(d.Alias.Destinations(), "\n"), d.Alias.Keeps
	if d.Alias.Regular && !d.Alias.CatchAll() {
		route, err := q.view.Route(q.ctx, d.Alias.Source)
		if err != nil {
			return d, err
		}
		d.Route = &route
	}
	return d, nil
}

func (*Page) setAlias(q *request) (answer, error) {
	before, err := aliasOf(q)
	if err != nil {
		return answer{}, err
	}
	destinations := readDestinations(q.form["destinations"])
	wantsCopy := q.form["copy"] != ""
	if wantsCopy {
		destinations = append(destinations, before.Alias.Source)
	}
	refused := shown("alias", http.StatusUnprocessableEntity, nil)
	var warnings []view.Warning
	others, now, isRefused := 0, q.id, false
	if len(destinations) == 0 {
		refused.Problem, refused.Field, isRefused = q.t.Text("no-destination"), "destinations", true
	} else if bare := bareDestination(q, destinations, before.Alias.Destinations(), before.Alias.Source); bare != "" {
		refused.Problem, refused.Field, isRefused = bare, "destinations", true
	} else {
		now, warnings, others, err = q.view.SetAlias(q.ctx, q.id, q.form["version"], destinations)
		refused, isRefused = wrongName(q, err, refused, "destinations")
		refused = wrongCopy(q, refused, err, wantsCopy)
	}
	if isRefused {
		d, err := aliasOf(q)
		d.Destinations, d.Copy = q.form["destinations"], wantsCopy
		refused.Data = d
		return refused, err
	}
	a := seeOther(path("alias/%d", now))
	a.Notice = &notice{Text: q.t.Text("alias-changed", before.Alias.Source), Warnings: warnings, Others: others}
	return a, err
}

type deleteAliasData struct {
	Alias    view.AliasGroup
	Warnings []view.Warning
	Others   int
}

func (*Page) askDeleteAlias(q *request) (answer, error) {
	d, err := deletedAlias(q)
	return shown("alias-delete", http.StatusOK, d), err
}

func deletedAlias(q *request) (d deleteAliasData, err error) {
	if d.Alias, err = q.view.Alias(q.ctx, q.id); err != nil {
		return d, err
	}
	d.Warnings, d.Others, err = q.view.DeleteAlias(q.ctx, q.id, d.Alias.Version, true)
	if errors.Is(err, ispmail.ErrReferenced) {
		err = nil // which is said when it is tried
	}
	return d, err
}

func (*Page) deleteAlias(q *request) (answer, error) {
	before, err := q.view.Alias(q.ctx, q.id)
	if err != nil {
		return answer{}, err
	}
	warnings, others, err := q.view.DeleteAlias(q.ctx, q.id, q.form["version"], false)
	if a, ok := wrongName(q, err, shown("alias-delete", http.StatusUnprocessableEntity, nil), ""); ok {
		d, err := deletedAlias(q)
		a.Data = d
		return a, err
	}
	a := seeOther(path("domain/%d/aliases", before.DomainID))
	a.Notice = &notice{Text: q.t.Text("alias-deleted", before.Source), Warnings: warnings, Others: others}
	return a, err
}
