package check

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// checkDomains checks the rows of virtual_domains and adds them to the graph.
func (c *checker) checkDomains(ctx context.Context) error {
	t, err := c.readTable(ctx, tables.Domains)
	if err != nil {
		return err
	}
	g := &c.graph
	g.init()
	first := map[uint64]int64{}
	err = c.eachRow(ctx, tables.Domains, []string{"name"}, func(id int64, values []string) error {
		name, err := address.Domain(values[0])
		if err != nil {
			c.report(CodeInvalidAddress, tables.Domains, id, "%.100q is no name of a domain: ispmailctl domain correct --id %d NAME corrects it, ispmailctl domain delete --id %d deletes it", values[0], id, id)
			return nil
		}
		c.checkCapitals(t, "name", id, values[0], name)
		key := g.hash(name)
		g.domainByID[id] = key
		if _, ok := first[key]; ok {
			c.report(CodeDuplicateDomain, tables.Domains, id, "%s is in row %d already: ispmailctl domain delete --id %d deletes this row and moves its users and aliases there", name, first[key], id)
			return nil
		}
		first[key] = id
		g.domains[key] = false
		return nil
	})
	if err != nil || c.stopped {
		return err
	}
	return c.loadOffDomains(ctx)
}

// checkUsers checks the rows of virtual_users.
func (c *checker) checkUsers(ctx context.Context) error {
	t, err := c.readTable(ctx, tables.Users)
	if err != nil {
		return err
	}
	g := &c.graph
	first := map[uint64]int64{} // the first row of an address that stands in several rows
	var logins tally
	columns := []string{"domain_id", "email", "password"}
	if t.HasQuota() {
		columns = append(columns, "quota")
	}
	err = c.eachRow(ctx, tables.Users, columns, func(id int64, values []string) error {
		report := func(code Code, format string, args ...any) { c.report(code, tables.Users, id, format, args...) }
		user := ispmail.User{ID: id, Email: values[1], Password: ispmail.NewSecret(values[2])}
		if name, err := address.Source(user.Email); err == nil && name[0] == '@' {
			c.checkWholeDomainUser(id, name, values[0], report)
			return nil
		}
		email, _ := address.Canonical(user.Email)
		why := c.checkPassword(user, email, t.Columns["password"].Chars, report)
		if t.HasQuota() {
			checkQuota(values[3], id, email, t.Columns["quota"], report)
		}
		if address.IsWildcard(user.Email) {
			report(CodeWildcardAddress, "%.100q is one mailbox with this very name, and no catch-all: an alias whose source is @ and the domain is one, by ispmailctl alias add; ispmailctl user delete --id %d deletes this row", user.Email, id)
			if email == "" {
				logins.add(noAddress)
				return nil
			}
		}
		if email == "" {
			report(CodeInvalidAddress, "%.100q is no address, so that nobody can log in: ispmailctl user correct --id %d ADDRESS corrects it, ispmailctl user delete --id %d deletes it", user.Email, id, id)
			logins.add(noAddress)
			return nil
		}
		c.checkDomainID(CodeUserInWrongDomain, values[0], address.DomainOf(email), "user", id, report)
		c.checkCapitals(t, "email", id, user.Email, email)
		if key := g.hash(email); repeated(g.users, key) {
			why = severalRows
			if _, ok := first[key]; ok {
				report(CodeSameCanonicalAddress, "%s is the address of row %d too, so that neither can log in here: ispmailctl user delete --id %d deletes this one, ispmailctl user correct --id %d ADDRESS gives it another address", email, first[key], id, id)
			} else {
				first[key] = id
			}
		}
		logins.add(why)
		if g.HasAlias(email) && !g.keepsCopy(email) {
			report(CodeShadowedAlias, "aliases send all mail for %s elsewhere and none to the mailbox: if it should get mail too, ispmailctl alias add %s %s", email, word(email), word(email))
		}
		return nil
	})
	if err == nil {
		c.reportLogins(&logins)
	}
	return err
}

