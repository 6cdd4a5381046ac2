package movein

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail"
)

// domain reads a row of the table domain.
func (r *reader) domain(w row) error {
	if r.pseudoDomain != "" && w.key == r.pseudoDomain {
		return r.leave(w, CodePseudoDomain, "it stands for all domains, in the rights of administrators")
	}
	left, notes, err := r.inspect(w)
	if left || err != nil {
		return err
	}
	if w.isTrue("backupmx") {
		return r.leave(w, CodeBackupMX, "another server has the mailboxes; add it to relay_domains of Postfix if this one is to stand in again")
	}
	r.domains[canonicalDomain(w.key)] = true
	return r.notesAfter(notes, r.record(w, ispmail.Record{Domain: &ispmail.Domain{Name: w.key}}))
}

// mailbox reads a row of the table mailbox.
func (r *reader) mailbox(w row) error {
	left, notes, err := r.inspect(w)
	if left || err != nil {
		return err
	}
	if !r.domains[domainOf(w.key)] {
		return r.noDomain(w, w.key)
	}
	stored, code, message := r.passwords.stored(w.values["password"])
	if code != "" {
		return r.leave(w, code, message)
	}
	quota, err := strconv.ParseInt(w.values["quota"], 10, 64)
	if err != nil || quota < 0 {
		quota = 0
		notes = append(notes, func() error {
			return r.change(w, CodeQuota, fmt.Sprintf("its quota was %q; here it has no limit", w.values["quota"]))
		})
	}
	r.mailboxes[canonical(w.key)] = true
	return r.notesAfter(notes, r.record(w, ispmail.Record{User: &ispmail.User{Email: w.key, Password: ispmail.NewSecret(stored), Quota: &quota}}))
}

// aliasDomain reads a row of the table alias_domain.
func (r *reader) aliasDomain(w row) error {
	left, notes, err := r.inspect(w)
	if left || err != nil {
		return err
	}
	from, target := canonicalDomain(w.key), w.values["target_domain"]
	switch {
	case !r.domains[from]:
		return r.noDomain(w, w.key)
	case !r.domains[canonicalDomain(target)]:
		return r.noDomain(w, target)
	case from == canonicalDomain(target):
		return r.leave(w, CodeNoDestination, "the alias domain leads to itself")
	}
	r.targets[from] = canonicalDomain(target)
	return r.notesAfter(notes, r.record(w, alias("@"+w.key, "@"+target)))
}

// alias reads a row of the table alias.
func (r *reader) alias(w row) error {
	left, notes, err := r.inspect(w)
	if left || err != nil {
		return err
	}
	self, domain := canonical(w.key), domainOf(w.key)
	target, isAliasDomain := r.targets[domain]
	var others []string
	itself, vacation := false, false
	for _, to := range (ispmail.Alias{Destination: w.values["goto"]}).Destinations() {
		switch {
		case isVacation(w.key, to):
			vacation = true
		case canonical(to) == self:
			itself = true
		default:
			others = append(others, to)
		}
	}
	switch {
	case !r.domains[domain]:
		return r.noDomain(w, w.key)
	case isAliasDomain && self[0] == '@' && len(others) == 1 && canonical(others[0]) == "@"+target:
		r.implied++ // the alias domain says so already
		return nil
	case isAliasDomain && self[0] == '@':
		return r.leave(w, CodeAliasDomain, "all mail of the alias domain goes to "+target+" here, so it has no catch-all of its own")
	}
	if vacation {
		r.vacations++
	}
	mailbox := r.mailboxes[self]
	switch {
	case len(others) == 0 && !itself:
		return r.leave(w, CodeNoDestination, "it leads nowhere")
	case len(others) == 0 && mailbox:
		r.implied++
		return nil
	case len(others) == 0:
		return r.leave(w, CodeNoMailbox, "it leads to itself, and no such mailbox comes over")
	case itself && mailbox: // the mailbox keeps a copy
		others = append([]string{w.key}, others...)
	case itself:
		notes = append(notes, func() error {
			return r.change(w, CodeOwnCopy, "it led to itself too, and no such mailbox comes over")
		})
	}
	for _, to := range others {
		if err := r.record(w, alias(w.key, to)); err != nil {
			return err
		}
	}
	return r.notesAfter(notes, nil)
}

// alias returns the record of an alias.
func alias(source, destination string) ispmail.Record {
	return ispmail.Record{Alias: &ispmail.Alias{Source: source, Destination: destination}}
}

// isVacation reports whether a destination is the autoresponder of PostfixAdmin for an address. That of john@example.org is
// john#example.org@autoreply.example.org, see https://github.com/postfixadmin/postfixadmin/blob/v4.0.5/VIRTUAL_VACATION/INSTALL.TXT.
func isVacation(address, destination string) bool {
	at := strings.LastIndexByte(destination, '@')
	return at > 0 && strings.Contains(address, "@") && strings.EqualFold(destination[:at], strings.ReplaceAll(address, "@", "#"))
}

// noDomain yields a note that a row is left behind because its domain is.
func (r *reader) noDomain(w row, address string) error {
	return r.leave(w, CodeNoDomain, fmt.Sprintf("the domain %q is not among those that come over", domainOf(address)))
}

// notesAfter yields the notes about a row. The caller has yielded its record, with the error err.
func (r *reader) notesAfter(notes []func() error, err error) error {
	for _, note := range notes {
		if err == nil {
			err = note()
		}
	}
	return err
}
