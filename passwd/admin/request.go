package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/admin/internal/view"
	"github.com/ispmail/go-ispmail/passwd/internal/web"
)

const (
	// maxBody takes all fields but the destinations of an alias. Who is not logged in fills no more memory.
	maxBody = 16 << 10
	// maxLongBody takes an alias with the 1000 destinations that Postfix follows.
	maxLongBody = 512 << 10
	// maxSearch is the greatest number of bytes of what is looked for. No address is as long.
	maxSearch = 320
	// requestTimeout bounds the work of a request, so that a page says that the database is away.
	requestTimeout = 20 * time.Second
)

// A request is what an action has: the tables as the administrator sees them, and what was sent. It has no other way to the data.
type request struct {
	ctx    context.Context
	w      http.ResponseWriter
	r      *http.Request
	client netip.Addr
	look   look
	t      texter
	who    Administrator
	view   view.View
	id     int64             // of the path
	form   map[string]string // the fields that the route names, of the form or the URL
}

// texter is what says something in the language of the administrator.
type texter interface {
	Text(name string, args ...any) string
}

// An answer is a page, or a redirection.
type answer struct {
	Status   int
	Template string
	Data     any
	Problem  string // a sentence about what is wrong, "" if nothing is
	Field    string // that has to be corrected, or ""
	Location string
	Notice   *notice // for the page of Location
}

func shown(template string, status int, data any) answer {
	return answer{Status: status, Template: template, Data: data}
}

func seeOther(path string) answer { return answer{Status: http.StatusSeeOther, Location: path} }

// handle returns the handler of a route.
func (p *Page) handle(route route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		q := &request{ctx: ctx, w: w, r: r, client: web.ClientOf(r, p.config.TrustedProxies), form: map[string]string{}}
		q.look = p.lookOf(q)
		q.t = q.look
		a, err := p.act(route, q)
		if err != nil {
			a = p.failed(q, route, err)
		}
		p.write(q, a)
	}
}

// act does what a route is for. Who is logged in, and what they see, is decided here, for all routes.
func (p *Page) act(route route, q *request) (answer, error) {
	if q.r.Method == http.MethodPost {
		if err := web.CheckOrigin(q.r); err != nil {
			return failure(http.StatusForbidden, q.t.Text("cross-origin")), nil
		}
	}
	if !route.open {
		who, ok := p.administrator(q.ctx)
		if !ok {
			return p.loginFirst(q), nil
		}
		q.who = who
		q.view = p.data.View(view.Person{Name: who.Name, Client: q.client.String(), Domains: who.Domains})
		if route.all && !q.view.All() {
			return answer{}, ispmail.ErrNotFound
		}
	}
	if text := q.r.PathValue("id"); text != "" {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || strconv.FormatInt(id, 10) != text {
			return answer{}, ispmail.ErrNotFound
		}
		q.id = id
	}
	if a, ok := p.read(route, q); !ok {
		return a, nil
	}
	return route.action(p, q)
}

// loginFirst sends somebody to the login, and says so if a form got lost by that.
func (p *Page) loginFirst(q *request) answer {
	if q.r.Method == http.MethodPost {
		a := shown("login", http.StatusForbidden, loginData{Next: "/"})
		a.Problem = q.t.Text("session-ended")
		return a
	}
	if q.r.URL.Path == "/" && q.r.URL.RawQuery == "" {
		return seeOther("/login")
	}
	return seeOther("/login?next=" + url.QueryEscape(q.r.URL.RequestURI()))
}

// read reads the form of a route, or the parameters of its URL. It refuses only what nobody can type: a field that is there twice or
// is no text. Everything else the action judges, beside its field.
func (p *Page) read(route route, q *request) (answer, bool) {
	values := make([]string, len(route.fields))
	fields := make([]web.Field, len(route.fields))
	for i, name := range route.fields {
		fields[i] = web.Field{Name: name, Value: &values[i], Empty: true, Bytes: name == "password" && route.open}
	}
	most := int64(maxBody)
	if slices.Contains(route.fields, "destinations") {
		most = maxLongBody
	}
	var fault *web.Fault
	if q.r.Method == http.MethodPost {
		fault = web.ReadFields(q.w, q.r, most, []web.BodyType{web.FormBody}, fields)
	} else {
		fault = web.SetFields(q.r.URL.Query(), fields)
	}
	if fault != nil {
		return failure(fault.Status, q.t.Text("bad-form")), false
	}
	for i, name := range route.fields {
		q.form[name] = values[i]
		if name != "password" { // it is shown again
			q.form[name] = strings.Map(visible, values[i])
		}
	}
	return answer{}, true
}

