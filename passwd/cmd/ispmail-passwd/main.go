// Ispmail-passwd lets the users of a mail server that was built after the ISPmail guide change their passwords, through a
// webmail or on a page of its own. Call it with --help for its settings, with --demo for a try.
package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/logwriter"
)

const description = `Lets the users of an ISPmail server change their passwords: through a webmail, for which it has an
API, and on a page of its own.

Every setting can also be an environment variable: --api-listen can be ISPMAIL_PASSWD_API_LISTEN. An
argument goes before the environment.`

func main() { command.Main(run) }

// run is the command, until ctx ends.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := &settings{stderr: stderr, journal: logwriter.IsJournal(stderr)}
	if s.journal { // what is not the log is why the command ends
		stderr = logwriter.Errors(stderr)
	}
	return command.Run(ctx, newCommand(s, serveOrCheck, rehashOrCheck), args, stdin, stdout, stderr)
}

// An action runs with valid settings.
type action func(c *cobra.Command, s *settings) error

// newCommand returns the command line. It fills s before it calls an action.
func newCommand(s *settings, serve, rehash action) *cobra.Command {
	do := func(act action) func(*cobra.Command, []string) error {
		return func(c *cobra.Command, _ []string) error {
			if err := s.validate(c); err != nil {
				return commentHint(err)
			}
			return act(c, s)
		}
	}
	root := &cobra.Command{Use: "ispmail-passwd", Long: description, RunE: do(serve)}
	s.addFlags(root.PersistentFlags())
	root.AddCommand(
		noticeCommand(),
		&cobra.Command{Use: "serve", Short: "Serve the API and the page: what the command does without a name.", RunE: do(serve)},
		&cobra.Command{
			Use: "rehash", Short: "Renew the stored password of somebody who has just logged in.",
			Long: `Renews the stored password of somebody who has just logged in, if it is due for that. It reads the
address and the password from standard input, a line each, and verifies the password. With --check
it only checks the settings and the account in the database.`,
			RunE: do(func(c *cobra.Command, s *settings) error {
				if s.Demo {
					return errors.New("rehash does not go with --demo")
				}
				return rehash(c, s)
			}),
		},
	)
	return root
}
