package passwd_test

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // a scheme of old guides
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd"
)

// changer is a Changer that answers as it is told and notes what it was asked.
type changer struct {
	mu    sync.Mutex
	err   error
	calls [][3]string
}

func (c *changer) ChangePassword(_ context.Context, email, current, replacement string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, [3]string{email, current, replacement})
	return c.err
}

// logTo returns a hook that writes events as the command does.
func logTo(w io.Writer) func(context.Context, passwd.Event) {
	log := slog.New(slog.NewTextHandler(w, nil))
	return func(ctx context.Context, e passwd.Event) { log.InfoContext(ctx, "attempt", slog.Any("event", e)) }
}

func newService(t *testing.T, config passwd.Config) *passwd.Service {
	t.Helper()
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Floor == 0 {
		config.Floor = time.Nanosecond
	}
	service, err := passwd.New(config)
	require.NoError(t, err)
	return service
}

const (
	formType    = "application/x-www-form-urlencoded"
	current     = "canary summersun"
	replacement = "canary a long enough secret"
)

// form encodes fields, given as names and values in turn.
func form(pairs ...string) string {
	var fields []string
	for pair := range slices.Chunk(pairs, 2) {
		fields = append(fields, pair[0]+"="+url.QueryEscape(pair[1]))
	}
	return strings.Join(fields, "&")
}

var good = form("user", "John@Example.org", "curpass", current, "newpass", replacement)

func post(service *passwd.Service, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/api/password", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	service.API().ServeHTTP(w, r)
	return w
}

func TestSuccess(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := &changer{}
	service := newService(t, passwd.Config{Changer: c, OnEvent: logTo(&log)})
	w := post(service, formType, good+"&other=x&other=y")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "OK", w.Body.String(), "Roundcube compares with /^ok$/i")
	assert.Equal(t, [][3]string{{"john@example.org", current, replacement}}, c.calls)
	assert.Regexp(t, `event.channel=api event.user=john@example.org event.status=200 event.reason=ok event.duration=\S+\n$`, log.String())
	assert.NotContains(t, log.String(), "canary")
	assert.Equal(t, http.StatusOK, post(service, formType+"; charset=UTF-8", good).Code)
}

// TestBadRequests never reach the Changer, and nothing of them comes back.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	const user, missing = "john@example.org", "missing."
	fields := func(user, current, replacement string) string {
		return form("user", user, "curpass", current, "newpass", replacement)
	}
	for name, c := range map[string]struct {
		contentType, body string
		status            int
		answer            string
	}{
		"nothing at all":      {"", "", 400, "bad-request: The field user is missing."},
		"empty form":          {formType, "", 400, missing},
		"no curpass":          {formType, form("user", user, "newpass", replacement), 400, "curpass is missing"},
		"no newpass":          {formType, form("user", user, "curpass", current), 400, "newpass is missing"},
		"empty user":          {formType, fields("", current, replacement), 400, missing},
		"empty curpass":       {formType, fields(user, "", replacement), 400, missing},
		"empty newpass":       {formType, fields(user, current, ""), 400, missing},
		"doubled user":        {formType, good + "&user=canary", 400, "user is there more than once"},
		"doubled curpass":     {formType, good + "&curpass=", 400, "more than once"},
		"doubled newpass":     {formType, good + "&newpass=canary", 400, "more than once"},
		"bad escape":          {formType, good + "&x=%zz", 400, "malformed"},
		"semicolon":           {formType, strings.ReplaceAll(good, "&", ";"), 400, "malformed"},
		"NUL in user":         {formType, fields("john\x00@example.org", current, replacement), 400, "not a mail address"},
		"no UTF-8 in user":    {formType, fields("j\xf6hn@example.org", current, replacement), 400, "user is not UTF-8"},
		"NUL in newpass":      {formType, fields(user, current, replacement+"\x00"), 422, "policy-control: The new password holds a line end, a tab or another character that cannot be seen."},
		"line end in newpass": {formType, fields(user, current, replacement+"\n"), 422, "policy-control"},
		"short with a tab":    {formType, fields(user, current, "\t"), 422, "policy-control"},
		"mark in newpass":     {formType, fields(user, current, "\ufeff"+replacement), 422, "policy-control"},
		"C1 in newpass":       {formType, fields(user, current, replacement+"\u0085"), 422, "policy-control"},
		"no UTF-8":            {formType, fields(user, current, replacement+"\xff"), 400, "newpass is not UTF-8"},
		"lost in newpass":     {formType, fields(user, current, replacement+"\ufffd"), 400, "newpass is not UTF-8"},
		"no @":                {formType, fields("canary", current, replacement), 400, "not a mail address"},
		"blank in user":       {formType, fields(" "+user, current, replacement), 400, "not a mail address"},
		"over-long user":      {formType, fields(strings.Repeat("canary", 1000)+"@example.org", current, replacement), 400, "not a mail address"},
		"over-long curpass":   {formType, fields(user, strings.Repeat("a", 1025), replacement), 400, "too long"},
		"longer newpass":      {formType, fields(user, current, strings.Repeat("canary ", 200)), 422, "policy-too-long: "},
		"over-long newpass":   {formType, fields(user, current, strings.Repeat("a", 257)), 422, "policy-too-long: "},
		"short newpass":       {formType, fields(user, current, "canary fourtee"), 422, "policy-too-short: The new password must have at least 15 characters."},
		"short in characters": {formType, fields(user, current, strings.Repeat("ü", 14)), 422, "policy-too-short"},
		"long body":           {formType, good + "&x=" + strings.Repeat("a", 16<<10), 413, "too large"},
		"same newpass":        {formType, fields(user, replacement, replacement), 422, "policy-same"},
		"common newpass":      {formType, fields(user, current, "1Q2w3e4r5t6y7u8i9o"), 422, "policy-common"},
		"address as newpass":  {formType, fields(user, current, "John.Example.org-2026"), 422, "policy-address"},
		"site as newpass":     {formType, fields(user, current, "mail mail mail mail"), 422, "policy-site"},
	} {
		var log bytes.Buffer
		changer := &changer{}
		w := post(newService(t, passwd.Config{Changer: changer, OnEvent: logTo(&log)}), c.contentType, c.body)
		assert.Equal(t, c.status, w.Code, name)
		answer := w.Body.String()
		assert.Contains(t, answer, c.answer, name)
		assert.Regexp(t, `^(bad-request|policy-[a-z-]+): [^\n]{1,100}\n$`, answer, name)
		assert.NotContains(t, answer+log.String(), "canary", name)
		assert.Empty(t, changer.calls, name)
		assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"), name)
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"), name)
	}
}

