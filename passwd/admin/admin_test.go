package admin_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd/admin"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(
		m,
		goleak.IgnoreTopFunction("github.com/alexedwards/scs/v2/memstore.(*MemStore).startCleanup"), // as long as the process
		goleak.IgnoreAnyFunction("github.com/chromedp/chromedp.(*Browser).run"),
		// Of the database server for tests.
		goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"),
		goleak.IgnoreAnyFunction("github.com/go-sql-driver/mysql.(*mysqlConn).startWatcher.func1"),
		goleak.IgnoreAnyFunction("github.com/testcontainers/testcontainers-go.(*Reaper).connect.func1"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
	)
}

const password = "a long enough secret"

// A site is a page on a database of its own. alice is an administrator of all domains, mia of mine.example.
type site struct {
	*testing.T
	page  *admin.Page
	store *ispmail.Store
	file  string
	plain bool
	log   *logBuffer
}

// A logBuffer is read while the page may write: what is summed up comes later.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(line)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// each runs a test on MariaDB and on SQLite, with -short on SQLite alone.
func each(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	if testing.Short() {
		test(t, newSite(t))
		return
	}
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) { test(t, siteOn(t, db)) })
}

func newSite(t *testing.T) *site {
	t.Helper()
	return siteOn(t, ispmailtest.SQLite(t))
}

func siteOn(t *testing.T, db *ispmailtest.Database) *site {
	t.Helper()
	s := &site{T: t, store: db.Store(t, ispmail.Config{}), file: filepath.Join(t.TempDir(), "administrators"), log: &logBuffer{}}
	s.administrator("alice", nil)
	s.administrator("mia", []string{"mine.example"})
	s.open(func() (*ispmail.Store, error) { return s.store, nil })
	return s
}

func (s *site) open(store func() (*ispmail.Store, error)) {
	s.Helper()
	page, err := admin.New(admin.Config{
		Store: store, Administrators: admin.NewFile(s.file).Administrators, Floor: 1, Plain: s.plain,
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(s, err)
	s.page = page
}

var stored = func() ispmail.Secret {
	hasher, err := hash.New(hash.Config{Scheme: "BLF-CRYPT", Cost: 4})
	if err != nil {
		panic(err)
	}
	text, err := hasher.Generate(password)
	if err != nil {
		panic(err)
	}
	return ispmail.NewSecret(text)
}()

func (s *site) administrator(name string, domains []string) {
	s.Helper()
	_, err := admin.SetAdministrator(s.file, admin.Administrator{Name: name, Stored: stored, Domains: domains})
	require.NoError(s, err)
}

func (s *site) domain(name string) int64 {
	s.Helper()
	d, err := s.store.CreateDomain(s.Context(), name)
	require.NoError(s, err)
	return d.ID
}

func (s *site) user(email string) int64 {
	s.Helper()
	u, _, err := s.store.CreateUser(s.Context(), email, password)
	require.NoError(s, err)
	return u.ID
}

func (s *site) alias(source, destination string) int64 {
	s.Helper()
	a, _, err := s.store.CreateAlias(s.Context(), source, destination)
	require.NoError(s, err)
	return a.ID
}

// A visitor is a browser with its cookies.
type visitor struct {
	*site
	cookies map[string]*http.Cookie
}

func (s *site) visitor() *visitor { return &visitor{s, map[string]*http.Cookie{}} }

// as returns a visitor who has logged in.
func (s *site) as(name string) *visitor {
	s.Helper()
	v := s.visitor()
	w := v.post("/login", "name", name, "password", password, "next", "/")
	require.Equal(s, http.StatusSeeOther, w.Code, w.Body.String())
	return v
}

func (v *visitor) do(r *http.Request) *httptest.ResponseRecorder {
	v.Helper()
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	v.page.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		v.cookies[c.Name] = c
		if c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		}
	}
	return w
}

func (v *visitor) get(target string) *httptest.ResponseRecorder {
	v.Helper()
	return v.do(httptest.NewRequest(http.MethodGet, target, nil))
}

