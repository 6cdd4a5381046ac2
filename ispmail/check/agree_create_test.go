package check_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/internal/route/routetest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestWarningsAgree adds an alias or a user to random tables, and compares the warnings with where mail goes then, and with what
// [check.Run] finds.
func TestWarningsAgree(t *testing.T) {
	t.Parallel()
	const shard = 25 // small, as each addition looks through tables that have no index for aliases
	n := max(*constellations/3, 25)
	var warned, all atomic.Int64
	t.Cleanup(func() {
		assert.Greater(t, warned.Load(), all.Load()/10)
		assert.Greater(t, all.Load()-warned.Load(), all.Load()/10)
	})
	for i, some := range slices.Collect(slices.Chunk(routetest.Random(n, routetest.Seed+1), shard)) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.SQLite(t)
			routetest.Arrange(t, db, some)
			db.Exec(t, `UPDATE virtual_aliases SET domain_id = COALESCE(
				(SELECT id FROM virtual_domains WHERE name = SUBSTR(source, INSTR(source, '@') + 1)), domain_id)`)
			a := &agreement{T: t, store: db.Store(t, ispmail.Config{}), random: rand.New(rand.NewPCG(uint64(i), 2))} //nolint:gosec // the same each time
			told, of := a.create(len(some))
			warned.Add(told)
			all.Add(of)
		})
	}
}

// An addition is what was added to one constellation, with the warnings.
type addition struct {
	alias    ispmail.Alias
	user     string
	warnings []ispmail.Warning
}

// create adds an alias or a user to each constellation, if that is allowed. It returns to how many aliases there was a warning.
func (a *agreement) create(constellations int) (warned, all int64) {
	var added []addition
	pick := func(texts ...string) string { return texts[a.random.IntN(len(texts))] }
	for i := range constellations {
		address := func(domains ...string) string { return routetest.In(i, pick("x", "y", "z", "x+e")+pick(domains...)) }
		add := addition{user: address("@a.example", "@b.example")}
		var err error
		if a.random.IntN(3) == 0 {
			_, add.warnings, err = a.store.CreateUser(a.Context(), add.user, ispmailtest.Password)
		} else {
			source, destination := add.user, address("@a.example", "@a.example", "@b.example", "@away.example")
			add.user = ""
			if a.random.IntN(6) == 0 {
				source = routetest.In(i, pick("@a.example", "@b.example"))
			}
			add.alias, add.warnings, err = a.store.CreateAlias(a.Context(), source, destination)
		}
		if !errors.Is(err, ispmail.ErrExists) && !errors.Is(err, ispmail.ErrAliasLoop) {
			require.NoError(a, err)
			added = append(added, add)
		}
	}
	a.look()
	shadowed := a.shadowed()
	for _, add := range added {
		email := add.user
		if email == "" {
			email = add.alias.Source
		}
		assert.Equal(a, shadowed[email], has(add.warnings, ispmail.WarningShadowed), "%+v: %s", add, a.rows(add.alias.DomainID))
		if add.user != "" {
			continue
		}
		all++
		told := has(add.warnings, ispmail.WarningDangling) || has(add.warnings, ispmail.WarningLoop)
		if told {
			warned++
		}
		found := slices.Contains(a.codes[add.alias.ID], check.CodeDanglingAlias) || slices.Contains(a.codes[add.alias.ID], check.CodeAliasLoop)
		if found {
			assert.True(a, told, "found, but no warning: %+v %v: %s", add, a.codes[add.alias.ID], a.rows(add.alias.DomainID))
		}
		if add.alias.Source[0] != '@' && !a.isMuddled(a.trace(add.alias.Source)) {
			assert.Equal(a, a.fails(add.alias.Source, add.alias.Destination), told, "%+v: %s", add, a.rows(add.alias.DomainID))
		}
	}
	return warned, all
}

func has(warnings []ispmail.Warning, code ispmail.WarningCode) bool {
	return slices.ContainsFunc(warnings, func(w ispmail.Warning) bool { return w.Code == code })
}

// shadowed returns the mailboxes that check finds to get no mail.
func (a *agreement) shadowed() map[string]bool {
	emails, found := map[int64]string{}, map[string]bool{}
	for _, user := range dbtest.Collect(a.T, a.store.Users(a.Context(), ispmail.Query{})) {
		emails[user.ID] = user.Email
	}
	for _, f := range dbtest.Collect(a.T, check.Run(a.Context(), a.store, check.Config{})) {
		if f.Table == "virtual_users" && f.Code == check.CodeShadowedAlias {
			found[emails[f.ID]] = true
		}
	}
	return found
}

// TestWarningCodes checks that a warning and a finding of the same thing have the same code.
func TestWarningCodes(t *testing.T) {
	t.Parallel()
	for warning, finding := range map[ispmail.WarningCode]check.Code{
		ispmail.WarningDangling: check.CodeDanglingAlias,
		ispmail.WarningLoop:     check.CodeAliasLoop,
		ispmail.WarningShadowed: check.CodeShadowedAlias,
		ispmail.WarningExternal: check.CodeExternalDestination,
	} {
		assert.Equal(t, string(finding), string(warning))
	}
}
