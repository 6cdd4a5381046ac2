package route

import (
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// A Row is a row of virtual_aliases without its source.
type Row struct {
	ID          int64
	Destination string
}

// Tables hold rows in memory, those that mail meets on its way. They are a [Directory] that knows only the keys for which rows
// were added, see [Tables.Wanted]. The zero value is empty and ready to use.
type Tables struct {
	aliases   map[string][]Row // by source
	mailboxes map[string]int64 // ids, by address
	domains   map[string]bool
	wanted    map[string]bool // keys that Wanted has returned
}

// Wanted returns the keys that Postfix looks up for addresses, without those that it has returned before. The caller then
// reads the rows of these keys from the database and adds them.
func (t *Tables) Wanted(addresses []string) (keys []string) {
	if t.wanted == nil {
		t.wanted = map[string]bool{}
	}
	for _, addr := range addresses {
		for _, key := range Keys(addr) {
			if !t.wanted[key] {
				t.wanted[key] = true
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// AddAlias adds an alias. It leaves out one with an empty destination, which Postfix ignores.
func (t *Tables) AddAlias(source string, row Row) {
	if row.Destination == "" {
		return
	}
	if t.aliases == nil {
		t.aliases = map[string][]Row{}
	}
	t.aliases[source] = append(t.aliases[source], row)
}

// AddMailbox adds a user, also one "@domain". Of several users with the same address, the first counts.
func (t *Tables) AddMailbox(email string, id int64) {
	if t.mailboxes == nil {
		t.mailboxes = map[string]int64{}
	}
	if _, twin := t.mailboxes[email]; !twin {
		t.mailboxes[email] = id
	}
}

// AddDomain adds a domain of this server.
func (t *Tables) AddDomain(name string) {
	if t.domains == nil {
		t.domains = map[string]bool{}
	}
	t.domains[name] = true
}

// RemoveAliases removes the aliases of a source.
func (t *Tables) RemoveAliases(source string) { delete(t.aliases, source) }

// RemoveMailbox removes a user.
func (t *Tables) RemoveMailbox(email string) { delete(t.mailboxes, email) }

// HasAlias implements [Directory].
func (t *Tables) HasAlias(source string) bool { return t.aliases[source] != nil }

// HasMailbox implements [Directory].
func (t *Tables) HasMailbox(email string) bool {
	_, ok := t.mailboxes[email]
	return ok
}

// HasDomain implements [Directory].
func (t *Tables) HasDomain(domain string) bool { return t.domains[domain] }

// DomainAlias implements [Directory].
func (t *Tables) DomainAlias(domain string) string {
	rows := t.aliases["@"+domain]
	if len(rows) != 1 {
		return "" // Postfix joins the texts of several rows, see Lead
	}
	to, whole := strings.CutPrefix(rows[0].Destination, "@")
	name, err := address.Domain(to)
	if err != nil || !whole {
		return ""
	}
	return name
}

// texts returns the texts of a source, and the ids of their rows.
func (t *Tables) texts(source string) (texts []string, ids []int64) {
	for _, row := range t.aliases[source] {
		texts, ids = append(texts, row.Destination), append(ids, row.ID)
	}
	return texts, ids
}
