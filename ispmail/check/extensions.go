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

// checkExtensions reports aliases whose mail gets lost on its way through aliases that pass an extension on: mail for
// jack+x@ goes to john+x@ if jack@ leads to john@.
//
// Where such mail goes depends on the destinations of those aliases. The graph holds only hashes of them, so the mail is
// traced in the tables.
func (c *checker) checkExtensions(ctx context.Context) error {
	g := &c.graph
	if !g.passesExtension {
		return nil
	}
	return c.eachRow(ctx, tables.Aliases, []string{"source", "destination"}, func(id int64, values []string) error {
		source := address.SourceOrNone(values[0])
		for _, d := range route.Destinations(values[1]) {
			destination := address.Key(d)
			if source == "" {
				continue
			}
			to := route.Target(source, destination)
			if m := route.Follow(g, source, destination); to == "" || m.Kind != route.Alias || !m.PassesExtension() {
				continue
			}
			if err := c.checkTrace(ctx, id, source, to); err != nil || c.stopped {
				return err
			}
		}
		return nil
	})
}

// checkTrace reports an alias if its mail does not arrive, unless a row on the way was reported already.
func (c *checker) checkTrace(ctx context.Context, id int64, source, to string) error {
	steps, err := c.store.Trace(ctx, to)
	loops := errors.Is(err, ispmail.ErrAliasLoop) || errors.Is(err, ispmail.ErrAliasLimit)
	switch {
	case err == nil, errors.Is(err, ispmail.ErrInvalidAddress):
		return nil
	case !loops && !errors.Is(err, ispmail.ErrNotFound):
		return err
	case c.isReported(steps, loops):
		return nil
	case loops:
		c.reportAlias(CodeAliasLoop, id, "mail that %s sends to %s goes on without end: ispmailctl recipients --steps %s shows the aliases behind it; ispmailctl alias delete --id %d deletes this one", source, to, word(to), id)
	default:
		c.reportAlias(CodeDanglingAlias, id, "%s leads to %s, and with this extension nothing behind it takes the mail: ispmailctl recipients --steps %s shows the way; ispmailctl alias delete --id %d deletes this row", source, to, word(to), id)
	}
	return nil
}

// isReported reports whether one of the aliases on the way was reported; if loops is set, for a loop.
func (c *checker) isReported(steps []ispmail.Step, loops bool) bool {
	reported := c.faulty
	if loops {
		reported = c.looping
	}
	return slices.ContainsFunc(steps, func(step ispmail.Step) bool {
		return step.Found != ispmail.FoundMailbox && step.Found != ispmail.FoundBounce && slices.ContainsFunc(step.IDs, func(id int64) bool {
			_, found := slices.BinarySearch(reported, id)
			return found
		})
	})
}

// reportAlias reports an alias whose mail does not arrive, and remembers it.
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