// visible replaces characters that cannot be seen. No name and no address has what they become.
func visible(r rune) rune {
	if unicode.IsControl(r) && !strings.ContainsRune("\r\n\t", r) {
		return '□' // U+FFFD would not come back: it is what remains of text that was none
	}
	return r
}

// failure is a page that says only what is wrong.
func failure(status int, text string) answer {
	a := shown("failed", status, nil)
	a.Problem = text
	return a
}

// failed is the page about an error that the action itself has no better answer to.
func (p *Page) failed(q *request, route route, err error) answer {
	status, text := http.StatusServiceUnavailable, "unavailable"
	switch {
	case errors.Is(err, ispmail.ErrNotFound):
		return failure(http.StatusNotFound, q.t.Text("not-found"))
	case errors.Is(err, view.ErrForbidden):
		return failure(http.StatusForbidden, q.t.Text("forbidden"))
	case errors.Is(err, ispmail.ErrOutcomeUnknown):
		text = "outcome-unknown"
	}
	p.config.Logger.ErrorContext(q.ctx, "the database does not do what an administrator asks", slog.Any("cause", err))
	a := failure(status, q.t.Text(text))
	if q.r.Method == http.MethodPost && text == "unavailable" { // nothing is lost that was typed
		a.Data = againData{again(q, route)}
	}
	return a
}

// againData is a form that could not be worked on. It may have no field.
type againData struct{ Fields []againField }

// An againField is a field of a form that could not be worked on.
type againField struct {
	Name, Value string
	Secret      bool
	Long        bool
	Seen        bool // somebody has typed it
}

func again(q *request, route route) (fields []againField) {
	for _, name := range route.fields {
		f := againField{Name: name, Value: q.form[name], Secret: name == "password", Long: name == "destinations"}
		f.Seen = !slices.Contains([]string{"version", "next", "typed", "catchall"}, name) && f.Value != ""
		switch {
		case f.Secret:
			f.Value = ""
		case name == "typed" && q.form["password"] != "":
			f.Value = "1"
		}
		fields = append(fields, f)
	}
	return fields
}

// write writes an answer.
func (p *Page) write(q *request, a answer) {
	header := q.w.Header()
	if a.Location != "" {
		if a.Notice != nil {
			p.notices.put(p.sessions.Token(q.ctx), a.Location, a.Notice)
		}
		header.Set("Location", a.Location)
		q.w.WriteHeader(a.Status)
		return
	}
	s := screen{look: q.look, answer: a, Typed: q.form["password"] != "", Site: p.config.SiteName, Style: p.styleURL, Who: q.who.Name, All: q.who.Domains == nil, Path: q.r.URL.Path, Here: q.r.URL.Path, Languages: p.languages(q.look)}
	if q.r.Method == http.MethodGet {
		s.Here = q.r.URL.RequestURI()
	}
	if q.who.Name != "" && q.r.Method != http.MethodHead {
		s.Notice = p.notices.take(p.sessions.Token(q.ctx), q.r.URL.Path)
	}
	var body bytes.Buffer
	if err := q.look.pages.ExecuteTemplate(&body, a.Template, &s); err != nil {
		p.config.Logger.ErrorContext(q.ctx, "a page cannot be shown", slog.Any("cause", err))
		web.Write(q.w, http.StatusInternalServerError, "text/plain; charset=utf-8", []byte("The page cannot be shown.\n"))
		return
	}
	header.Set("Content-Language", q.look.Language)
	header.Set("Vary", "Accept-Language, Cookie")
	web.Write(q.w, a.Status, "text/html; charset=utf-8", body.Bytes())
}

func seconds(wait time.Duration) string { return strconv.Itoa(int(math.Ceil(wait.Seconds()))) }
func minutes(wait time.Duration) int    { return max(1, int(math.Ceil(wait.Minutes()))) }

// path makes a path of this page.
func path(format string, args ...any) string {
	return "/" + fmt.Sprintf(strings.TrimPrefix(format, "/"), args...)
}
