package routetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// In moves addresses to the domains of constellation i. As each constellation has domains of its own, many of them fit in one
// database, and no answer in the caches of Postfix is used for another constellation. The machine itself and IP addresses stay.
func In(i int, addresses string) string {
	own := fmt.Sprintf("@c%d.", i)
	return strings.NewReplacer("@localhost", "@localhost", "@[", "@[", "@", own).Replace(addresses)
}

// Rows returns the rows of constellation i. The ids of its domains begin at 3*i + 1. Users and aliases have no ids.
func (c Constellation) Rows(i int) (domains []ispmail.Domain, users []ispmail.User, aliases []ispmail.Alias) {
	id := int64(3 * i)
	for _, name := range append([]string{"a.example", "b.example"}, strings.Fields(c.Domains)...) {
		id++
		domains = append(domains, ispmail.Domain{ID: id, Name: In(i, "@"+name)[1:]})
	}
	for _, user := range strings.Fields(c.Users) {
		users = append(users, ispmail.User{DomainID: id, Email: In(i, user)})
	}
	for _, alias := range c.Aliases {
		source, destination, _ := strings.Cut(In(i, alias), " > ")
		aliases = append(aliases, ispmail.Alias{DomainID: id, Source: source, Destination: destination})
	}
	return domains, users, aliases
}

// Arrange fills an empty database with constellations.
func Arrange(t *testing.T, db *ispmailtest.Database, constellations []Constellation) {
	t.Helper()
	const most = 500 // rows of a statement
	var allDomains []ispmail.Domain
	var allUsers []ispmail.User
	var allAliases []ispmail.Alias
	for i, c := range constellations {
		domains, users, aliases := c.Rows(i)
		allDomains, allUsers, allAliases = append(allDomains, domains...), append(allUsers, users...), append(allAliases, aliases...)
	}
	insert := func(rows any) {
		t.Helper()
		_, err := db.DB.NewInsert().Model(rows).Exec(t.Context())
		require.NoError(t, err)
	}
	for rows := range slices.Chunk(allDomains, most) {
		insert(&rows)
	}
	for rows := range slices.Chunk(allUsers, most) {
		insert(&rows)
	}
	for rows := range slices.Chunk(allAliases, most) {
		insert(&rows)
	}
}

// Wanted returns the words of Want or Postfix of constellation i as [Walk] returns them, in any order. In an address, ␣ stands for a
// blank.
func Wanted(i int, text string) []string {
	words := strings.Fields(In(i, text))
	if len(words) == 1 {
		return words
	}
	var wanted []string
	for ; len(words) > 1; words = words[2:] {
		wanted = append(wanted, words[0]+" "+strings.ReplaceAll(words[1], "␣", " "))
	}
	return wanted
}
