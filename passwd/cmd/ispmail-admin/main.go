// Ispmail-admin serves the page for administrators of a mail server that was built after the ISPmail guide, and writes the file of
// those who may log in. Call it with --help for its settings, with --demo for a try.
package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/logwriter"
)

const description = `Serves a page on which administrators manage the domains, users and aliases of an ISPmail server.

It listens on a loopback address or a unix socket, behind a web server with TLS, on a host name or a
port of its own. Never put it below the path of a webmail: a hole there would be a hole here.

Every setting can also be an environment variable: --site-name can be ISPMAIL_ADMIN_SITE_NAME. An
argument goes before the environment.`

const firstSteps = `  ispmail-admin --demo
  ispmail-admin user alice
  ispmail-admin user bob --domains example.org,example.net`

func main() { command.Main(run) }

// run is the command, until ctx ends.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := &settings{stdin: stdin, stderr: stderr, journal: logwriter.IsJournal(stderr)}
	if s.journal { // what is not the log is why the command ends
		stderr = logwriter.Errors(stderr)
	}
	return command.Run(ctx, newCommand(s), args, stdin, stdout, stderr)
}

func newCommand(s *settings) *cobra.Command {
	root := &cobra.Command{Use: "ispmail-admin", Long: description, Example: firstSteps, RunE: func(c *cobra.Command, _ []string) error {
		s.overridden = command.Overridden(c)
		if err := s.validate(); err != nil {
			return err
		}
		return s.serve(c)
	}}
	s.addFlags(root)
	root.AddCommand(s.userCommand())
	return root
}