// request makes a POST as the page itself sends it. Its fields are names and values in turn.
func request(target string, fields ...string) *http.Request {
	form := url.Values{}
	for pair := range slices.Chunk(fields, 2) {
		form.Add(pair[0], pair[1])
	}
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://"+r.Host)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

func (v *visitor) post(target string, fields ...string) *httptest.ResponseRecorder {
	v.Helper()
	return v.do(request(target, fields...))
}

// done sends a form, expects that it is done, and returns what the next page says.
func (v *visitor) done(target string, fields ...string) string {
	v.Helper()
	w := v.post(target, fields...)
	require.Equal(v, http.StatusSeeOther, w.Code, "%s: %s", target, w.Body.String())
	next := v.get(w.Header().Get("Location"))
	require.Equal(v, http.StatusOK, next.Code)
	return next.Body.String()
}

var versions = regexp.MustCompile(`name="version" value="([0-9a-f]+)"`)

// version returns the version in the forms of a page.
func (v *visitor) version(target string) string {
	v.Helper()
	w := v.get(target)
	found := versions.FindStringSubmatch(w.Body.String())
	require.NotNil(v, found, w.Body.String())
	return found[1]
}

// rows is everything in the tables, with the stored passwords.
func (s *site) rows() (all []string) {
	s.Helper()
	for r, err := range s.store.Export(s.Context()) {
		require.NoError(s, err)
		switch {
		case r.Domain != nil:
			all = append(all, r.Domain.Name)
		case r.User != nil:
			quota := int64(-1)
			if r.User.Quota != nil {
				quota = *r.User.Quota
			}
			all = append(all, r.User.Email+" "+r.User.Password.Reveal()+" "+strings.Repeat("q", int(quota%7)))
		default:
			all = append(all, r.Alias.Source+" > "+r.Alias.Destination)
		}
	}
	return all
}

// TestHeaders are on every answer, and the cookie is as strict as can be.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.domain("mine.example")
	v := s.as("alice")
	for _, target := range []string{"/", "/login", "/nothing", "/domain/new", path("/domain/%d", id), "/style.css", "//", "/domain/x"} {
		header := v.get(target).Header()
		assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), target)
		assert.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'", target)
		assert.Contains(t, header.Get("Content-Security-Policy"), "frame-ancestors 'none'", target)
		assert.Equal(t, "same-origin", header.Get("Cross-Origin-Opener-Policy"), target)
		if target != "/style.css" {
			assert.Contains(t, header.Values("Cache-Control"), "no-store", target)
		}
	}
	c := v.cookies["__Host-ispmail-admin"]
	require.NotNil(t, c)
	assert.True(t, c.HttpOnly && c.Secure)
	assert.Equal(t, http.SameSiteStrictMode, c.SameSite)
	assert.Equal(t, "/", c.Path)
	assert.Empty(t, c.Domain)
	assert.Zero(t, c.MaxAge, "it ends with the browser")
	assert.NotContains(t, v.get("/").Body.String(), "<script")
	assert.NotContains(t, v.get("/").Body.String(), "style=")
}

// TestCrossOrigin: no form of another origin changes anything.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.as("alice")
	for _, header := range []map[string]string{
		{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
		{"Origin": "null", "Sec-Fetch-Site": ""},
		{"Origin": "", "Sec-Fetch-Site": ""},
		{"Origin": "", "Sec-Fetch-Site": "same-site"},
	} {
		for _, target := range []string{"/domain/new", "/login", "/logout", "/language"} {
			r := request(target, "name", "evil.example", "password", password, "language", "de")
			for name, value := range header {
				r.Header.Set(name, value)
				if value == "" {
					r.Header.Del(name)
				}
			}
			assert.Equal(t, http.StatusForbidden, v.do(r).Code, "%s %v", target, header)
		}
	}
	assert.Empty(t, s.rows())
	assert.Equal(t, http.StatusOK, v.get("/").Code, "and nobody was logged out")
}

func path(format string, id int64) string {
	return strings.Replace(format, "%d", strconv.FormatInt(id, 10), 1)
}
