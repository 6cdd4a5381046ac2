// Ispmailctl manages the domains, users and aliases of a mail server that was built after the ISPmail guide, from the
// command line. Call it with --help.
package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/movein"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// Exit codes beside those of all commands.
const (
	exitDatabase = 3 // the database cannot do its work
	exitFindings = 4 // check has found something, or diff
)

// environment is what the names of variables begin with.
const environment = "ISPMAILCTL"

const description = `Manages the domains, users and aliases of a mail server that was built after the ISPmail guide.

The database is named by --dsn-file or --dsn, or by the environment variables ISPMAILCTL_DSN_FILE or
ISPMAILCTL_DSN:

  user:password@unix(/run/mysqld/mysqld.sock)/mailserver    MariaDB through its socket
  user:password@tcp(127.0.0.1:3306)/mailserver              MariaDB through TCP
  sqlite:/path/mail.db                                      an SQLite file

By default it is root@unix(/run/mysqld/mysqld.sock)/mailserver, which is enough for root on Debian.

The commands delete, rename, correct and "alias set" ask before they do something. They and import have
--dry-run, which only tells what would be done. All others do at once what they say.

Passwords are asked for at a prompt, or read from standard input if that is no terminal; arguments
could be seen by everybody on the machine. The exit code is 0 if all is done, 1 if something cannot
be done (it is not there, it is there already, a password is wrong, somebody interrupts), 2 if the command line or a
setting is wrong, 3 if the database cannot do its work, and 4 if check has found something, or diff a difference.`

const firstSteps = `  ispmailctl domain add example.org
  ispmailctl user add john@example.org                           # a mailbox with a login
  ispmailctl alias add info@example.org john@example.org         # an alias
  ispmailctl alias add @example.org john@example.org             # a catch-all: all other addresses
  ispmailctl alias set john@example.org john@example.org me@example.net   # keep a copy, send one on
  ispmailctl show john@example.org                               # why does john not get mail?
  ispmailctl user lock john@example.org
  ispmailctl user rename john@example.org john.doe@example.org
  ispmailctl export backup.jsonl                                 # and restore, into empty tables`

func main() { command.Main(run) }

// An app is one call of the program.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	look
	progress progress
	dsn      *command.DSN
	dsnless  bool // nobody named a database
	json     bool
	herald   herald
	hashing  command.Hashing
	rules    rules
	state    []string
	further  further
	warned   []string // warnings that were told
}

// run is the program.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, look: look{command.Width(stdout), command.HasColours(stdout)}}
	defer a.progress.watch(stderr)()
	a.stdout, a.stderr = a.progress.over(stdout), a.progress.over(stderr)
	return command.Run(ctx, a.root(), args, stdin, stdout, stderr)
}

// failureOf gives an error its exit code.
func failureOf(err error) error {
	if _, already := errors.AsType[*command.Failure](err); already || err == nil {
		return err
	}
	for _, database := range []error{ispmail.ErrSchema, ispmail.ErrDenied, ispmail.ErrUnavailable, ispmail.ErrOutcomeUnknown, movein.ErrSchema} {
		if errors.Is(err, database) {
			return &command.Failure{Code: exitDatabase, Err: err}
		}
	}
	return command.Fail(err)
}

// errUsage says that the command line is wrong in a way that only the command itself can see.
type errUsage struct{ error }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{Use: "ispmailctl", Short: "administers the domains, users and aliases of an ISPmail server", Long: description, Example: firstSteps}
	flags := root.PersistentFlags()
	a.dsn = command.DSNFlags(environment, "dsn", flags)
	state := pflag.NewFlagSet("", pflag.ContinueOnError)
	command.StateFlag(&a.state, state)
	command.Environment(environment, state)
	flags.AddFlagSet(state)
	command.Group("Database", flags)
	flags.BoolVar(&a.json, "json", false, "print JSON, one object a line")
	command.Group("Output", flags)
	changes := pflag.NewFlagSet("", pflag.ContinueOnError)
	a.herald.flag(changes)
	command.Environment(environment, changes)
	flags.AddFlagSet(changes)
	command.Group("Changes", flags)
	passwords := pflag.NewFlagSet("", pflag.ContinueOnError)
	a.hashing.DefaultFlag(passwords)
	a.rules.flag(passwords)
	command.Environment(environment, passwords)
	flags.AddFlagSet(passwords)
	command.Group("Passwords", flags)
	root.AddCommand(
		group("domain", "Add, list, rename, correct and delete domains.", a.domainAdd(), a.domainList(), a.domainRename(), a.domainCorrect(), a.domainDelete()),
		group("user", "Add, list, lock, rename, correct and delete users, who are mailboxes with a login.",
			a.userAdd(), a.userList(), a.userQuota(), a.userLock(), a.userUnlock(), a.userRename(), a.userCorrect(), a.userDelete()),
		group("alias", "Add, set, list, correct and delete aliases, catch-alls among them.", a.aliasAdd(), a.aliasSet(), a.aliasList(), a.aliasCorrect(), a.aliasDelete()),
		group("password", "Set and check the passwords of users, and tell which are due for a better scheme.", a.passwordSet(), a.passwordCheck(), a.passwordSchemes()),
		a.show(),
		a.search(),
		a.count(),
		a.recipients(),
		a.check(),
		a.export(),
		a.restore(),
		a.diff(),
		group("import", "Add many domains, users and aliases, from a file or another program's database.", a.importFile(), a.importPostfixAdmin(), a.importViMbAdmin()),
		a.create(),
	)
	nameSynonyms(root)
	return root
}

// group is a command that only holds others.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: name, Short: short}
	c.AddCommand(commands...)
	return c
}

// on makes a command of what is to be done with the database.
func (a *app) on(c *cobra.Command, do func(ctx context.Context, store *ispmail.Store, args []string) error) *cobra.Command {
	c.RunE = func(c *cobra.Command, args []string) error { return a.run(c, args, do) }
	return c
}

func (a *app) run(c *cobra.Command, args []string, do func(context.Context, *ispmail.Store, []string) error) error {
	if err := a.herald.prepare(); err != nil {
		return err
	}
	if err := a.rules.prepare(); err != nil {
		return err
	}
	hasher, err := a.hashing.Hasher()
	if err != nil {
		return err
	}
	store, closer, err := a.openWith(c.Context(), false, ispmail.Config{Hasher: hasher, OnChange: a.tell, State: a.state, Columns: a.further.columns()})
	if err != nil {
		return interrupted(c.Context(), err)
	}
	a.progress.begin("Working", -1)
	if err = a.further.read(c.Context(), store); err == nil {
		err = do(c.Context(), store, args)
	}
	if err != nil {
		err = a.whichDatabase(hint(c.Context(), store, c, args, err))
	}
	err = worded(interrupted(c.Context(), errors.Join(err, closer())))
	a.progress.end()
	a.advise()
	if usage, ok := errors.AsType[errUsage](err); ok {
		return usage.error
	}
	return failureOf(err)
}
