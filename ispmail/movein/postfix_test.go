package movein_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// A postfix answers what Postfix finds in a database of PostfixAdmin or ViMbAdmin, by the queries in their documentation.
type postfix struct {
	domains   map[string]bool
	mailboxes map[string]bool
	aliases   map[string]string
	pairs     map[string]string
}

func newPostfix(t *testing.T, db *ispmailtest.Database) *postfix {
	t.Helper()
	m := &postfix{map[string]bool{}, map[string]bool{}, map[string]string{}, map[string]string{}}
	query := func(query string, do func(key, value string)) {
		rows, err := db.DB.DB.QueryContext(t.Context(), query)
		require.NoError(t, err)
		defer func() { require.NoError(t, rows.Close()) }()
		for rows.Next() {
			var key, value string
			require.NoError(t, rows.Scan(&key, &value))
			do(strings.ToLower(key), value)
		}
		require.NoError(t, rows.Err())
	}
	query("SELECT domain, '' FROM domain WHERE active = '1' AND backupmx = '0' AND domain <> 'ALL'", func(key, _ string) { m.domains[key] = true })
	query("SELECT username, '' FROM mailbox WHERE active = '1'", func(key, _ string) { m.mailboxes[key] = true })
	query("SELECT address, goto FROM alias WHERE active = '1'", func(key, value string) { m.aliases[key] = value })
	if slices.Contains(tablesOf(t, db), "alias_domain") {
		query("SELECT alias_domain, target_domain FROM alias_domain WHERE active = '1'", func(key, value string) { m.pairs[key] = value })
	} else { // this module leaves mailboxes that are about to be deleted behind
		query("SELECT username, '' FROM mailbox WHERE delete_pending = 1", func(key, _ string) { delete(m.mailboxes, key) })
	}
	return m
}

// addresses returns all addresses in the rows, and unknown, info and john in each domain.
func (m *postfix) addresses() []string {
	asked := map[string]bool{}
	for address := range m.mailboxes {
		asked[address] = true
	}
	for address := range m.aliases {
		asked[address] = true
	}
	for domain := range m.domains {
		asked["unknown@"+domain], asked["info@"+domain], asked["john@"+domain] = true, true, true
	}
	var addresses []string
	for address := range asked {
		addresses = append(addresses, address)
	}
	slices.Sort(addresses)
	return addresses
}

// expand returns the addresses at which mail for an address ends up, nil if there is none. The autoresponder does not count.
func (m *postfix) expand(email string) []string {
	if !m.domains[address.DomainOf(email)] {
		return []string{email}
	}
	found := map[string]bool{}
	m.follow(email, map[string]bool{}, found)
	var to []string
	for email := range found {
		if m.mailbox(email) || !m.domains[address.DomainOf(email)] {
			to = append(to, email)
		}
	}
	slices.Sort(to)
	return to
}

// mailbox is a lookup in virtual_mailbox_maps.
func (m *postfix) mailbox(address string) bool { return m.mailboxes[address] }

// follow looks an address up in virtual_alias_maps: the aliases, those of the target of an alias domain, and its catch-all.
func (m *postfix) follow(address string, seen, found map[string]bool) {
	if seen[address] {
		return
	}
	seen[address] = true
	local, domain, _ := strings.Cut(address, "@")
	list, ok := m.aliases[address]
	if !ok && m.pairs[domain] != "" {
		list, ok = m.aliases[local+"@"+m.pairs[domain]]
	}
	if !ok && m.pairs[domain] != "" {
		list, ok = m.aliases["@"+m.pairs[domain]]
	}
	if !ok { // the key without its local part comes last
		list = m.aliases["@"+domain]
	}
	targets := strings.FieldsFunc(strings.ToLower(list), func(c rune) bool { return strings.ContainsRune(", \n\t", c) })
	if len(targets) == 0 {
		found[address] = true
	}
	for _, to := range targets {
		switch {
		case strings.HasSuffix(to, "@autoreply.example.org"):
		case to == address:
			found[address] = true
		case to[0] == '@':
			m.follow(local+to, seen, found)
		default:
			m.follow(to, seen, found)
		}
	}
}