// checkWholeDomainUser reports a user "@domain". Nobody logs in as one, but Postfix goes by it.
func (c *checker) checkWholeDomainUser(id int64, name, domainID string, report func(Code, string, ...any)) {
	g := &c.graph
	domain := name[1:]
	number, err := strconv.ParseInt(domainID, 10, 64)
	if key, ok := g.domainByID[number]; err != nil || !ok || key != g.hash(domain) {
		report(CodeUserInWrongDomain, "domain_id is not that of %s: ispmailctl user delete --id %d deletes the row, which is no mailbox", domain, id)
	}
	switch {
	case !g.HasDomain(domain):
		report(CodeInvalidAddress, "%s is no address, so that nobody can log in: ispmailctl user correct --id %d ADDRESS corrects it, ispmailctl user delete --id %d deletes it", name, id, id)
	case g.HasAlias(name):
		report(CodeWholeDomainUser, "the row is %s, to Postfix a mailbox for every address of the domain; as long as the domain has its catch-all, that takes the mail, and without it Postfix would accept all mail and send it back: ispmailctl user delete --id %d", name, id)
	default:
		report(CodeWholeDomainUser, "the row is %s, to Postfix a mailbox for every address of the domain, so that it accepts mail for anybody there, and sends it back to senders who may be forged: ispmailctl user delete --id %d, or ispmailctl alias add %s ADDRESS if a catch-all was meant", name, id, word(name))
	}
}

// checkDomainID compares domain_id with the domain of an address. kind is what ispmailctl calls the row.
func (c *checker) checkDomainID(code Code, domainID, name, kind string, id int64, report func(Code, string, ...any)) {
	number, err := strconv.ParseInt(domainID, 10, 64)
	key, ok := c.graph.domainByID[number]
	switch {
	case err == nil && ok && key == c.graph.hash(name):
	case !c.graph.HasDomain(name) && !c.graph.offDomains[c.graph.hash(name)]:
		report(code, "%s is not in virtual_domains, so that no mail for it arrives: ispmailctl domain add %s and then ispmailctl %s correct --id %d, or ispmailctl %s delete --id %d", name, word(name), kind, id, kind, id)
	case err != nil || !ok:
		report(code, "domain_id is that of no valid domain: ispmailctl %s correct --id %d sets it to that of %s", kind, id, name)
	default:
		report(code, "domain_id is not that of %s: ispmailctl %s correct --id %d corrects it; until then the row goes when the other domain is deleted", name, kind, id)
	}
}

func checkQuota(value string, id int64, email string, column tables.Column, report func(Code, string, ...any)) {
	if value == "" {
		return // NULL
	}
	command := "ispmailctl user quota " + word(email) + " SIZE"
	if email == "" {
		command = fmt.Sprintf("UPDATE %s SET quota = 0 WHERE id = %d", tables.Users, id)
	}
	quota, err := strconv.ParseInt(value, 10, 64)
	switch highest := column.Max(); {
	case quota < 0:
		report(CodeQuotaOverflow, "the quota is negative: %s sets it, 0 is no limit", command)
	case errors.Is(err, strconv.ErrRange), highest > 0 && quota == highest:
		report(CodeQuotaOverflow, "the quota is the highest number of the column or more, which is what is left of one that did not fit: %s sets it, 0 is no limit", command)
	}
}

