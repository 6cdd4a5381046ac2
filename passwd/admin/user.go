package admin

import (
	"errors"
	"net/http"
	"strings"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/admin/internal/view"
	"github.com/ispmail/go-ispmail/passwd/internal/policy"
)

type newUserData struct {
	Domain      view.Domain
	Name, Quota string
}

func (*Page) newUser(q *request) (answer, error) {
	d, err := q.view.Domain(q.ctx, q.id)
	return shown("user-new", http.StatusOK, newUserData{Domain: d}), err
}

// fullAddress completes what was typed into a field beside which the domain stands.
func fullAddress(name, domain string) string {
	name = strings.TrimSpace(name)
	if name == "" || strings.Contains(name, "@") {
		return name
	}
	return name + "@" + domain
}

func (p *Page) createUser(q *request) (answer, error) {
	d, err := q.view.Domain(q.ctx, q.id)
	if err != nil {
		return answer{}, err
	}
	email := fullAddress(q.form["name"], d.Name)
	refused := shown("user-new", http.StatusUnprocessableEntity, newUserData{d, q.form["name"], q.form["quota"]})
	refuse := func(field, text string) (answer, error) {
		refused.Problem, refused.Field = text, field
		return refused, nil
	}
	if _, err := ispmail.Canonical(email); err != nil {
		return refuse("name", q.t.Text("bad-address"))
	}
	quota, ok := optionalSize(q.form["quota"])
	if !ok {
		return refuse("quota", q.t.Text("bad-quota"))
	}
	password, generated, problem := p.password(q, email)
	if problem != "" {
		return refuse("password", problem)
	}
	id, warnings, others, err := q.view.CreateUser(q.ctx, email, password, quota)
	switch {
	case errors.Is(err, ispmail.ErrNoQuota):
		return refuse("quota", q.t.Text("no-quota"))
	case isPassword(err):
		return refuse("password", q.t.Text("policy-too-long"))
	}
	if a, ok := wrongName(q, err, refused, "name"); ok {
		return a, nil
	}
	a := seeOther(path("user/%d", id))
	a.Notice = &notice{Text: q.t.Text("user-created", email), Passphrase: generated, Email: email, Warnings: warnings, Others: others}
	return a, err
}

// isPassword reports whether a password cannot be hashed.
func isPassword(err error) bool {
	return errors.Is(err, hash.ErrPasswordTooLong) || errors.Is(err, hash.ErrInvalidPassword)
}

func optionalSize(text string) (*int64, bool) {
	if strings.TrimSpace(text) == "" {
		return nil, true
	}
	bytes, ok := readSize(text)
	return &bytes, ok
}

// password returns the password that was typed, or a generated one if none was, or what is wrong with it.
func (p *Page) password(q *request, email string) (password, generated, problem string) {
	typed := q.form["password"]
	if typed == "" && q.form["typed"] != "" { // it was not shown again: a passphrase may not be what is wanted
		return "", "", q.t.Text("password-again")
	}
	if typed == "" {
		generated = p.policy.Passphrase(q.ctx)
		return generated, generated, ""
	}
	switch rule := p.policy.Check(q.ctx, email, email, "", typed); rule {
	case "":
		return typed, "", ""
	case policy.TooShort:
		return "", "", q.t.Text(string(rule), p.minLength())
	default:
		return "", "", q.t.Text(string(rule))
	}
}

func (p *Page) minLength() int {
	if p.config.MinLength == 0 {
		return policy.DefaultMinLength
	}
	return p.config.MinLength
}

type userData struct {
	User     view.User
	DomainID int64 // of a domain that is seen
	Route    *view.Route
	Sources  []ispmail.Alias // that lead here
	More     bool
	Alias    int64  // of the address itself, 0 if there is none
	Typed    string // into the field that is wrong
}

func (*Page) user(q *request) (answer, error) {
	d, err := userOf(q)
	return shown("user", http.StatusOK, d), err
}

func userOf(q *request) (d userData, err error) {
	if d.User, err = q.view.User(q.ctx, q.id); err != nil {
		return d, err
	}
	d.DomainID = d.User.DomainID
	if !d.User.Regular {
		return d, nil
	}
	route, err := q.view.Route(q.ctx, d.User.Email)
	if err != nil {
		return d, err
	}
	d.Route = &route
	if d.Alias, err = q.view.AliasOf(q.ctx, d.User.Email); err != nil {
		return d, err
	}
	d.Sources, d.More, err = q.view.AliasesTo(q.ctx, d.User.Email)
	return d, err
}

