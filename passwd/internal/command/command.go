// Package command holds what the commands of this module have in common: how they begin and end, settings from the
// environment, errors, help and completion. The command lines themselves are those of github.com/spf13/cobra.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit codes that every command has. Others belong to one command.
const (
	ExitOK     = 0
	ExitFailed = 1 // it cannot be done
	ExitUsage  = 2 // the command line, or a setting in the environment, is wrong
)

// A Failure is the error of a command that was called rightly. Run takes every other error for one of the command line.
type Failure struct {
	Code int
	Err  error // nil if everything is said already
}

// Fail returns an error as a [Failure] with [ExitFailed], and nil for nil.
func Fail(err error) error {
	if err == nil {
		return nil
	}
	return &Failure{ExitFailed, err}
}

func (f *Failure) Error() string { return fmt.Sprint(f.Err) }

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

// Main runs a command with the arguments of the process and ends the process. The context ends with SIGINT or SIGTERM; a
// second signal kills the process at once.
func Main(run func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Run runs a command and returns its exit code. An error becomes one line on stderr; that of a wrong command line points
// to the help. A command of the tree that has only sub-commands prints its help, and each has completion for the shell.
func Run(ctx context.Context, root *cobra.Command, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root.SetArgs(append([]string{}, args...)) // nil would mean the arguments of the process
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	prepareRoot(root)
	called, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	failure, ran := errors.AsType[*Failure](err)
	switch {
	case !ran:
		_, _ = fmt.Fprintf(stderr, "%s: %s; see %s --help\n", root.Name(), Text(err), called.CommandPath())
		return ExitUsage
	case failure.Err != nil:
		_, _ = fmt.Fprintf(stderr, "%s: %s\n", root.Name(), Text(failure.Err))
	}
	return failure.Code
}

// prepareRoot completes a tree of commands.
func prepareRoot(root *cobra.Command) {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.Version = Version()
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.Flags().Bool("version", false, "print the version")
	root.SetUsageFunc(printUsage)
	root.SetHelpFunc(printHelp)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(helpCommand(root))
	prepare(root)
}

// prepare completes a command and those below it.
func prepare(c *cobra.Command) {
	for _, flags := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
		flags.SortFlags = false
		unquote(flags)
		completeValues(c, flags)
	}
	for _, sub := range c.Commands() {
		prepare(sub)
	}
	if c.Args == nil {
		c.Args = Arguments
	}
	if c.ValidArgsFunction == nil && len(argumentWords(c.Use)) == 0 {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	run := c.RunE
	if run == nil {
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		return
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := ReadEnvironment(c); err != nil {
			return err
		}
		return run(c, args)
	}
}