// checkAliases checks the rows of virtual_aliases, and adds edges to the graph.
func (c *checker) checkAliases(ctx context.Context) error {
	t, err := c.readTable(ctx, tables.Aliases)
	if err != nil {
		return err
	}
	g := &c.graph
	first := map[uint64]int64{} // the first row of an alias that stands in several rows
	return c.eachRow(ctx, tables.Aliases, []string{"domain_id", "source", "destination"}, func(id int64, values []string) error {
		report := func(code Code, format string, args ...any) { c.report(code, tables.Aliases, id, format, args...) }
		source, err := address.Source(values[1])
		isWildcard := address.IsWildcard(values[1])
		if isWildcard {
			report(CodeWildcardAddress, "%.100q is one address with this very name, and no catch-all, whose source is @ and the domain: ispmailctl alias correct --id %d --source @DOMAIN makes it one, ispmailctl alias delete --id %d deletes it", values[1], id, id)
		}
		if err != nil && isWildcard {
			return nil
		}
		if err != nil {
			report(CodeInvalidAddress, "the source %.100q is no address and no @domain: ispmailctl alias correct --id %d --source ADDRESS corrects it, ispmailctl alias delete --id %d deletes it", values[1], id, id)
			return nil
		}
		c.checkDomainID(CodeAliasInWrongDomain, values[0], address.DomainOf(source), "alias", id, report)
		c.checkCapitals(t, "source", id, values[1], source)
		if source[0] == '@' && g.domains[g.hash(source[1:])] {
			report(CodeCatchAllWithoutEmail2Email, "%s has mailboxes too: make sure that virtual_alias_maps of Postfix has email2email, or the catch-all takes their mail", source[1:])
		}
		destinations := route.Destinations(values[2])
		if len(destinations) == 0 {
			report(CodeInvalidAddress, "%s has an empty destination: ispmailctl alias correct --id %d --destination ADDRESS corrects it, ispmailctl alias delete --id %d deletes it", source, id, id)
		}
		for _, d := range destinations {
			_, destination, err := address.Destination(d)
			switch {
			case err != nil:
				report(CodeInvalidAddress, "the destination %.100q of %s is no address: ispmailctl alias correct --id %d --destination ADDRESS corrects it, ispmailctl alias delete --id %d deletes it", d, source, id, id)
				continue
			case address.IsWildcard(d):
				report(CodeWildcardAddress, "the destination %.100q of %s is one address with this very name: ispmailctl alias correct --id %d --destination @%s if mail of a catch-all is to keep its local part", d, source, id, address.DomainOf(destination))
			}
			if key := g.pairHash(source, destination); repeated(g.pairs, key) {
				if _, ok := first[key]; ok {
					how := fmt.Sprintf("ispmailctl alias delete --id %d deletes this one", id)
					if len(destinations) > 1 {
						how = fmt.Sprintf("ispmailctl alias set %s, with all its destinations, makes one row for each", word(source))
					}
					report(CodeDuplicateAlias, "%s leads to %s by row %d already: %s", source, destination, first[key], how)
					continue
				}
				first[key] = id
			}
			c.checkDestination(id, source, destination, report)
		}
		return nil
	})
}

// checkDestination checks what mail meets behind one destination of an alias.
func (c *checker) checkDestination(id int64, source, destination string, report func(Code, string, ...any)) {
	g := &c.graph
	if destination[0] == '@' && g.hasSeveral(source) {
		c.reportAlias(CodeShadowedAlias, id, "%s has other destinations beside %s, and Postfix heeds a whole domain only as the first one: ispmailctl alias delete --id %d deletes this one", source, destination, id)
		return
	}
	domain := address.DomainOf(destination)
	switch {
	case address.IsLocalName(destination):
		report(CodeExternalDestination, "%s sends mail to %s, an account of the operating system: make sure that this is wanted", source, destination)
	case g.HasDomain(domain) || address.DomainOf(source) == domain:
	case g.offDomains[g.hash(domain)]:
		report(CodeExternalDestination, "%s sends mail to %s, whose domain is switched off here, so that Postfix looks for another server: make sure that this is wanted", source, destination)
	default:
		report(CodeExternalDestination, "%s sends mail to %s on another server: make sure that this is wanted", source, destination)
	}
	switch m := route.Follow(g, source, destination); m.Kind {
	case route.Alias, route.CatchAll:
		g.addEdge(source, m)
	case route.Loop:
		c.reportAlias(CodeAliasLoop, id, "%s -> %s leads to itself and there is no such mailbox: ispmailctl alias delete --id %d deletes the row; for an address, ispmailctl user add makes the mailbox", source, destination, id)
	case route.Nobody, route.Bounce:
		c.reportAlias(CodeDanglingAlias, id, "%s leads to %s, and nothing there takes the mail: ispmailctl user add makes a mailbox, ispmailctl alias correct --id %d --destination ADDRESS leads elsewhere, ispmailctl alias delete --id %d deletes the row", source, destination, id, id)
	}
}
