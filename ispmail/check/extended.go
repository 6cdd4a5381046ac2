package check

import (
	"context"
	"errors"
	"slices"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// extended looks where aliases lead that pass an extension on to other aliases. What these make of it, only their texts
// tell, which a checker does not remember: such mail is followed in the tables.
func (c *checker) extended(ctx context.Context) error {
	g := &c.graph
	if !g.extends {
		return nil
	}
	return c.each(ctx, tables.Aliases, []string{"source", "destination"}, func(id int64, values []string) error {
		source := address.SourceOrNone(values[0])
		for _, d := range route.Destinations(values[1]) {
			destination := address.SourceOrNone(d)
			if source == "" || destination == "" {
				continue
			}
			to := route.Target(source, destination)
			if m := route.Follow(g, source, destination); to == "" || m.Kind != route.Alias || !m.PassesExtension() {
				continue
			}
			if err := c.follow(ctx, id, source, to); err != nil || c.stopped {
				return err
			}
		}
		return nil
	})
}

// follow reports an alias if its mail gets nowhere, unless a row on the way was reported for that.
func (c *checker) follow(ctx context.Context, id int64, source, to string) error {
	steps, err := c.store.Trace(ctx, to)
	loops := errors.Is(err, ispmail.ErrAliasLoop) || errors.Is(err, ispmail.ErrAliasLimit)
	switch {
	case err == nil, errors.Is(err, ispmail.ErrInvalidAddress):
		return nil
	case !loops && !errors.Is(err, ispmail.ErrNotFound):
		return err
	case c.isKnown(steps, loops):
		return nil
	case loops:
		c.reportAlias(CodeAliasLoop, id, "mail that %s sends to %s goes on without end: correct or delete one of the aliases behind it", source, to)
	default:
		c.reportAlias(CodeDanglingAlias, id, "%s leads to %s, and with this extension nothing behind it takes the mail: correct or delete one of the aliases", source, to)
	}
	return nil
}

// isKnown reports whether one of the aliases on a way was reported, for a loop if that is asked.
func (c *checker) isKnown(steps []ispmail.Step, loops bool) bool {
	known := c.faulty
	if loops {
		known = c.looping
	}
	return slices.ContainsFunc(steps, func(step ispmail.Step) bool {
		return step.Found != ispmail.FoundMailbox && slices.ContainsFunc(step.IDs, func(id int64) bool {
			_, found := slices.BinarySearch(known, id)
			return found
		})
	})
}

// reportAlias reports an alias whose mail gets nowhere, and remembers it.
func (c *checker) reportAlias(code Code, id int64, format string, args ...any) {
	c.faulty = insertSorted(c.faulty, id)
	if code == CodeAliasLoop {
		c.looping = insertSorted(c.looping, id)
	}
	c.report(code, tables.Aliases, id, format, args...)
}

func insertSorted(ids []int64, id int64) []int64 {
	at, found := slices.BinarySearch(ids, id)
	if found {
		return ids
	}
	return slices.Insert(ids, at, id)
}
