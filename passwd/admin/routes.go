package admin

import (
	"net/http"
	parent "path"

	"github.com/ispmail/go-ispmail/passwd/internal/web"
)

// A route is a path and what it does. Paths with {id} name a row; whether the administrator sees it, package view decides.
type route struct {
	method  string
	pattern string
	action  func(*Page, *request) (answer, error)
	fields  []string // of the form, or parameters of the URL
	open    bool     // for anybody; else for administrators
	all     bool     // for administrators of all domains; to others it is not there
}

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// routes are all there are, but for the style. Tests call each as an administrator of another domain, and with bad input. What
// follows from a deletion is asked for by POST: to find it out, rows are locked for a moment.
func routes() []route {
	return []route{
		{method: get, pattern: "/login", action: (*Page).serveLogin, fields: []string{"next"}, open: true},
		{method: post, pattern: "/login", action: (*Page).login, fields: []string{"name", "password", "next"}, open: true},
		{method: post, pattern: "/logout", action: (*Page).logout, open: true},
		{method: post, pattern: "/language", action: (*Page).setLanguage, fields: []string{"language", "next"}, open: true},

		{method: get, pattern: "/{$}", action: (*Page).overview},
		{method: get, pattern: "/search", action: (*Page).search, fields: []string{"q", "users", "aliases"}},
		{method: get, pattern: "/recipients", action: (*Page).recipients, fields: []string{"address"}},
		{method: get, pattern: "/findings", action: (*Page).findings, fields: []string{"severity", "domain", "page"}},
		{method: get, pattern: "/changes", action: (*Page).changes},

		{method: get, pattern: "/domain/new", action: (*Page).newDomain, all: true},
		{method: post, pattern: "/domain/new", action: (*Page).createDomain, fields: []string{"name"}, all: true},
		{method: get, pattern: "/domain/{id}", action: (*Page).domain, fields: []string{"q", "after"}},
		{method: get, pattern: "/domain/{id}/aliases", action: (*Page).domainAliases, fields: []string{"q", "after"}},
		{method: get, pattern: "/domain/{id}/rename", action: (*Page).askDomainName, all: true},
		{method: post, pattern: "/domain/{id}/rename", action: (*Page).renameDomain, fields: []string{"name", "version"}, all: true},
		{method: post, pattern: "/domain/{id}/deletion", action: (*Page).askDeleteDomain, all: true},
		{method: post, pattern: "/domain/{id}/delete", action: (*Page).deleteDomain, fields: []string{"name", "version"}, all: true},
		{method: get, pattern: "/domain/{id}/user", action: (*Page).newUser},
		{method: post, pattern: "/domain/{id}/user", action: (*Page).createUser, fields: []string{"name", "password", "typed", "quota"}},
		{method: get, pattern: "/domain/{id}/alias", action: (*Page).newAlias, fields: []string{"name", "catchall"}},
		{method: post, pattern: "/domain/{id}/alias", action: (*Page).createAlias, fields: []string{"name", "catchall", "destinations", "copy"}},

		{method: get, pattern: "/user/{id}", action: (*Page).user},
		{method: post, pattern: "/user/{id}/password", action: (*Page).setPassword, fields: []string{"password", "typed", "version"}},
		{method: post, pattern: "/user/{id}/lock", action: (*Page).lockUser, fields: []string{"version"}},
		{method: post, pattern: "/user/{id}/unlock", action: (*Page).unlockUser, fields: []string{"version"}},
		{method: post, pattern: "/user/{id}/quota", action: (*Page).setQuota, fields: []string{"quota", "version"}},
		{method: post, pattern: "/user/{id}/rename", action: (*Page).renameUser, fields: []string{"address", "version"}},
		{method: post, pattern: "/user/{id}/deletion", action: (*Page).askDeleteUser},
		{method: post, pattern: "/user/{id}/delete", action: (*Page).deleteUser, fields: []string{"version"}},

		{method: get, pattern: "/alias/{id}", action: (*Page).alias},
		{method: post, pattern: "/alias/{id}", action: (*Page).setAlias, fields: []string{"destinations", "copy", "version"}},
		{method: post, pattern: "/alias/{id}/deletion", action: (*Page).askDeleteAlias},
		{method: post, pattern: "/alias/{id}/delete", action: (*Page).deleteAlias, fields: []string{"version"}},
	}
}

// newHandler returns the handler of all routes.
func (p *Page) newHandler() http.Handler {
	mux := http.NewServeMux()
	read := map[string]bool{}
	for _, route := range routes() {
		mux.Handle(route.method+" "+route.pattern, p.handle(route))
		read[route.pattern] = read[route.pattern] || route.method == get
	}
	for pattern, isRead := range read {
		if !isRead { // who asks again for the answer to a form, or for it in another language, gets the page with the form
			mux.HandleFunc(get+" "+pattern, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, parent.Dir(r.URL.Path), http.StatusSeeOther) //nolint:gosec // a pattern of ours begins it
			})
		}
	}
	pages := p.sessions.LoadAndSave(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.SetHeaders(w.Header())
		if r.URL.Path == stylePath && web.IsRead(r) { // without a session
			w.Header().Set("Cache-Control", "public, max-age=86400") // its URL changes with it
			web.Write(w, http.StatusOK, "text/css; charset=utf-8", style)
			return
		}
		pages.ServeHTTP(w, r)
	})
}
