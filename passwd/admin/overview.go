package admin

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/passwd/admin/internal/view"
)

type overviewData struct {
	Domains  []view.Domain
	Examined bool // whether the doctor's numbers are there
	Users    int
	Aliases  int
}

func (*Page) overview(q *request) (answer, error) {
	domains, err := q.view.Domains(q.ctx)
	if err != nil {
		return answer{}, err
	}
	d := overviewData{Domains: domains, Examined: !q.view.Report("", "").At.IsZero()}
	for _, one := range domains {
		d.Users += one.Users
		d.Aliases += one.Aliases
	}
	return shown("overview", http.StatusOK, d), nil
}

type searchData struct {
	Query                    string
	Domains                  []view.Domain
	Users                    view.Page[view.User]
	Aliases                  view.Page[view.AliasGroup]
	UsersAfter, AliasesAfter string
}

// search looks everywhere for a part of an address. The pages of users and aliases are turned apart.
func (*Page) search(q *request) (answer, error) {
	d := searchData{Query: strings.TrimSpace(q.form["q"]), UsersAfter: q.form["users"], AliasesAfter: q.form["aliases"]}
	users, okUsers := view.ParseCursor(d.UsersAfter)
	aliases, okAliases := view.ParseCursor(d.AliasesAfter)
	if !okUsers || !okAliases {
		return answer{}, ispmail.ErrNotFound
	}
	if problem := badSearch(d.Query, true); problem != "" {
		a := shown("search", http.StatusUnprocessableEntity, d)
		a.Problem, a.Field = q.t.Text(problem), "q"
		return a, nil
	}
	var err error
	if d.Users, err = q.view.SearchUsers(q.ctx, d.Query, users); err != nil {
		return answer{}, err
	}
	if d.Aliases, err = q.view.SearchAliases(q.ctx, d.Query, aliases); err != nil {
		return answer{}, err
	}
	if d.Domains, err = q.view.SearchDomains(q.ctx, d.Query); err != nil {
		return answer{}, err
	}
	return shown("search", http.StatusOK, d), nil
}

// badSearch returns what is wrong with what is looked for, or "".
func badSearch(text string, needed bool) string {
	switch {
	case text == "" && needed:
		return "search-empty"
	case len(text) > maxSearch:
		return "search-long"
	}
	return ""
}

type recipientsData struct {
	Address string
	Asked   bool
	Route   view.Route
}

func (*Page) recipients(q *request) (answer, error) {
	d := recipientsData{Address: strings.TrimSpace(q.form["address"])}
	if d.Address == "" && q.form["address"] == "" {
		return shown("recipients", http.StatusOK, d), nil
	}
	route, err := q.view.Route(q.ctx, d.Address)
	a := shown("recipients", http.StatusOK, d)
	switch {
	case errors.Is(err, ispmail.ErrInvalidAddress):
		a.Status, a.Problem, a.Field = http.StatusUnprocessableEntity, q.t.Text("bad-address"), "address"
	case errors.Is(err, ispmail.ErrNoDomain):
		a.Status, a.Problem, a.Field = http.StatusUnprocessableEntity, q.t.Text("not-your-domain"), "address"
	case err != nil:
		return answer{}, err
	default:
		d.Asked, d.Route = true, route
		a.Data = d
	}
	return a, nil
}

type findingsData struct {
	view.Report
	Severity string
	Domain   string
	Domains  []view.Domain
	Minutes  int
	Shown    []view.Finding
	Page     int
	More     bool
}

// severities are those that findings can be limited to, and none.
var severities = []check.Severity{"", check.SeverityError, check.SeverityWarning, check.SeverityInformation}

func (*Page) findings(q *request) (answer, error) {
	d := findingsData{Severity: q.form["severity"], Domain: q.form["domain"]}
	var err error
	if d.Domains, err = q.view.Domains(q.ctx); err != nil {
		return answer{}, err
	}
	known := func(one view.Domain) bool { return one.Name == d.Domain }
	if !slices.Contains(severities, check.Severity(d.Severity)) || d.Domain != "" && !slices.ContainsFunc(d.Domains, known) {
		return answer{}, ispmail.ErrNotFound // and not "nothing is wrong"
	}
	d.Report = q.view.Report(check.Severity(d.Severity), d.Domain)
	if !d.At.IsZero() {
		d.Minutes = int(time.Since(d.At).Minutes())
	}
	if number, err := strconv.Atoi(q.form["page"]); err == nil && number > 0 {
		d.Page = min(number, len(d.Findings)/view.PageSize)
	}
	first := min(d.Page*view.PageSize, len(d.Findings))
	last := min(first+view.PageSize, len(d.Findings))
	d.Shown, d.More = d.Findings[first:last], last < len(d.Findings)
	return shown("findings", http.StatusOK, d), nil
}

func (*Page) changes(q *request) (answer, error) {
	return shown("changes", http.StatusOK, q.view.Changes()), nil
}
