package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd/admin"
)

var passphrase = regexp.MustCompile(`class="passphrase">([a-z-]+)<`)

// TestFunctions does everything that the pages can do.
func TestFunctions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		v := s.as("alice")
		assert.Contains(t, v.done("/domain/new", "name", " Example.org "), "was created")
		text := v.done("/domain/1/user", "name", "jane", "password", "", "quota", "5G")
		first := passphrase.FindStringSubmatch(text)
		require.NotNil(t, first, text)
		_, err := s.store.Authenticate(t.Context(), "jane@example.org", first[1])
		require.NoError(t, err)
		assert.NotContains(t, v.get("/user/1").Body.String(), first[1], "it is shown once")
		assert.Contains(t, v.get("/user/1").Body.String(), `value="5 GiB"`)

		assert.Contains(t, v.done("/user/1/lock", "version", v.version("/user/1")), "is locked")
		_, err = s.store.Authenticate(t.Context(), "jane@example.org", first[1])
		require.ErrorIs(t, err, ispmail.ErrBadCredentials)
		assert.Contains(t, v.done("/user/1/unlock", "version", v.version("/user/1")), "can log in again")
		v.done("/user/1/password", "password", "another quite long secret", "version", v.version("/user/1"))
		_, err = s.store.Authenticate(t.Context(), "jane@example.org", "another quite long secret")
		require.NoError(t, err)
		v.done("/user/1/quota", "quota", "0", "version", v.version("/user/1"))
		assert.Contains(t, v.get("/user/1").Body.String(), "no limit")

		assert.Contains(t, v.done("/domain/1/alias", "name", "team", "destinations", "jane@example.org\r\njo@elsewhere.example"), "alias team@example.org was created")
		assert.Contains(t, v.post("/domain/1/alias", "name", "team", "destinations", "jane@example.org").Body.String(), `href="/alias/1"`)
		text = v.done("/domain/1/alias", "name", "jane@example.org", "destinations", "jo@elsewhere.example")
		assert.Contains(t, text, "The mailbox jane@example.org gets no mail")
		text = v.done("/alias/3", "destinations", "jo@elsewhere.example", "copy", "1", "version", v.version("/alias/3"))
		assert.NotContains(t, text, "gets no mail")
		v.done("/domain/1/alias", "catchall", "1", "name", "", "destinations", "jane@example.org")
		assert.Contains(t, v.get("/domain/1/aliases").Body.String(), "@example.org</bdi></a> <span class=\"badge\">Catch-all")
		assert.Contains(t, v.get("/recipients?address=anything@example.org").Body.String(), "is taken by the catch-all")
		assert.Contains(t, v.get("/search?q=ELSEWHERE").Body.String(), "team@example.org")

		text = v.done("/user/1/rename", "address", "jane.doe@example.org", "version", v.version("/user/1"))
		assert.Contains(t, text, "mv -T /var/vmail/example.org/jane /var/vmail/example.org/jane.doe")
		assert.Contains(t, s.rows(), "team@example.org > jane.doe@example.org")
		assert.Contains(t, v.post("/user/1/deletion").Body.String(), "still sends mail on to jo@elsewhere.example")
		assert.Contains(t, s.rows(), "team@example.org > jane.doe@example.org", "a look changes nothing")
		text = v.done("/user/1/delete", "version", v.version("/user/1"))
		assert.Contains(t, text, "rm -r /var/vmail/example.org/jane.doe")
		v.done("/alias/1/delete", "version", v.version("/alias/1"))
		assert.Contains(t, v.done("/domain/1/rename", "name", "example.net", "version", v.version("/domain/1/rename")), "is example.net now")
		assert.Equal(t, http.StatusUnprocessableEntity, v.post("/domain/1/delete", "name", "wrong", "version", v.version("/domain/1/rename")).Code)
		v.done("/domain/1/delete", "name", "example.net", "version", v.version("/domain/1/rename"))
		assert.Empty(t, s.rows())

		text = v.get("/changes").Body.String()
		for _, action := range []string{"domain created", "user created", "user locked", "user unlocked", "password changed", "size changed", "alias created", "alias changed", "alias deleted", "user renamed", "user deleted", "domain renamed", "domain deleted"} {
			assert.Contains(t, text, action)
			assert.Equal(t, strings.Count(text, ">"+action+"<"), strings.Count(s.log.String(), "action="+strings.ReplaceAll(strings.Replace(action, "size", "quota", 1), " ", "-")), action)
		}
		assert.Contains(t, s.log.String(), "administrator=alice")
		for _, secret := range []string{first[1], "another quite long secret", password, "$5$", "{SHA"} {
			assert.NotContains(t, s.log.String(), secret)
		}
	})
}