// TestLongBody sends a body of unknown length that is too large.
func TestLongBody(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newService(t, passwd.Config{Changer: &changer{}}).API())
	defer server.Close()
	response, err := http.Post(server.URL+"/api/password", formType, io.MultiReader(strings.NewReader("user="), strings.NewReader(strings.Repeat("a", 1<<20))))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
}

func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	c := &changer{}
	api := newService(t, passwd.Config{Changer: c}).API()
	serve := func(method, target, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		r.Header.Set("Content-Type", formType)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		return w
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"} {
		w := serve(method, "/api/password?"+good, "")
		assert.Equal(t, http.StatusMethodNotAllowed, w.Code, method)
		assert.Equal(t, "POST", w.Header().Get("Allow"))
	}
	for _, path := range []string{"/", "/api", "/api/", "/api/password/", "//api/password", "/api//password", "/API/password", "/api/passwor%64", "/x/../api/password"} {
		assert.Equal(t, http.StatusNotFound, serve("POST", path, good).Code, path)
	}
	assert.Equal(t, http.StatusBadRequest, serve("POST", "/api/password?"+good, "").Code, "the query is not read")
	assert.Empty(t, c.calls)
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]struct {
		status int
		answer string
	}{
		ispmail.ErrBadCredentials: {403, "bad-credentials: The address or the current password is wrong.\n"},
		ispmail.ErrInvalidAddress: {400, "bad-request: The user is not a mail address.\n"},
		ispmail.ErrOutcomeUnknown: {503, "outcome-unknown: It is not known whether the password was changed. Try both.\n"},
		hash.ErrPasswordTooLong:   {422, "policy-too-long: The new password is too long.\n"},
		hash.ErrInvalidPassword:   {400, "bad-request: The new password is empty or not UTF-8.\n"},
		hash.ErrControlCharacter:  {422, "policy-control: The new password holds a line end, a tab or another character that cannot be seen.\n"},
		ispmail.ErrTooLong:        {503, "unavailable: The password was not changed. Try again later.\n"},
		errors.New("canary"):      {503, "unavailable: The password was not changed. Try again later.\n"},
		context.DeadlineExceeded:  {503, "unavailable: The password was not changed. Try again later.\n"},
	} {
		w := post(newService(t, passwd.Config{Changer: &changer{err: err}}), formType, good)
		assert.Equal(t, want.status, w.Code, "%v", err)
		assert.Equal(t, want.answer, w.Body.String())
		assert.Equal(t, want.status == 503, w.Header().Get("Retry-After") != "")
	}
}

func TestMinLength(t *testing.T) {
	t.Parallel()
	service := newService(t, passwd.Config{Changer: &changer{}, MinLength: 8})
	assert.Equal(t, http.StatusOK, post(service, formType, form("user", "a@b", "curpass", "x", "newpass", "éxT9ëàvü")).Code)
	assert.Equal(t, http.StatusUnprocessableEntity, post(service, formType, form("user", "a@b", "curpass", "x", "newpass", "éxT9ëàv")).Code)
	for _, config := range []passwd.Config{
		{},
		{Changer: &changer{}, MinLength: 7},
		{Changer: &changer{}, MinLength: -1},
		{Changer: &changer{}, MinLength: 65},
		{Changer: &changer{}, MaxLength: 63},
		{Changer: &changer{}, MaxLength: 257},
		{Changer: &changer{}, MaxConcurrent: -1},
		{Changer: &changer{}, Floor: -1},
		{Changer: &changer{}, Floor: time.Minute},
		{Changer: &changer{}, Secrets: []string{"short"}},
		{Changer: &changer{}, Fields: passwd.Fields{User: "curpass"}},
		{Changer: &changer{}, WebmailURL: "javascript:alert(1)"},
	} {
		_, err := passwd.New(config)
		assert.Error(t, err)
	}
}

