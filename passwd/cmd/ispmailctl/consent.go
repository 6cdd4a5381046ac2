package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// A consent is what a command that deletes or renames needs before it does so: --yes, or an answer at the terminal.
type consent struct {
	yes, dryRun bool

	harmless bool   // nothing would be deleted or renamed; change says so
	word     string // to be typed in place of yes; change may set it
}

const consentHelp = `

At a terminal it tells what it would do, and asks. Elsewhere it needs --yes. --dry-run only tells.`

// consentFlags adds --yes and --dry-run to a command.
func consentFlags(c *cobra.Command) *consent {
	k := &consent{}
	c.Flags().BoolVar(&k.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&k.dryRun, "dry-run", false, "only tell what would be done")
	c.Long += consentHelp
	return k
}

var errDryRun = errors.New("a dry run")

// perform makes a change in a transaction and reports it. Without --yes it makes the change for a look at it first, undoes it,
// and asks. So both functions may be called twice.
func (k *consent) perform(ctx context.Context, a *app, store *ispmail.Store, change func(ctx context.Context, tx *ispmail.Store) error, report func() error) error {
	if k.yes && k.dryRun {
		return errUsage{errors.New("--yes and --dry-run exclude each other")}
	}
	if !k.yes {
		err := store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
			k.harmless, k.word = false, "yes"
			if err := change(ctx, tx); err != nil {
				return err
			}
			return errDryRun
		})
		if !errors.Is(err, errDryRun) {
			return err
		}
		switch {
		case k.dryRun:
			return report()
		case k.harmless:
		case a.json || !a.isTerminal():
			return errUsage{errors.New("nobody can be asked here: --yes does it, --dry-run tells what it would do")}
		default:
			if err := k.ask(ctx, a, report); err != nil {
				return err
			}
		}
	}
	if err := store.RunInTx(ctx, change); err != nil {
		return err
	}
	return report()
}

// ask tells what would be done, and asks whoever sits at the terminal.
func (k *consent) ask(ctx context.Context, a *app, report func() error) error {
	k.dryRun = true
	err := report()
	k.dryRun = false
	if err != nil {
		return err
	}
	a.progress.end()
	defer a.progress.begin("Working", -1)
	_, _ = fmt.Fprintf(a.stderr, "Type %s to go on: ", k.word)
	line, err := command.Wait(ctx, func() (string, error) { return bufio.NewReader(a.stdin).ReadString('\n') })
	if err != nil && !errors.Is(err, io.EOF) {
		_, _ = fmt.Fprintln(a.stderr)
		return err
	}
	if !strings.EqualFold(strings.TrimSpace(line), k.word) {
		return errors.New("nothing was changed")
	}
	return nil
}

// verb is "Deleted", or what is said instead while nothing is done.
func (k *consent) verb(done, would string) string {
	if k.dryRun {
		return "This would " + would
	}
	return done
}

// object is the value of a change for JSON, which tells if it was a dry run.
func (k *consent) object(a *app, values map[string]any) error {
	if k.dryRun {
		values["dry_run"] = true
	}
	return a.object(values)
}
