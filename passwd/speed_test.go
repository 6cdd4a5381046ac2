package passwd_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/timing"
)

// TestSpeedHandler measures requests without hash and database, with what the test itself takes.
func TestSpeedHandler(t *testing.T) {
	timing.Need(t)
	service := newService(t, passwd.Config{
		Changer: changerFunc(func(context.Context, string, string, string) error { return nil }),
		OnEvent: func(context.Context, passwd.Event) {},
		Secrets: []string{"the secret of roundcube"},
	})
	api, page := service.API(), service.Page()
	for name, c := range map[string]struct {
		handler              http.Handler
		method, target, body string
	}{
		"API, change":  {api, http.MethodPost, "/api/password", good},
		"page, form":   {page, http.MethodGet, "/", ""},
		"page, change": {page, http.MethodPost, "/", good + "&repeat=" + url.QueryEscape(replacement)},
	} {
		request := func() {
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			r.Header.Set("Content-Type", formType)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.SetBasicAuth("roundcube", "the secret of roundcube")
			w := httptest.NewRecorder()
			c.handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				t.Fatal(w.Code, w.Body)
			}
		}
		var times []time.Duration
		for range 3000 {
			start := time.Now()
			request()
			times = append(times, time.Since(start))
		}
		slices.Sort(times)
		allocations := testing.AllocsPerRun(200, request)
		t.Logf("%-12s %v (at most 60us), %.0f allocations (at most 150)", name, times[len(times)/2], allocations)
		assert.LessOrEqual(t, times[len(times)/2], 60*time.Microsecond)
		assert.LessOrEqual(t, allocations, 150.0)
	}
}

// TestSpeedTellsNothing measures what an outsider can: whether the time of a refusal tells a user who exists from one
// who does not, or from one whose row is out of order.
func TestSpeedTellsNothing(t *testing.T) {
	timing.Need(t)
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	const (
		samples = 500
		floor   = 100 * time.Millisecond // shorter than the default, to be done in minutes
	)
	rows := map[string]string{
		"sha256-crypt": "{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7",
		"plain-md5":    "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd",
		"disabled":     "!",
		"too-costly":   "{SHA512-CRYPT}$6$rounds=999999999$salt$" + strings.Repeat("a", 86),
	}
	for kind, stored := range rows {
		for i := range samples {
			db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, ?, ?)", fmt.Sprintf("%s-%d@example.org", kind, i), stored)
		}
	}
	service := newService(t, passwd.Config{Changer: db.Store(t, ispmail.Config{}), Floor: floor})
	// differing measures and returns the kinds that the time tells from an unknown user.
	differing := func(kinds ...string) (found []string) {
		times := map[string][]float64{}
		kinds = append(kinds, "unknown")
		for i := range samples {
			// Each kind comes first as often as any other.
			for j := range kinds {
				kind := kinds[(i+j)%len(kinds)]
				start := time.Now()
				w := post(service, formType, form("user", fmt.Sprintf("%s-%d@example.org", kind, i), "curpass", "wintermoon", "newpass", replacement))
				times[kind] = append(times[kind], float64(time.Since(start).Microseconds()))
				require.Equal(t, http.StatusForbidden, w.Code)
			}
		}
		unknown := times["unknown"]
		delete(times, "unknown")
		for kind, measured := range times {
			difference := timing.Median(measured) - timing.Median(unknown)
			auc := timing.AreaUnderCurve(measured, unknown)
			distance, most := timing.KolmogorovSmirnov(measured, unknown), 1.63*math.Sqrt(2.0/samples) // p = 0.01
			t.Logf("%-12s against unknown: median %+.0f us (at most 1000), AUC %.3f (0.45 to 0.55), KS distance %.3f (at most %.3f)",
				kind, difference, auc, distance, most)
			if distance > most || math.Abs(difference) > 1000 || math.Abs(auc-0.5) > 0.05 {
				found = append(found, kind)
			}
		}
		return found
	}
	// Of a hundred measurements of nothing, one is expected over its bound: what counts is found a second time.
	if found := differing(slices.Collect(maps.Keys(rows))...); found != nil {
		t.Logf("measured again: %s", found)
		assert.Empty(t, differing(found...))
	}
}