// answerUser is the answer to a change of a user: its page with what is wrong, or the way back to it.
func answerUser(q *request, err error, field, text string, args ...any) (answer, error) {
	problem := ""
	switch {
	case errors.Is(err, ispmail.ErrLocked), errors.Is(err, ispmail.ErrNotLocked), errors.Is(err, view.ErrStale):
		problem, field = "stale", ""
	case errors.Is(err, ispmail.ErrNoQuota):
		problem = "no-quota"
	case isPassword(err):
		problem = "policy-too-long"
	case err == nil:
		a := seeOther(path("user/%d", q.id))
		a.Notice = &notice{Text: q.t.Text(text, args...)}
		return a, nil
	}
	a := shown("user", http.StatusUnprocessableEntity, nil)
	if problem != "" {
		a.Problem, a.Field = q.t.Text(problem), field
		if problem == "stale" {
			a.Status = http.StatusConflict
		}
	} else {
		var ok bool
		if a, ok = wrongName(q, err, a, field); !ok {
			return answer{}, err
		}
	}
	return stillUser(q, a)
}

// stillUser completes the page of a user with the user as it is now, and what was typed.
func stillUser(q *request, a answer) (answer, error) {
	d, err := userOf(q)
	if a.Field != "password" {
		d.Typed = q.form[a.Field]
	}
	a.Data = d
	return a, err
}

func (p *Page) setPassword(q *request) (answer, error) {
	u, err := q.view.User(q.ctx, q.id)
	if err != nil {
		return answer{}, err
	}
	password, generated, problem := p.password(q, u.Email)
	if problem != "" {
		a := shown("user", http.StatusUnprocessableEntity, nil)
		a.Problem, a.Field = problem, "password"
		return stillUser(q, a)
	}
	err = q.view.SetPassword(q.ctx, q.id, q.form["version"], password)
	a, err := answerUser(q, err, "password", "password-changed", u.Email)
	if a.Notice != nil {
		a.Notice.Passphrase, a.Notice.Email = generated, u.Email
	}
	return a, err
}

func (*Page) lockUser(q *request) (answer, error) {
	u, err := q.view.User(q.ctx, q.id)
	if err != nil {
		return answer{}, err
	}
	return answerUser(q, q.view.Lock(q.ctx, q.id, q.form["version"]), "", "user-locked", u.Email)
}

func (*Page) unlockUser(q *request) (answer, error) {
	u, err := q.view.User(q.ctx, q.id)
	if err != nil {
		return answer{}, err
	}
	return answerUser(q, q.view.Unlock(q.ctx, q.id, q.form["version"]), "", "user-unlocked", u.Email)
}

func (*Page) setQuota(q *request) (answer, error) {
	u, err := q.view.User(q.ctx, q.id)
	if err != nil {
		return answer{}, err
	}
	bytes, ok := readSize(q.form["quota"])
	if !ok {
		a := shown("user", http.StatusUnprocessableEntity, nil)
		a.Problem, a.Field = q.t.Text("bad-quota"), "quota"
		return stillUser(q, a)
	}
	return answerUser(q, q.view.SetQuota(q.ctx, q.id, q.form["version"], bytes), "quota", "quota-changed", u.Email)
}

func (*Page) renameUser(q *request) (answer, error) {
	before, err := q.view.User(q.ctx, q.id)
	if err != nil {
		return answer{}, err
	}
	to, warnings, others, err := q.view.RenameUser(q.ctx, q.id, q.form["version"], strings.TrimSpace(q.form["address"]))
	a, err := answerUser(q, err, "address", "user-renamed", before.Email, to)
	if a.Notice != nil {
		a.Notice.Warnings, a.Notice.Others = warnings, others
		if before.Regular {
			a.Notice.Commands = moved(before.Email, to)
		}
	}
	return a, err
}

type deleteUserData struct {
	User     view.User
	Warnings []view.Warning
	Others   int
	Alias    int64 // of the address itself, which stays, 0 if there is none
}

func (*Page) askDeleteUser(q *request) (answer, error) {
	d, err := deletedUser(q)
	return shown("user-delete", http.StatusOK, d), err
}

func deletedUser(q *request) (d deleteUserData, err error) {
	if d.User, err = q.view.User(q.ctx, q.id); err != nil {
		return d, err
	}
	d.Warnings, d.Others, err = q.view.DeleteUser(q.ctx, q.id, d.User.Version, true)
	if errors.Is(err, ispmail.ErrReferenced) {
		err = nil // which is said when it is tried
	}
	if err == nil && d.User.Regular {
		d.Alias, err = q.view.AliasOf(q.ctx, d.User.Email)
	}
	return d, err
}

func (*Page) deleteUser(q *request) (answer, error) {
	u, err := q.view.User(q.ctx, q.id)
	if err != nil {
		return answer{}, err
	}
	warnings, others, err := q.view.DeleteUser(q.ctx, q.id, q.form["version"], false)
	if a, ok := wrongName(q, err, shown("user-delete", http.StatusUnprocessableEntity, nil), ""); ok {
		d, err := deletedUser(q)
		a.Data = d
		return a, err
	}
	a := seeOther(path("domain/%d", u.DomainID))
	a.Notice = &notice{Text: q.t.Text("user-deleted", u.Email), Warnings: warnings, Others: others}
	if u.Regular {
		a.Notice.Commands = removed(u.Email)
	}
	return a, err
}
