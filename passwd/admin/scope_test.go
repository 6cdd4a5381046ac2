package admin_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/admin"
)

// marks are in every row of the domain that is not mia's.
var marks = []string{"other.example", "veiled"}

// ways are where a button leads back to, with what the visitor has typed.
var ways = regexp.MustCompile(`name="next" value="[^"]*"`)

// scoped puts rows of two domains into a site, and returns the ids of those that mia must not reach, by the beginning of the path.
func scoped(t *testing.T, s *site) map[string][]int64 {
	t.Helper()
	s.domain("mine.example")
	other := s.domain("other.example")
	s.user("me@mine.example")
	veiled := s.user("veiled@other.example")
	s.alias("info@mine.example", "me@mine.example")
	// Aliases of the other domain, to mine among them, and to nowhere and in a circle, so that there are findings.
	ids := []int64{
		s.alias("a-veiled@other.example", "veiled@other.example"),
		s.alias("b-veiled@other.example", "me@mine.example"),
		s.alias("c-veiled@other.example", "nobody-veiled@other.example"),
		s.alias("@other.example", "veiled@other.example"),
	}
	require.NoError(t, s.store.SetStoredPassword(t.Context(), "veiled@other.example", "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd"))
	require.NoError(t, s.page.Examine(t.Context()))
	return map[string][]int64{"/domain/": {other}, "/user/": {veiled}, "/alias/": ids}
}

// TestScope tries each route there is, as an administrator of another domain, with each row that is not hers. The list of routes
// is that of the code.
func TestScope(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		ids := scoped(t, s)
		alice := s.as("alice")
		mia := s.as("mia")
		before := s.rows()
		var version string
		tried := 0
		for _, route := range admin.Routes() {
			if route.Open {
				continue
			}
			var targets []string
			for prefix, rows := range ids {
				if !strings.HasPrefix(route.Pattern, prefix) || !strings.Contains(route.Pattern, "{id}") {
					continue
				}
				for _, id := range rows {
					targets = append(targets, strings.ReplaceAll(route.Pattern, "{id}", fmt.Sprint(id)))
				}
				if !strings.HasPrefix(route.Pattern, "/domain/") { // as alice sees it, which is what somebody could hand on
					version = alice.version(fmt.Sprintf("%s%d", prefix, rows[0]))
				}
			}
			if targets == nil {
				targets = []string{strings.TrimSuffix(route.Pattern, "{$}")}
			}
			for _, target := range targets {
				tried++
				if route.Method == http.MethodGet {
					for _, query := range []string{"", "?q=veiled", "?q=other", "?address=veiled@other.example", "?domain=other.example", "?after=0.0&q=h", "?users=0.1&aliases=0.1&q=e"} {
						w := mia.get(target + query)
						for _, mark := range marks {
							text := ways.ReplaceAllString(w.Body.String(), "")
							for _, own := range []string{`value="veiled"`, "veiled – ", "Search: veiled", "q=veiled", `value="veiled@other.example"`} { // what she has typed herself
								text = strings.ReplaceAll(text, own, "")
							}
							assert.NotContains(t, text, mark, "%s%s", target, query)
						}
						if strings.Contains(route.Pattern, "{id}") || route.All {
							assert.Equal(t, http.StatusNotFound, w.Code, target)
						}
					}
					continue
				}
				for _, value := range []string{"x", "veiled@other.example", "new@other.example", "evil.example"} {
					fields := []string{}
					for _, name := range route.Fields {
						switch name {
						case "version":
							fields = append(fields, name, version)
						case "password":
							fields = append(fields, name, "a quite new secret of mine")
						case "quota":
							fields = append(fields, name, "1G")
						default:
							fields = append(fields, name, value)
						}
					}
					w := mia.post(target, fields...)
					assert.Equal(t, http.StatusNotFound, w.Code, "%s %s", target, value)
				}
			}
		}
		assert.Greater(t, tried, 40)
		assert.Equal(t, before, s.rows())
		assert.Contains(t, alice.get("/search?q=veiled").Body.String(), "c-veiled@other.example", "it is there")
		assert.Contains(t, alice.get("/findings?domain=other.example").Body.String(), "veiled@other.example")
	})
}