// TestNoHash looks at every page of a user with each kind of stored password: no part of it is there.
func TestNoHash(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		s.domain("example.org")
		for i, stored := range []string{"{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7", "{PLAIN}clearcanary", "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd", "{CRYPT}!{PLAIN}clearcanary"} {
			email := fmt.Sprintf("user%d@example.org", i)
			s.user(email)
			require.NoError(t, s.store.SetStoredPassword(t.Context(), email, stored))
		}
		require.NoError(t, s.page.Examine(t.Context()))
		v := s.as("alice")
		for _, target := range []string{"/", "/domain/1", "/user/1", "/user/2", "/user/3", "/user/4", "/search?q=user", "/findings", "/changes"} {
			text := v.get(target).Body.String()
			for _, part := range []string{"clearcanary", "M/GWzm", "0qDt7I", "14cbfb"} {
				assert.NotContains(t, text, part, target)
			}
		}
	})
}

// TestStale: of two who edit one row, the second is told, and changes nothing.
func TestStale(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		s.domain("example.org")
		s.user("jane@example.org")
		s.alias("info@example.org", "jane@example.org")
		one, two := s.as("alice"), s.as("alice")
		user, alias, domain := one.version("/user/1"), one.version("/alias/1"), one.version("/domain/1/rename")
		two.done("/user/1/quota", "quota", "1G", "version", user)
		two.done("/alias/1", "destinations", "jane@example.org, jo@elsewhere.example", "version", alias)
		before := s.rows()
		for target, fields := range map[string][]string{
			"/user/1/password": {"password", "a quite new secret of mine", "version", user},
			"/user/1/lock":     {"version", user},
			"/user/1/quota":    {"quota", "2G", "version", user},
			"/user/1/rename":   {"address", "jo@example.org", "version", user},
			"/user/1/delete":   {"version", user},
			"/alias/1":         {"destinations", "mine@elsewhere.example", "version", alias},
			"/alias/1/delete":  {"version", alias},
			"/domain/1/rename": {"name", "example.net", "version", domain + "0"},
			"/domain/1/delete": {"name", "example.org", "version", ""},
		} {
			w := one.post(target, fields...)
			assert.Equal(t, http.StatusConflict, w.Code, target)
			assert.Contains(t, w.Body.String(), "Somebody has changed this", target)
		}
		assert.Contains(t, one.post("/alias/1", "destinations", "mine@elsewhere.example", "version", alias).Body.String(), "mine@elsewhere.example", "what was typed is kept")
		assert.Equal(t, before, s.rows())
		two.done("/user/1/delete", "version", two.version("/user/1"))
		assert.Equal(t, http.StatusNotFound, one.post("/user/1/lock", "version", user).Code)
	})
}

// TestNames: what other programs have put into the tables is shown as text.
func TestNames(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		id := s.domain("example.org")
		names := []string{`<b onclick="x()">'&`, "\u202egro.elpmaxe@nhoj", strings.Repeat("w", 88) + "@example.org", " kim@example.org", "ünï@example.org", ""}
		for _, name := range names {
			u := ispmail.User{DomainID: id, Email: name, Password: ispmail.NewSecret("x")}
			_, err := s.store.DB().NewInsert().Model(&u).Exec(t.Context())
			require.NoError(t, err)
			a := ispmail.Alias{DomainID: id, Source: name, Destination: name}
			_, err = s.store.DB().NewInsert().Model(&a).Exec(t.Context())
			require.NoError(t, err)
		}
		require.NoError(t, s.page.Examine(t.Context()))
		v := s.as("alice")
		targets := []string{"/domain/1", "/domain/1/aliases", "/findings", "/search?q=example"}
		for i := range names {
			targets = append(targets, fmt.Sprintf("/user/%d", i+1), fmt.Sprintf("/alias/%d", i+1), fmt.Sprintf("/user/%d/deletion", i+1), fmt.Sprintf("/alias/%d/deletion", i+1))
		}
		for _, target := range targets {
			ask := v.get
			if strings.HasSuffix(target, "/deletion") {
				ask = func(target string) *httptest.ResponseRecorder { return v.post(target) }
			}
			w := ask(target)
			assert.Equal(t, http.StatusOK, w.Code, target)
			assert.NotContains(t, w.Body.String(), "<b ", target)
		}
		v.done("/user/4/rename", "address", "kim@example.org", "version", v.version("/user/4"))
		v.done("/user/1/delete", "version", v.version("/user/1"))
		v.done("/alias/1/delete", "version", v.version("/alias/1"))
	})
}

