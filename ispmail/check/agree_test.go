package check_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/route/routetest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

var constellations = flag.Int("constellations", few, "how many random tables TestAgree makes")

// TestAgree compares three answers to the question where mail goes, in random tables: those of [ispmail.Store.Recipients], of
// [check.Run], and of the methods that delete. TestPostfix compares the first 500 constellations with a real Postfix.
func TestAgree(t *testing.T) {
	t.Parallel()
	const shard = 100 // small, as the tables have no index for aliases
	all := routetest.Random(*constellations, routetest.Seed)
	for i, some := range slices.Collect(slices.Chunk(all, shard)) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.SQLite(t)
			routetest.Arrange(t, db, some)
			a := &agreement{T: t, store: db.Store(t, ispmail.Config{}), random: rand.New(rand.NewPCG(uint64(i), 1))} //nolint:gosec // the same each time
			a.run()
		})
	}
}

// An agreement is the test of one database.
type agreement struct {
	*testing.T
	store   *ispmail.Store
	random  *rand.Rand
	aliases map[int64]ispmail.Alias
	codes   map[int64][]check.Code // of the findings, by alias
	routes  map[string]way         // cached, by address
	deleted map[int64]string       // by constellation
}

// A way is what [ispmail.Store.Trace] returns for an address.
type way struct {
	steps []ispmail.Step
	err   error
}

// trace traces each address once. It compares a tenth of the errors with those of [ispmail.Store.Recipients].
func (a *agreement) trace(address string) way {
	if known, ok := a.routes[address]; ok {
		return known
	}
	steps, err := a.store.Trace(a.Context(), address)
	a.routes[address] = way{steps, err}
	if a.random.IntN(10) == 0 {
		_, other := a.store.Recipients(a.Context(), address)
		require.Equal(a, other, err)
	}
	return way{steps, err}
}

func (a *agreement) run() {
	a.look()
	for _, id := range slices.Sorted(maps.Keys(a.aliases)) {
		a.recipientsAgree(a.aliases[id])
		a.findingsAgree(a.aliases[id])
	}
	before, beforeCodes := a.aliases, a.codes
	reported := a.deleteSome()
	a.look()
	for id, codes := range a.codes {
		isNew := slices.Contains(codes, check.CodeDanglingAlias) && !slices.ContainsFunc(beforeCodes[id], func(code check.Code) bool {
			return code == check.CodeDanglingAlias || code == check.CodeShadowedAlias // which was no way at all
		})
		if isNew && a.leadsToNobody(a.aliases[id]) {
			assert.True(a, reported[id], "found after the deletion of %s, but not reported by it: %s", a.deleted[(before[id].DomainID-1)/3], a.rows(before[id].DomainID))
		}
	}
	for id := range reported {
		alias, ok := a.aliases[id]
		if assert.True(a, ok, "reported, but gone: %+v", before[id]) {
			assert.True(a, slices.ContainsFunc(alias.Destinations(), func(d string) bool { return a.fails(alias.Source, d) }),
				"reported, but its mail arrives: %+v", alias)
		}
	}
	assert.Greater(a, len(reported), len(before)/100)
}

// look reads the aliases and the findings about them.
func (a *agreement) look() {
	a.routes = map[string]way{}
	a.aliases, a.codes = map[int64]ispmail.Alias{}, map[int64][]check.Code{}
	for _, alias := range dbtest.Collect(a.T, a.store.Aliases(a.Context(), ispmail.Query{})) {
		a.aliases[alias.ID] = alias
	}
	for _, f := range dbtest.Collect(a.T, check.Run(a.Context(), a.store, check.Config{})) {
		if f.Table == "virtual_aliases" {
			a.codes[f.ID] = append(a.codes[f.ID], f.Code)
		}
	}
}

// recipientsAgree requires a finding on the way of mail that does not arrive.
func (a *agreement) recipientsAgree(alias ispmail.Alias) {
	if alias.Source[0] == '@' {
		return
	}
	way := a.trace(alias.Source)
	switch {
	case way.err == nil:
	case errors.Is(way.err, ispmail.ErrNotFound):
		assert.True(a, a.isOn(way, check.CodeDanglingAlias, check.CodeAliasLoop, check.CodeInvalidAddress) || a.isMuddled(way),
			"%v, but nothing is found on the way: %v", way.err, way.steps[:min(len(way.steps), 5)])
	default:
		assert.True(a, a.isOn(way, check.CodeAliasLoop) || a.isMuddled(way), "%v, but nothing is found on the way: %v", way.err, way.steps[:min(len(way.steps), 5)])
	}
}

