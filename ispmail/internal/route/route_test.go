package route_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/route/routetest"
)

// TestConstellations walks through every constellation. TestPostfix does the same with a real Postfix.
func TestConstellations(t *testing.T) {
	t.Parallel()
	for i, c := range routetest.Constellations {
		assert.ElementsMatch(t, routetest.Wanted(i, c.Want), routetest.Walk(c.Tables(i), routetest.In(i, c.To)), c.Name)
	}
}

// TestAccepted checks that package address accepts the destinations that TestPostfix delivers, and that the form which is stored goes
// the same way.
func TestAccepted(t *testing.T) {
	t.Parallel()
	for i, c := range routetest.Accepted {
		source, destination, _ := strings.Cut(routetest.In(i, c.Aliases[0]), " > ")
		stored, key, err := address.Destination(destination)
		assert.NoError(t, err, destination)
		for _, text := range []string{stored, key} {
			tables := c.Tables(i)
			tables.RemoveAliases(source)
			tables.AddAlias(source, route.Row{ID: 1, Destination: text})
			got := routetest.Walk(tables, routetest.In(i, c.To))
			if text == key {
				got[0] = strings.ToLower(got[0])
				assert.Equal(t, strings.ToLower(routetest.Wanted(i, c.Want)[0]), got[0], text)
				continue
			}
			assert.Equal(t, routetest.Wanted(i, c.Want), got, text)
		}
	}
	assert.Greater(t, len(routetest.Accepted), 30)
}

// TestFollow checks what is found one step behind an alias.
func TestFollow(t *testing.T) {
	t.Parallel()
	var d route.Tables
	d.AddDomain("a.example")
	d.AddDomain("b.example")
	d.AddMailbox("john@a.example", 1)
	d.AddAlias("jack@a.example", route.Row{ID: 1, Destination: "john@a.example"})
	d.AddAlias("@b.example", route.Row{ID: 2, Destination: "@a.example"})
	for alias, want := range map[[2]string]route.Match{
		{"x@a.example", "john@a.example"}:        {Kind: route.Mailbox, Key: "john@a.example"},
		{"x@a.example", "john+y@a.example"}:      {Kind: route.Mailbox, Key: "john@a.example"},
		{"x@a.example", "jack@a.example"}:        {Kind: route.Alias, Key: "jack@a.example"},
		{"x@a.example", "jane@a.example"}:        {Kind: route.Nobody},
		{"x@a.example", "jane@away.example"}:     {Kind: route.Elsewhere},
		{"x@a.example", "jack@b.example"}:        {Kind: route.Alias, Key: "jack@a.example", Through: []string{"@b.example"}},
		{"x@a.example", "jane@b.example"}:        {Kind: route.Nobody, Through: []string{"@b.example"}},
		{"john@a.example", "@b.example"}:         {Kind: route.Mailbox, Key: "john@a.example", Through: []string{"@b.example"}},
		{"@away.example", "@b.example"}:          {Kind: route.CatchAll, Key: "@b.example"},
		{"@b.example", "@a.example"}:             {Kind: route.Unknown},
		{"@a.example", "@a.example"}:             {Kind: route.Loop, Key: "@a.example"},
		{"john@a.example", "john@a.example"}:     {Kind: route.Mailbox, Key: "john@a.example"},
		{"john+y@a.example", "john+y@a.example"}: {Kind: route.Mailbox, Key: "john@a.example"},
		{"jane@a.example", "jane@a.example"}:     {Kind: route.Loop, Key: "jane@a.example"},
		{"j@away.example", "j@away.example"}:     {Kind: route.Elsewhere},
	} {
		got := route.Follow(&d, alias[0], alias[1])
		assert.Equal(t, want.Kind, got.Kind, alias)
		assert.Equal(t, want.Key, got.Key, alias)
		assert.Equal(t, want.Through, got.Through, alias)
	}
}