// TestLogin: who is not in the file, or has another password, gets one answer, and after some attempts none.
func TestLogin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.visitor()
	assert.Equal(t, "/login", v.get("/").Header().Get("Location"))
	assert.Equal(t, "/login?next=%2Fuser%2F1", v.get("/user/1").Header().Get("Location"))
	assert.Empty(t, v.cookies, "who is not logged in has no session")
	wrong := v.post("/login", "name", "alice", "password", "wrong", "next", "/")
	nobody := v.post("/login", "name", "nobody", "password", "wrong", "next", "/")
	assert.Equal(t, http.StatusForbidden, wrong.Code)
	assert.Equal(t, strings.ReplaceAll(wrong.Body.String(), "alice", "nobody"), nobody.Body.String())
	v.post("/login", "name", "my password in the wrong field", "password", "", "next", "/")
	assert.NotContains(t, s.log.String(), "wrong field")
	for range 4 {
		assert.Equal(t, http.StatusForbidden, v.post("/login", "name", "alice", "password", "wrong", "next", "/").Code)
	}
	limited := v.post("/login", "name", "Alice ", "password", password, "next", "/")
	assert.Equal(t, http.StatusTooManyRequests, limited.Code)
	assert.NotEmpty(t, limited.Header().Get("Retry-After"))
	assert.Contains(t, s.log.String(), "reason=limited")

	for next, want := range map[string]string{"//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/", "/ü": "/", "/ x": "/", "/login": "/", "/user/1": "/user/1", "": "/"} {
		w := s.visitor().post("/login", "name", "mia", "password", password, "next", next)
		assert.Equal(t, want, w.Header().Get("Location"), "%q: %d", next, w.Code)
	}
}

// TestSession: the token is another one after the login, and is worth nothing after the logout, 15 minutes or 8 hours.
func TestSession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.domain("example.org")
	fixed := s.visitor()
	fixed.cookies["__Host-ispmail-admin"] = &http.Cookie{Name: "__Host-ispmail-admin", Value: "chosen-by-an-attacker"} //nolint:gosec // of a request
	fixed.post("/login", "name", "alice", "password", password, "next", "/")
	assert.NotEqual(t, "chosen-by-an-attacker", fixed.cookies["__Host-ispmail-admin"].Value)
	v := s.as("alice")
	stolen := s.visitor()
	maps.Copy(stolen.cookies, v.cookies)
	require.Equal(t, http.StatusOK, stolen.get("/").Code)
	v.post("/logout")
	assert.Equal(t, http.StatusSeeOther, stolen.get("/").Code)
	w := stolen.post("/domain/new", "name", "example.net")
	assert.Equal(t, http.StatusForbidden, w.Code)
	assert.Contains(t, w.Body.String(), "Your session has ended")

	v = s.as("alice")
	other, err := admin.NewFile(s.file).Administrators()
	require.NoError(t, err)
	one := other["alice"]
	one.Stored = ispmail.NewSecret("{SHA512-CRYPT}$6$rounds=5000$usesomesillystri$D4IrlXatmP7rx3P3InaxBeoomnAihCKRVQAr/36eYi55xEsb5dw1.DG/9ygA.w9gpTN8Mnk9dhs8B0b7jnEQH1")
	_, err = admin.SetAdministrator(s.file, one)
	require.NoError(t, err)
	assert.Equal(t, http.StatusSeeOther, v.get("/").Code, "another password ends the session")
}