// isOn reports whether one of the codes was found at an alias on a way.
func (a *agreement) isOn(w way, codes ...check.Code) bool {
	return slices.ContainsFunc(w.steps, func(step ispmail.Step) bool {
		return step.Found != ispmail.FoundMailbox && step.Found != ispmail.FoundBounce && slices.ContainsFunc(step.IDs, func(id int64) bool {
			return slices.ContainsFunc(a.codes[id], func(code check.Code) bool { return slices.Contains(codes, code) })
		})
	})
}

// isMuddled reports whether an alias on a way has "@domain" beside other destinations. Package check reports nothing else
// about such a row.
func (a *agreement) isMuddled(w way) bool {
	return a.isOn(w, check.CodeShadowedAlias, check.CodeDuplicateAlias)
}

// findingsAgree requires that mail does not arrive where a finding says so.
func (a *agreement) findingsAgree(alias ispmail.Alias) {
	if alias.Source[0] == '@' || a.isMuddled(a.trace(alias.Source)) {
		return
	}
	for _, code := range a.codes[alias.ID] {
		if code == check.CodeDanglingAlias || code == check.CodeAliasLoop {
			assert.True(a, slices.ContainsFunc(alias.Destinations(), func(d string) bool { return a.fails(alias.Source, d) }),
				"%s, but all mail of %s > %s arrives: %s", code, alias.Source, alias.Destination, a.rows(alias.DomainID))
		}
	}
}

// fails reports whether the mail that an alias sends to a destination does not arrive.
func (a *agreement) fails(source, destination string) bool {
	to := route.Target(source, destination)
	if to == "" {
		return true // a whole domain
	}
	way := a.trace(to)
	if len(way.steps) > 0 && way.steps[0].Key == source { // whoever else gets a copy
		recipients, _ := a.store.Recipients(a.Context(), to)
		return !slices.ContainsFunc(recipients, func(r ispmail.Recipient) bool { return r.Address == to })
	}
	return way.err != nil
}

// leadsToNobody reports whether nothing takes the mail at a destination itself. What is behind it does not count.
func (a *agreement) leadsToNobody(alias ispmail.Alias) bool {
	return slices.ContainsFunc(alias.Destinations(), func(d string) bool {
		steps := a.trace(route.Target(alias.Source, d)).steps
		return len(steps) == 0 || steps[0].Found == ispmail.FoundNobody || steps[0].Found == ispmail.FoundBounce
	})
}

// deleteSome deletes at most one user or alias of each constellation, and returns the aliases that were reported.
func (a *agreement) deleteSome() map[int64]bool {
	reported, done := map[int64]bool{}, map[int64]bool{}
	a.deleted = map[int64]string{}
	take := func(domainID int64, what string, do func(context.Context) ([]ispmail.Warning, error)) {
		constellation := (domainID - 1) / 3
		if done[constellation] || a.random.IntN(2) == 0 {
			return
		}
		done[constellation] = true
		a.deleted[constellation] = what
		warnings, err := do(a.Context())
		if errors.Is(err, ispmail.ErrInvalidAddress) {
			return
		}
		require.NoError(a, err)
		for _, w := range warnings {
			if w.Code == ispmail.WarningDangling || w.Code == ispmail.WarningLoop {
				reported[w.Alias.ID] = true
			}
		}
	}
	for _, user := range dbtest.Collect(a.T, a.store.Users(a.Context(), ispmail.Query{})) {
		take(user.DomainID, user.Email, func(ctx context.Context) ([]ispmail.Warning, error) { return a.store.DeleteUser(ctx, user.Email) })
	}
	for _, id := range slices.Sorted(maps.Keys(a.aliases)) {
		alias := a.aliases[id]
		take(alias.DomainID, alias.Source+" > "+alias.Destination, func(ctx context.Context) ([]ispmail.Warning, error) {
			return a.store.DeleteAlias(ctx, alias.Source, alias.Destinations()[0])
		})
	}
	return reported
}

// rows lists the rows of a constellation for a message.
func (a *agreement) rows(domainID int64) string {
	text := ""
	for _, alias := range a.aliases {
		if alias.DomainID == domainID {
			text += fmt.Sprintf("%d %s > %s, ", alias.ID, alias.Source, alias.Destination)
		}
	}
	for user, err := range a.store.Users(a.Context(), ispmail.Query{}) {
		if err == nil && user.DomainID == domainID {
			text += user.Email + " "
		}
	}
	return text
}
