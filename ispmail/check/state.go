package check

import (
	"context"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// stateOf returns the columns of state of a store.
func stateOf(store *ispmail.Store) (state []tables.Switch, err error) {
	for _, text := range store.State() {
		column, err := tables.ParseSwitch(text)
		if err != nil {
			return nil, err
		}
		state = append(state, column)
	}
	return state, nil
}

// checkUnnamed reports columns that seem to switch rows off and are not heeded.
func (c *checker) checkUnnamed(t *tables.Table) {
	for _, column := range t.Unnamed(c.state) {
		c.report(CodeUnnamedStateColumn, t.Name, 0,
			"the column %s seems to switch rows off, and is not heeded here: if Dovecot and Postfix look at it, name it in all commands, by --state-column '%s' or what is true of it", column.Column, column)
	}
}

// loadOffDomains adds the domains that are switched off to the graph: their rows are known, but the server does not keep their
// mail.
func (c *checker) loadOffDomains(ctx context.Context) error {
	on := c.tables[tables.Domains].On
	if on == "" {
		return nil
	}
	g := &c.graph
	return c.eachRowWhere(ctx, tables.Domains, "NOT ("+on+") AND ", []string{"name"}, func(id int64, values []string) error {
		if name, err := address.Domain(values[0]); err == nil {
			g.domainByID[id] = g.hash(name)
			g.offDomains[g.hash(name)] = true
		}
		return nil
	})
}