// TestSessionEnds moves the clock.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "administrators")
	_, err := admin.SetAdministrator(file, admin.Administrator{Name: "alice", Stored: stored})
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		s := &site{T: t, file: file, log: nil}
		page, stop := admin.NewForTest(admin.Config{
			Store:          func() (*ispmail.Store, error) { return nil, ispmail.ErrUnavailable },
			Administrators: admin.NewFile(file).Administrators, Floor: 1,
		})
		defer stop()
		s.page = page
		v := s.as("alice")
		pause := func(d time.Duration) int { time.Sleep(d); return v.get("/changes").Code }
		assert.Equal(t, http.StatusOK, pause(14*time.Minute))
		assert.Equal(t, http.StatusOK, pause(14*time.Minute), "it was used")
		assert.Equal(t, http.StatusSeeOther, pause(16*time.Minute), "idle")
		v = s.as("alice")
		for range 34 {
			require.Equal(t, http.StatusOK, pause(14*time.Minute))
		}
		assert.Equal(t, http.StatusSeeOther, pause(5*time.Minute), "8 hours are over")
	})
}

// TestLanguages finds what is missing in a language, in the pages and in what is said by name.
func TestLanguages(t *testing.T) {
	t.Parallel()
	languages := map[string]map[string]string{}
	for _, language := range []string{"en", "de"} {
		text, err := os.ReadFile("language/" + language + ".json") //nolint:gosec // a file of this folder
		require.NoError(t, err)
		var texts map[string]string
		require.NoError(t, json.Unmarshal(text, &texts))
		languages[language] = texts
	}
	assert.Equal(t, slices.Sorted(maps.Keys(languages["en"])), slices.Sorted(maps.Keys(languages["de"])))
	verbs := regexp.MustCompile(`%[sd]`)
	for name, text := range languages["en"] {
		assert.NotEmpty(t, text, name)
		assert.Equal(t, verbs.FindAllString(text, -1), verbs.FindAllString(languages["de"][name], -1), name)
	}
	used := map[string]bool{}
	var sources []string
	for _, pattern := range []string{"pages/*.html", "*.go"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		sources = append(sources, found...)
	}
	for _, file := range sources {
		text, err := os.ReadFile(file) //nolint:gosec // a source of this folder
		require.NoError(t, err)
		for _, match := range regexp.MustCompile(`[.]Text[( ]"([a-z-]+)"`).FindAllStringSubmatch(string(text), -1) {
			if !strings.HasSuffix(match[1], "-") {
				used[match[1]] = true
			}
		}
	}
	for name := range used {
		assert.Contains(t, languages["en"], name)
	}
	assert.Greater(t, len(used), 100)
	for _, code := range findingCodes(t) {
		assert.Contains(t, languages["en"], "finding-"+code)
	}
}

// findingCodes are all codes in the source of package check.
func findingCodes(t *testing.T) (codes []string) {
	t.Helper()
	text, err := os.ReadFile("../../ispmail/check/code.go")
	require.NoError(t, err)
	for _, match := range regexp.MustCompile(`Code\s+= "([a-z0-9.-]+)"`).FindAllStringSubmatch(string(text), -1) {
		codes = append(codes, match[1])
	}
	require.Greater(t, len(codes), 25)
	return codes
}

// begins counts transactions.
type begins struct{ n int }

func (*begins) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (b *begins) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if strings.HasPrefix(e.Query, "BEGIN") {
		b.n++
	}
}

// TestHashedBefore: a password is hashed before the transaction, so that nobody waits for rows while this waits for memory. One that
// cannot be hashed begins none.
func TestHashedBefore(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	s := siteOn(t, db)
	s.domain("example.org")
	s.user("jane@example.org")
	hasher, err := hash.New(hash.Config{Scheme: "BLF-CRYPT"})
	require.NoError(t, err)
	counter := &begins{}
	store, err := ispmail.New(t.Context(), db.DB.WithQueryHook(counter), ispmail.Config{Hasher: hasher})
	require.NoError(t, err)
	counter.n = 0
	s.open(func() (*ispmail.Store, error) { return store, nil })
	v := s.as("alice")
	const tooLong = "a secret that is longer than the seventy-two bytes that bcrypt takes of a password"
	forms := map[string][]string{"/domain/1/user": {"name", "jill", "quota", "1G"}, "/user/1/password": {"version", v.version("/user/1")}}
	for target, fields := range forms {
		w := v.post(target, append(fields, "password", tooLong)...)
		assert.Equal(t, http.StatusUnprocessableEntity, w.Code, target)
	}
	assert.Zero(t, counter.n)
	for target, fields := range forms {
		v.done(target, append(fields, "password", "a quite new secret of mine")...)
	}
	assert.Equal(t, len(forms), counter.n, "it is counted")
}
