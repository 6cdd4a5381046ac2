package movein

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/ispmail/go-ispmail/ispmail"
)

func (r *reader) domain(w row) error {
	if r.pseudo != "" && w.key == r.pseudo {
		return r.stays(w, CodePseudoDomain, "it stands for all domains, in the rights of administrators")
	}
	stays, notes, err := r.look(w)
	if stays || err != nil {
		return err
	}
	if w.isOn("backupmx") {
		return r.stays(w, CodeBackupMX, "another server has the mailboxes; add it to relay_domains of Postfix if this one is to stand in again")
	}
	r.domains[canonicalDomain(w.key)] = true
	return r.with(notes, r.record(w, ispmail.Record{Domain: &ispmail.Domain{Name: w.key}}))
}

func (r *reader) mailbox(w row) error {
	stays, notes, err := r.look(w)
	if stays || err != nil {
		return err
	}
	if !r.domains[domainOf(w.key)] {
		return r.strange(w, w.key)
	}
	stored, code, message := r.passwords.stored(w.values["password"])
	if code != "" {
		return r.stays(w, code, message)
	}
	quota, err := strconv.ParseInt(w.values["quota"], 10, 64)
	if err != nil || quota < 0 {
		quota = 0
		notes = append(notes, func() error {
			return r.changes(w, CodeQuota, fmt.Sprintf("its quota was %q; here it has no limit", w.values["quota"]))
		})
	}
	r.mailboxes[canonical(w.key)] = true
	return r.with(notes, r.record(w, ispmail.Record{User: &ispmail.User{Email: w.key, Password: ispmail.NewSecret(stored), Quota: &quota}}))
}

// pair reads an alias domain.
func (r *reader) pair(w row) error {
	stays, notes, err := r.look(w)
	if stays || err != nil {
		return err
	}
	from, target := canonicalDomain(w.key), w.values["target_domain"]
	switch {
	case !r.domains[from]:
		return r.strange(w, w.key)
	case !r.domains[canonicalDomain(target)]:
		return r.strange(w, target)
	case from == canonicalDomain(target):
		return r.stays(w, CodeNoDestination, "the alias domain leads to itself")
	}
	r.pairs[from] = canonicalDomain(target)
	return r.with(notes, r.record(w, alias("@"+w.key, "@"+target)))
}

func (r *reader) alias(w row) error {
	stays, notes, err := r.look(w)
	if stays || err != nil {
		return err
	}
	self, domain := canonical(w.key), domainOf(w.key)
	target, isPair := r.pairs[domain]
	var others []string
	itself, vacation := false, false
	for _, to := range destinations(w.values["goto"]) {
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
		return r.strange(w, w.key)
	case isPair && self[0] == '@' && len(others) == 1 && canonical(others[0]) == "@"+target:
		r.implied++ // the alias domain says so already
		return nil
	case isPair && self[0] == '@':
		return r.stays(w, CodeAliasDomain, "all mail of the alias domain goes to "+target+" here, so it has no catch-all of its own")
	}
	if vacation {
		r.vacations++
	}
	mailbox := r.mailboxes[self]
	switch {
	case len(others) == 0 && !itself:
		return r.stays(w, CodeNoDestination, "it leads nowhere")
	case len(others) == 0 && mailbox:
		r.implied++
		return nil
	case len(others) == 0:
		return r.stays(w, CodeNoMailbox, "it leads to itself, and no such mailbox comes over")
	case itself && mailbox: // as it forwards with a copy
		others = append([]string{w.key}, others...)
	case itself:
		notes = append(notes, func() error {
			return r.changes(w, CodeOwnCopy, "it led to itself too, and no such mailbox comes over")
		})
	}
	for _, to := range others {
		if err := r.record(w, alias(w.key, to)); err != nil {
			return err
		}
	}
	return r.with(notes, nil)
}

func alias(source, destination string) ispmail.Record {
	return ispmail.Record{Alias: &ispmail.Alias{Source: source, Destination: destination}}
}

// destinations takes the column goto apart, which is for Postfix: by commas and blanks.
func destinations(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c == ',' || unicode.IsSpace(c) })
}

// isVacation tells whether a destination is PostfixAdmin's autoresponder: john#example.org@autoreply.example.org for
// john@example.org, https://github.com/postfixadmin/postfixadmin/blob/v4.0.5/VIRTUAL_VACATION/INSTALL.TXT.
func isVacation(address, destination string) bool {
	at := strings.LastIndexByte(destination, '@')
	return at > 0 && strings.Contains(address, "@") && strings.EqualFold(destination[:at], strings.ReplaceAll(address, "@", "#"))
}

// strange notes that a row belongs to a domain that does not come over.
func (r *reader) strange(w row, address string) error {
	return r.stays(w, CodeNoDomain, fmt.Sprintf("the domain %q is not among those that come over", domainOf(address)))
}

// with yields the notes about a row once its record is out.
func (r *reader) with(notes []func() error, err error) error {
	for _, note := range notes {
		if err == nil {
			err = note()
		}
	}
	return err
}
