package check

import (
	"context"
	"errors"
	"strconv"
	"strings"

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
			c.report(CodeInvalidAddress, tables.Domains, id, "%.100q is no name of a domain: correct it, or delete the row", values[0])
			return nil
		}
		c.checkCapitals(t, "name", id, values[0], name)
		key := g.hash(name)
		g.domainByID[id] = key
		if _, ok := first[key]; ok {
			c.report(CodeDuplicateDomain, tables.Domains, id, "%s is in row %d already: move its users and aliases there and delete this row", name, first[key])
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
	columns := []string{"domain_id", "email", "password"}
	if t.HasQuota() {
		columns = append(columns, "quota")
	}
	return c.eachRow(ctx, tables.Users, columns, func(id int64, values []string) error {
		report := func(code Code, format string, args ...any) { c.report(code, tables.Users, id, format, args...) }
		user := ispmail.User{ID: id, Email: values[1], Password: ispmail.NewSecret(values[2])}
		email, _ := address.Canonical(user.Email)
		c.checkPassword(user, email, t.Columns["password"].Chars, report)
		if t.HasQuota() {
			checkQuota(values[3], t.Columns["quota"], report)
		}
		if address.IsWildcard(user.Email) {
			report(CodeWildcardAddress, "%.100q is one mailbox with this very name, and no catch-all: add an alias whose source is @ and the domain, and delete the row", user.Email)
		}
		domain := strings.TrimPrefix(user.Email, "@")
		if email != "" {
			domain = address.DomainOf(email)
		} else if name, err := address.Domain(domain); err == nil && user.Email[0] == '@' && tables.IsNoLogin(values[2]) {
			domain = name
		} else if address.IsWildcard(user.Email) {
			return nil
		} else {
			report(CodeInvalidAddress, "%.100q is no address, so that nobody can log in: correct it, or delete the row", user.Email)
			return nil
		}
		c.checkDomainID(CodeUserInWrongDomain, values[0], domain, report)
		if email == "" {
			return nil
		}
		c.checkCapitals(t, "email", id, user.Email, email)
		if key := g.hash(email); repeated(g.users, key) {
			if _, ok := first[key]; ok {
				report(CodeSameCanonicalAddress, "%s is the address of row %d too, so that neither can log in here: delete one of them", email, first[key])
			} else {
				first[key] = id
			}
		}
		if g.HasAlias(email) && !g.keepsCopy(email) {
			report(CodeShadowedAlias, "aliases send all mail for %s elsewhere and none to the mailbox: if it should get mail too, add an alias from the address to itself", email)
		}
		return nil
	})
}

// checkDomainID compares domain_id with the domain of an address.
func (c *checker) checkDomainID(code Code, id, name string, report func(Code, string, ...any)) {
	number, err := strconv.ParseInt(id, 10, 64)
	key, ok := c.graph.domainByID[number]
	switch {
	case err != nil || !ok:
		report(code, "domain_id is that of no valid domain: set it to the id of %s", name)
	case key != c.graph.hash(name) && !c.graph.HasDomain(name) && !c.graph.offDomains[c.graph.hash(name)]:
		report(code, "%s is not in virtual_domains, so that no mail for it arrives: add the domain and set domain_id, or delete the row", name)
	case key != c.graph.hash(name):
		report(code, "domain_id is not that of %s: correct it, or the row goes when the other domain is deleted", name)
	}
}

func checkQuota(value string, column tables.Column, report func(Code, string, ...any)) {
	if value == "" {
		return // NULL
	}
	quota, err := strconv.ParseInt(value, 10, 64)
	switch highest := column.Max(); {
	case quota < 0:
		report(CodeQuotaOverflow, "the quota is negative: set it to a number of bytes, or to 0 for no limit")
	case errors.Is(err, strconv.ErrRange), highest > 0 && quota == highest:
		report(CodeQuotaOverflow, "the quota is the highest number of the column or more, which is what is left of one that did not fit: set it again, or to 0 for no limit")
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
			report(CodeWildcardAddress, "%.100q is one address with this very name, and no catch-all: the source of a catch-all is @ and the domain; correct it, or delete the row", values[1])
		}
		if err != nil && isWildcard {
			return nil
		}
		if err != nil {
			report(CodeInvalidAddress, "the source %.100q is no address and no @domain: correct it, or delete the row", values[1])
			return nil
		}
		c.checkDomainID(CodeAliasInWrongDomain, values[0], address.DomainOf(source), report)
		c.checkCapitals(t, "source", id, values[1], source)
		if source[0] == '@' && g.domains[g.hash(source[1:])] {
			report(CodeCatchAllWithoutEmail2Email, "%s has mailboxes too: make sure that virtual_alias_maps of Postfix has email2email, or the catch-all takes their mail", source[1:])
		}
		destinations := route.Destinations(values[2])
		if len(destinations) == 0 {
			report(CodeInvalidAddress, "%s has an empty destination: correct it, or delete the row", source)
		}
		for _, d := range destinations {
			_, destination, err := address.Destination(d)
			switch {
			case err != nil:
				report(CodeInvalidAddress, "the destination %.100q of %s is no address: correct it, or delete the row", d, source)
				continue
			case address.IsWildcard(d):
				report(CodeWildcardAddress, "the destination %.100q of %s is one address with this very name: write @%s if mail is to keep its local part", d, source, address.DomainOf(destination))
			}
			if key := g.pairHash(source, destination); repeated(g.pairs, key) {
				if _, ok := first[key]; ok {
					report(CodeDuplicateAlias, "%s leads to %s by row %d already: delete it here", source, destination, first[key])
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
		c.reportAlias(CodeShadowedAlias, id, "%s has other destinations beside %s, and Postfix heeds a whole domain only as the first one: keep one of them", source, destination)
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
		c.reportAlias(CodeAliasLoop, id, "%s -> %s leads to itself and there is no such mailbox: delete the row, or create the user", source, destination)
	case route.Nobody:
		c.reportAlias(CodeDanglingAlias, id, "%s leads to %s, and nothing there takes the mail: create the user, or correct or delete the alias", source, destination)
	}
}
