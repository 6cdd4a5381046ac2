package route

import (
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// A Row is an alias without its source.
type Row struct {
	ID          int64
	Destination string
}

// Tables hold the rows that mail meets on its way. They are a [Directory] of those keys that were asked for, see
// [Tables.Wanted]. The zero value is empty and ready to use.
type Tables struct {
	aliases   map[string][]Row // by source
	mailboxes map[string]int64 // ids, by address
	domains   map[string]bool
	asked     map[string]bool
}

// Wanted returns the keys of addresses that were not asked for before. Whoever asks looks up all of them.
func (t *Tables) Wanted(addresses []string) (keys []string) {
	if t.asked == nil {
		t.asked = map[string]bool{}
	}
	for _, addr := range addresses {
		for _, key := range Keys(addr) {
			if !t.asked[key] {
				t.asked[key] = true
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// AddAlias adds an alias. An empty destination is no answer to Postfix, and is left out.
func (t *Tables) AddAlias(source string, row Row) {
	if row.Destination == "" {
		return
	}
	if t.aliases == nil {
		t.aliases = map[string][]Row{}
	}
	t.aliases[source] = append(t.aliases[source], row)
}

// AddMailbox adds a user. Of several with one address, the first counts.
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

// RemoveAliases takes away the aliases of a source.
func (t *Tables) RemoveAliases(source string) { delete(t.aliases, source) }

// RemoveMailbox takes away a user.
func (t *Tables) RemoveMailbox(email string) { delete(t.mailboxes, email) }

// HasAlias is that of [Directory].
func (t *Tables) HasAlias(source string) bool { return t.aliases[source] != nil }

// HasMailbox is that of [Directory].
func (t *Tables) HasMailbox(email string) bool {
	_, ok := t.mailboxes[email]
	return ok
}

// HasDomain is that of [Directory].
func (t *Tables) HasDomain(domain string) bool { return t.domains[domain] }

// DomainAlias is that of [Directory].
func (t *Tables) DomainAlias(domain string) string {
	rows := t.aliases["@"+domain]
	if len(rows) != 1 {
		return "" // to Postfix, two rows "@domain" are one text that is nobody's domain
	}
	to, whole := strings.CutPrefix(rows[0].Destination, "@")
	name, err := address.Domain(to)
	if err != nil || !whole {
		return ""
	}
	return name
}

// texts returns the destinations of a source.
func (t *Tables) texts(source string) (texts []string, ids []int64) {
	for _, row := range t.aliases[source] {
		texts, ids = append(texts, row.Destination), append(ids, row.ID)
	}
	return texts, ids
}