// TestScopeNames: in her own domain, mia names rows of another one.
func TestScopeNames(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		scoped(t, s)
		mia := s.as("mia")
		before := s.rows()
		version := mia.version("/user/1")
		for name, w := range map[string]int{
			"user":   mia.post("/domain/1/user", "name", "new@other.example", "password", "", "quota", "").Code,
			"alias":  mia.post("/domain/1/alias", "name", "new@other.example", "destinations", "me@mine.example").Code,
			"rename": mia.post("/user/1/rename", "address", "me@other.example", "version", version).Code,
			"domain": mia.post("/domain/new", "name", "new.example").Code,
		} {
			assert.Contains(t, []int{http.StatusUnprocessableEntity, http.StatusNotFound}, w, name)
		}
		assert.Equal(t, before, s.rows())
		// There is such an address, and there is none: the answer is the same.
		there := mia.get("/recipients?address=veiled@other.example")
		nobody := mia.get("/recipients?address=nobody@other.example")
		nowhere := mia.get("/recipients?address=nobody@nowhere.example")
		strip := func(text string) string {
			for _, a := range []string{"veiled@other.example", "nobody@other.example", "nobody@nowhere.example"} {
				text = strings.ReplaceAll(text, a, "")
			}
			return text
		}
		assert.Equal(t, strip(there.Body.String()), strip(nobody.Body.String()))
		assert.Equal(t, strip(there.Body.String()), strip(nowhere.Body.String()))
	})
}

// TestScopeRename: aliases of her domain follow, and those of others stay and are counted.
func TestScopeRename(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		scoped(t, s)
		mia := s.as("mia")
		text := mia.done("/user/1/rename", "address", "ich@mine.example", "version", mia.version("/user/1"))
		assert.Contains(t, text, "The user me@mine.example is ich@mine.example now.")
		assert.Contains(t, text, "One row of a domain that is not yours is concerned too.")
		for _, mark := range marks {
			assert.NotContains(t, text, mark)
		}
		rows := s.rows()
		assert.Contains(t, rows, "info@mine.example > ich@mine.example")
		assert.Contains(t, rows, "b-veiled@other.example > me@mine.example")
		assert.NotContains(t, mia.get("/changes").Body.String(), "veiled")
		text = mia.post("/user/1/deletion").Body.String()
		assert.Contains(t, text, "info@mine.example")
		assert.NotContains(t, text, "veiled")
	})
}

// TestScopeRenameOfFaulty: aliases of others stay as they are, whatever is wrong with them and however they lead to her address.
func TestScopeRenameOfFaulty(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		ids := scoped(t, s)
		other := ids["/domain/"][0]
		foreign := []ispmail.Alias{
			{Source: "a blank@other.example", Destination: "me@mine.example"},
			{Source: "list@other.example", Destination: "me@mine.example, veiled@other.example"},
			{Source: "extension@other.example", Destination: "me+x@mine.example"},
			{Source: "capitals@other.example", Destination: "ME@Mine.Example"},
			{Source: "two@other.example", Destination: "me@mine.example"},
			{Source: "two@other.example", Destination: "ich@mine.example"}, // to which the other one would become equal
			{Source: "x@mine.example", Destination: "me@mine.example"},     // in her domain by its name only
		}
		var want []string
		for _, a := range foreign {
			a.DomainID = other
			_, err := s.store.DB().NewInsert().Model(&a).Exec(t.Context())
			require.NoError(t, err)
			want = append(want, a.Source+" > "+a.Destination)
		}
		s.alias("me@mine.example", "me@mine.example")
		mia := s.as("mia")
		text := mia.done("/user/1/rename", "address", "ich@mine.example", "version", mia.version("/user/1"))
		assert.Contains(t, text, "7 rows of domains that are not yours are concerned too.") // "ich" was not yet hers
		assert.Subset(t, s.rows(), append(want, "ich@mine.example > ich@mine.example", "b-veiled@other.example > me@mine.example"))
	})
}

// TestScopeRoute: mail that goes through another domain is followed no further, also where it comes back.
func TestScopeRoute(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		scoped(t, s)
		s.alias("out@mine.example", "b-veiled@other.example")
		mia := s.as("mia")
		text := mia.get("/recipients?address=out@mine.example").Body.String()
		assert.Contains(t, text, "is in a domain that is not yours")
		assert.NotContains(t, text, "me@mine.example")
		assert.Contains(t, s.as("alice").get("/recipients?address=out@mine.example").Body.String(), "me@mine.example")
	})
}

// TestScopeFollowsFile: who loses a domain loses it at the next request, and who is removed is out.
func TestScopeFollowsFile(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		scoped(t, s)
		mia := s.as("mia")
		require.Equal(t, http.StatusOK, mia.get("/user/1").Code)
		s.administrator("mia", []string{"other.example"})
		assert.Equal(t, http.StatusNotFound, mia.get("/user/1").Code)
		assert.Equal(t, http.StatusOK, mia.get("/user/2").Code)
		require.NoError(t, admin.RemoveAdministrator(s.file, "mia"))
		assert.Equal(t, http.StatusSeeOther, mia.get("/user/2").Code)
		assert.Equal(t, http.StatusForbidden, mia.post("/user/2/lock", "version", "x").Code)
	})
}