// TestOutageIsLoggedOnce has a database that goes and comes back, and one that answers what it should not.
func TestOutageIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := &changer{}
	service := newService(t, passwd.Config{Changer: c, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, err := range []error{
		fmt.Errorf("%w: no route", ispmail.ErrUnavailable), context.DeadlineExceeded, ispmail.ErrBadCredentials,
		fmt.Errorf("%w: no route", ispmail.ErrUnavailable), errors.New("a trigger"),
	} {
		c.err = err
		for range 3 {
			post(service, formType, good)
		}
	}
	assert.Equal(t, 2, strings.Count(log.String(), "no route"))
	assert.Equal(t, 1, strings.Count(log.String(), "the database is back"))
	assert.Equal(t, 1, strings.Count(log.String(), "a trigger"), "until the database works again")
	assert.NotContains(t, log.String(), context.DeadlineExceeded.Error(), "the outage went on")
}

// TestStore has the real store behind the API.
func TestStore(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *ispmailtest.Database{
		"MariaDB": ispmailtest.MariaDB,
		"SQLite":  ispmailtest.SQLite,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && name == "MariaDB" {
				t.Skip("-short: a MariaDB needs Docker")
			}
			db := open(t)
			db.Example(t)
			store := db.Store(t, ispmail.Config{})
			service := newService(t, passwd.Config{Changer: store})
			before := db.Stored(t, "john@example.org")
			var refused []string
			for _, body := range []string{
				form("user", "john@example.org", "curpass", "wintermoon", "newpass", replacement),
				form("user", "nobody@example.org", "curpass", "summersun", "newpass", replacement),
				form("user", "john@example.net", "curpass", "summersun", "newpass", replacement),
			} {
				w := post(service, formType, body)
				assert.Equal(t, http.StatusForbidden, w.Code)
				refused = append(refused, w.Body.String())
			}
			assert.Equal(t, refused[0], refused[1], "nobody learns who has an account")
			assert.Equal(t, refused[0], refused[2])
			assert.Equal(t, before, db.Stored(t, "john@example.org"))

			body := form("user", "John@Example.org", "curpass", "summersun", "newpass", replacement)
			assert.Equal(t, "OK", post(service, formType, body).Body.String())
			_, err := store.Authenticate(t.Context(), "john@example.org", replacement)
			require.NoError(t, err)
			assert.Equal(t, http.StatusForbidden, post(service, formType, body).Code, "the old password is refused")

			var won []string
			var mu sync.Mutex
			var done sync.WaitGroup
			for _, password := range []string{"one long enough secret", "two long enough secrets"} {
				done.Go(func() {
					w := post(service, formType, form("user", "john@example.org", "curpass", replacement, "newpass", password))
					mu.Lock()
					defer mu.Unlock()
					if w.Code == http.StatusOK {
						won = append(won, password)
					}
				})
			}
			done.Wait()
			require.Len(t, won, 1)
			_, err = store.Authenticate(t.Context(), "john@example.org", won[0])
			require.NoError(t, err, "the change that got OK counts")
		})
	}
}

// TestStoredElsewhere has passwords that another program stored, as the bytes that a client sent.
func TestStoredElsewhere(t *testing.T) {
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		t.Parallel()
		db.Example(t)
		service := newService(t, passwd.Config{Changer: db.Store(t, ispmail.Config{})})
		for _, password := range []string{"gr\xfcn", "summersun\n", "\ufeffsummersun\r\n"} {
			db.Exec(t, "UPDATE virtual_users SET password = ? WHERE id = 2", fmt.Sprintf("{PLAIN-MD5}%x", md5.Sum([]byte(password)))) //nolint:gosec // as old guides did
			answer := func(current, replacement string) string {
				return post(service, formType, form("user", "md5@example.org", "curpass", current, "newpass", replacement)).Body.String()
			}
			assert.Regexp(t, "^(policy-control|bad-request: The field newpass is not UTF-8)", answer(password, password+" is long enough"))
			assert.Regexp(t, "^bad-credentials", answer(password+"\x00", replacement), "as Dovecot, which cannot get it")
			assert.Regexp(t, "^bad-credentials", answer(password[1:], replacement))
			assert.Equal(t, "OK", answer(password, replacement), "%q", password)
			service.Forgive("md5@example.org", "192.0.2.1")
			service.Forgive("md5@example.org", "192.0.2.1")
		}
	})
}

// TestHeaders has requests whose body may be something else than it looks like.
func TestHeaders(t *testing.T) {
	t.Parallel()
	c := &changer{}
	service := newService(t, passwd.Config{Changer: c})
	for name, change := range map[string]func(*http.Request){
		"two content types": func(r *http.Request) { r.Header.Add("Content-Type", "application/json") },
		"compressed":        func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") },
	} {
		assert.Equal(t, http.StatusUnsupportedMediaType, call(service, change, good).Code, name)
	}
	assert.Empty(t, c.calls)
}
