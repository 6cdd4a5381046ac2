package admin

import (
	"errors"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/admin/internal/view"
)

// A screen is the data of a template.
type screen struct {
	look
	answer
	Site, Style, Who, Path string
	Here                   string // the path with the query, for a way back
	All                    bool   // the administrator sees all domains
	Typed                  bool   // a password was typed, which is not shown again
	Notice                 *notice
	Languages              []languageChoice
}

// titles are the texts of the titles of pages.
var titles = map[string]string{
	"overview": "overview", "search": "search", "domain": "domain", "domain-new": "new-domain", "domain-rename": "rename-domain",
	"domain-delete": "delete-domain", "user": "user", "user-new": "new-user", "user-delete": "delete-user", "alias": "alias",
	"alias-new": "new-alias", "alias-delete": "delete-alias", "recipients": "recipients", "findings": "findings", "changes": "changes",
	"login": "log-in", "failed": "not-done",
}

// named is the data of a page about one row.
type named interface{ named() string }

func (d domainData) named() string       { return d.Domain.Name }
func (d domainNameData) named() string   { return d.Domain.Name }
func (d deleteDomainData) named() string { return d.Domain.Name }
func (d userData) named() string         { return d.User.Email }
func (d deleteUserData) named() string   { return d.User.Email }
func (d aliasData) named() string        { return d.Alias.Source }
func (d deleteAliasData) named() string  { return d.Alias.Source }

// Title returns the title of the page.
func (s *screen) Title() string {
	title := s.Text(titles[s.Template])
	if d, ok := s.Data.(named); ok {
		title = d.named() + " – " + title
	}
	return title
}

// Wrong reports whether a field has to be corrected.
func (s *screen) Wrong(field string) bool { return s.Problem != "" && s.Field == field }

// Descriptions returns the ids of what describes a field: its hint if it has one, what is wrong with it, and warnings about it.
func (s *screen) Descriptions(field, hint string) string {
	var ids []string
	if hint != "" {
		ids = append(ids, field+"-hint")
	}
	if s.Wrong(field) {
		ids = append(ids, field+"-error")
	}
	if s.About(field) != nil {
		ids = append(ids, field+"-warnings")
	}
	return strings.Join(ids, " ")
}

// About returns the warnings about a field, which stand beside it.
func (s *screen) About(field string) (about []view.Warning) {
	if s.Notice == nil {
		return nil
	}
	for _, w := range s.Notice.Warnings {
		if s.FieldOf(w) == field {
			about = append(about, w)
		}
	}
	return about
}

// FieldOf returns the field of the page that a warning is about, or "".
func (s *screen) FieldOf(w view.Warning) string {
	switch d := s.Data.(type) {
	case aliasData:
		source, err := ispmail.CanonicalSource(d.Alias.Source)
		switch {
		case err != nil || w.Address != source:
		case w.Source != "":
			return "destinations"
		case d.Alias.Mailbox != 0: // it gets no mail
			return "copy"
		}
	case userData:
		if w.Address == d.User.Email {
			return "address"
		}
	}
	return ""
}

// Count returns a sentence with a number.
func (s *screen) Count(name string, n int) string {
	switch n {
	case 0:
		return s.Text(name + "-none")
	case 1:
		return s.Text(name + "-one")
	}
	return s.Text(name+"-many", n)
}

// Warning returns what a warning says.
func (s *screen) Warning(w view.Warning) string {
	name := "warning-" + string(w.Code)
	if w.Source == "" {
		return s.Text(name+"-mailbox", w.Address)
	}
	if w.Code == ispmail.WarningLoop && strings.EqualFold(w.Source, w.Destination) {
		return s.Text(name+"-copy", w.Source)
	}
	return s.Text(name, w.Source, w.Destination)
}

// Hop returns what a step on the way of mail says.
func (s *screen) Hop(step ispmail.Step) string { return s.Text("hop-" + string(step.Found)) }

// RouteProblem returns why nobody gets a mail.
func (s *screen) RouteProblem(err error) string {
	switch {
	case errors.Is(err, ispmail.ErrAliasLoop):
		return s.Text("route-loop")
	case errors.Is(err, ispmail.ErrAliasLimit):
		return s.Text("route-limit")
	case errors.Is(err, ispmail.ErrInvalidAddress):
		return s.Text("route-invalid")
	}
	return s.Text("route-nobody")
}

// Label returns the name of a field.
func (s *screen) Label(field string) string {
	switch field {
	case "quota":
		return s.Text("quota")
	case "catchall":
		return s.Text("catch-all")
	case "copy":
		return s.Text("keep-copy")
	}
	return s.Text("address")
}

// Place is where the rows of a table have their pages.
func (*screen) Place(table string) string {
	return map[string]string{"virtual_domains": "domain", "virtual_users": "user", "virtual_aliases": "alias"}[table]
}
