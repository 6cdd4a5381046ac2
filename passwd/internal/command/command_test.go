package command_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// A program is a command line with one of everything. What its sub-commands have read is in it afterwards.
type program struct {
	stdout, stderr string
	ran            string
	args           []string

	dsn     string
	verbose bool
	level   string
	words   []string
	number  int
	wait    time.Duration
	size    string

	overridden []string
}

// call runs the program and returns its exit code.
func call(t *testing.T, args ...string) (*program, int) {
	t.Helper()
	p := &program{level: "info"}
	root := &cobra.Command{Use: "program", Long: "Does things.", Example: "  program user add john"}
	flags := root.PersistentFlags()
	database := command.DSNFlags("PROGRAM", "dsn", flags)
	command.Group("Database", flags)
	flags.BoolVar(&p.verbose, "verbose", false, "say more")
	flags.Var(command.Choice(&p.level, "debug", "info", "error"), "level", "`LEVEL` of the log")
	flags.Var(command.List(&p.words), "words", "`WORDS` with commas")
	flags.IntVar(&p.number, "number", 15, "`N` of something, of which there is so much to say that one line is not enough for all of it")
	flags.DurationVar(&p.wait, "wait", 500*time.Millisecond, "`TIME` to wait")
	command.Group("Operation", flags)
	command.Environment("PROGRAM", flags)
	act := func(do func() error) func(*cobra.Command, []string) error {
		return func(c *cobra.Command, args []string) (err error) {
			p.ran, p.args, p.overridden = c.CommandPath(), args, command.Overridden(c)
			if p.dsn, err = database.Read(); err != nil {
				return err
			}
			return do()
		}
	}
	add := &cobra.Command{Use: "add NAME...", Short: "Add users.", RunE: act(func() error { return nil })}
	add.Flags().StringVar(&p.size, "size", "", "`SIZE` of it")
	add.SuggestFor = []string{"create"}
	login := &cobra.Command{Use: "login NAME", Short: "Log in.", RunE: act(func() error { return nil })}
	command.AskingForPassword(login)
	user := &cobra.Command{Use: "user", Short: "Users."}
	user.AddCommand(add, login,
		&cobra.Command{Use: "size NAME SIZE [UNIT]", Short: "Set a size.", RunE: act(func() error { return nil })},
		&cobra.Command{Use: "find {NAME | --id ID} [MORE | OTHER]...", Short: "Find users.", RunE: act(func() error { return nil })},
		&cobra.Command{Use: "delete", Short: "Delete users.", RunE: act(func() error { return command.Fail(errors.New("ispmail: it is not\nthere\x1b")) })},
		&cobra.Command{Use: "check", Short: "Check users.", RunE: act(func() error { return &command.Failure{Code: 4} })})
	root.AddCommand(user, &cobra.Command{Use: "serve", Short: "Serve.", RunE: act(func() error { return nil })})
	var stdout, stderr bytes.Buffer
	code := command.Run(t.Context(), root, args, strings.NewReader(""), &stdout, &stderr)
	p.stdout, p.stderr = stdout.String(), stderr.String()
	return p, code
}

const noPassword = "a password is asked for, or read from standard input, and is no argument, because everybody on the machine can read arguments: program user login NAME; see program user login --help"

// TestErrors has one line on standard error for each of them, and an exit code.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"user delete", command.ExitFailed, "it is not; there\ufffd"},
		{"user check", 4, ""},
		{"user add", command.ExitUsage, "NAME is missing: program user add NAME...; see program user add --help"},
		{"user size john", command.ExitUsage, "SIZE is missing: program user size NAME SIZE [UNIT]; see program user size --help"},
		{"user size john 1 G x", command.ExitUsage, `"x" is one argument too many: program user size NAME SIZE [UNIT]; see program user size --help`},
		{"user find", command.ExitUsage, "NAME or --id ID is missing: program user find {NAME | --id ID} [MORE | OTHER]...; see program user find --help"},
		{"serve here", command.ExitUsage, `program serve takes no arguments, and there is "here"; see program serve --help`},
		{"usr", command.ExitUsage, `unknown command "usr" for "program" (did you mean user?); see program --help`},
		{"user ad", command.ExitUsage, `unknown command "ad" for "program user" (did you mean add?); see program user --help`},
		{"user frobnicate", command.ExitUsage, `unknown command "frobnicate" for "program user" (it has add, check, delete, find, login, size); see program user --help`},
		{"help usr", command.ExitUsage, `unknown command "usr" for "program" (did you mean user?); see program help --help`},
		{"add user", command.ExitUsage, `unknown command "add" for "program" (did you mean program user add?); see program --help`},
		{"user serve", command.ExitUsage, `unknown command "serve" for "program user" (did you mean program serve?); see program user --help`},
		{"user create x", command.ExitUsage, `unknown command "create" for "program user" (did you mean add?); see program user --help`},
		{"verbose", command.ExitUsage, `unknown command "verbose" for "program" (did you mean --verbose?); see program --help`},
		{"user login john secret", command.ExitUsage, "there is one argument too many; " + noPassword},
		{"user login john -psecret", command.ExitUsage, "unknown flag -p; " + noPassword},
		{"user login john --password secret", command.ExitUsage, "unknown flag --password; " + noPassword},
		{"user login john --passwd=secret", command.ExitUsage, "unknown flag --passwd; " + noPassword},
		{"--verbos serve", command.ExitUsage, "unknown flag --verbos (did you mean --verbose?); see program --help"},
		{"serve --wrods=x", command.ExitUsage, "unknown flag --wrods (did you mean --words?); see program serve --help"},
		{"user add --sise 1 x", command.ExitUsage, "unknown flag --sise (did you mean --size?); see program user add --help"},
		{"serve --frobnicate", command.ExitUsage, "unknown flag --frobnicate; see program serve --help"},
		{"serve -x", command.ExitUsage, "unknown flag -x (write -- before an argument that begins with a hyphen); see program serve --help"},
		{"user add john -1", command.ExitUsage, "unknown flag -1 (write -- before an argument that begins with a hyphen); see program user add --help"},
		{"serve --wait", command.ExitUsage, "flag needs an argument: --wait; see program serve --help"},
		{"serve --wait soon", command.ExitUsage, `--wait: "soon" is not a time such as 500ms or 2s; see program serve --help`},
		{"serve --number=many", command.ExitUsage, `--number: "many" is not a whole number; see program serve --help`},
		{"serve --verbose=maybe", command.ExitUsage, `--verbose: "maybe" is not true or false; see program serve --help`},
		{"serve --level loud", command.ExitUsage, `--level: "loud" is not debug, info or error; see program serve --help`},
		{"serve --number=", command.ExitUsage, "--number is empty: leave it out, or give it a value; see program serve --help"},
		{"serve --words=", command.ExitUsage, "--words is empty: leave it out, or give it a value; see program serve --help"},
		{"user add --size= john", command.ExitUsage, "--size is empty: leave it out, or give it a value; see program user add --help"},
	} {
		p, code := call(t, strings.Fields(test.args)...)
		assert.Equal(t, test.code, code, test.args)
		assert.Empty(t, p.stdout, test.args)
		if test.want != "" {
			test.want = "program: " + test.want + "\n"
		}
		assert.Equal(t, test.want, p.stderr, test.args)
	}
	p, code := call(t, "user", "size", "john", "1", "")
	assert.Equal(t, command.ExitUsage, code)
	assert.Equal(t, "program: an argument is empty: leave it out, or give it a value: program user size NAME SIZE [UNIT]; see program user size --help\n", p.stderr)
}

// TestArguments has flags before, between and after the arguments, and arguments that look like flags.
func TestArguments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args, names []string
		size        string
	}{
		{[]string{"user", "add", "john", "--size", "5G", "jane", "--verbose"}, []string{"john", "jane"}, "5G"},
		{[]string{"--verbose", "user", "--verbose=false", "add", "--size=-1", "--verbose", "john"}, []string{"john"}, "-1"},
		{[]string{"user", "add", "--verbose=YES", "--size", "-1", "--", "-john", "--size"}, []string{"-john", "--size"}, "-1"},
		{[]string{"user", "add", "--verbose", "--size", "a=b,c", "", " x"}, []string{"", " x"}, "a=b,c"},
	} {
		p, code := call(t, test.args...)
		require.Equal(t, command.ExitOK, code, p.stderr)
		assert.Equal(t, "program user add", p.ran)
		assert.Equal(t, test.names, p.args)
		assert.Equal(t, test.size, p.size)
		assert.True(t, p.verbose)
		assert.Empty(t, p.stdout+p.stderr)
	}
}

// TestNoArguments has none, and not those of the process. It cannot run in parallel: they belong to all tests.
func TestNoArguments(t *testing.T) {
	defer func(before []string) { os.Args = before }(os.Args)
	os.Args = []string{"program", "frobnicate"}
	p, code := call(t)
	assert.Equal(t, command.ExitOK, code)
	assert.Contains(t, p.stdout, "Usage:\n  program [COMMAND] [flags]\n")
}

// TestHelp is on standard output, in groups, with defaults, and not too wide.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"--help", "-h", "help", "", "user", "user --help", "help user", "user add --help", "help user add", "serve -h", "help --help", "completion", "completion bash --help"} {
		p, code := call(t, strings.Fields(args)...)
		assert.Equal(t, command.ExitOK, code, args)
		assert.Empty(t, p.stderr, args)
		assert.Empty(t, p.ran, args)
		for line := range strings.Lines(p.stdout) {
			assert.LessOrEqual(t, len(line)-1, 100, "%s: %s", args, line)
		}
		inherits := !strings.HasPrefix(args, "completion") && args != "help --help"
		assert.Equal(t, inherits, strings.Contains(p.stdout, "\nDatabase:\n"), args)
	}
	p, _ := call(t, "user", "add", "--help")
	assert.Equal(t, `Add users.

Usage:
  program user add NAME... [flags]

Flags:
      --size SIZE   SIZE of it
  -h, --help        help for add

Database:
      --dsn-file FILE   FILE whose first line is the DSN of the database:
                        user:password@tcp(127.0.0.1:3306)/mailserver,
                        user:password@unix(/run/mysqld/mysqld.sock)/mailserver or
                        sqlite:/path/file.db; tcp(n1:3306),tcp(n2:3306) are nodes of a
                        cluster, to be tried in this order; over TCP, ?tls=true at its end
                        encrypts the connection, and ?tls-ca=/path/ca.pem if an authority of
                        your own signed the certificate of the server ($PROGRAM_DSN_FILE)
      --dsn DSN         the DSN itself; as an argument it must not hold a password, because
                        everybody on the machine can read arguments ($PROGRAM_DSN)

Operation:
      --verbose       say more ($PROGRAM_VERBOSE)
      --level LEVEL   LEVEL of the log ($PROGRAM_LEVEL) (default info)
      --words WORDS   WORDS with commas ($PROGRAM_WORDS)
      --number N      N of something, of which there is so much to say that one line is not
                      enough for all of it ($PROGRAM_NUMBER) (default 15)
      --wait TIME     TIME to wait ($PROGRAM_WAIT) (default 500ms)
`, p.stdout)
	p, _ = call(t, "--help")
	assert.True(t, strings.HasPrefix(p.stdout, `Does things.

Usage:
  program [COMMAND] [flags]

Examples:
  program user add john

Commands:
  completion   Generate the autocompletion script for the specified shell
  help         Print the help of a command.
  serve        Serve.
  user         Users.

Flags:
      --version   print the version
  -h, --help      help for program

Database:
`), p.stdout)
}

func TestVersion(t *testing.T) {
	t.Parallel()
	p, code := call(t, "--version")
	assert.Equal(t, command.ExitOK, code)
	assert.Equal(t, "program "+command.Version()+"\n", p.stdout)
	_, code = call(t, "-v")
	assert.Equal(t, command.ExitUsage, code)
}

// TestCompletion asks as the scripts of the shells do.
func TestCompletion(t *testing.T) {
	t.Setenv("PROGRAM_NUMBER", "many") // which no shell is to complain about
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"us"}, "user\tUsers.\n:4\n"},
		{[]string{"user", "d"}, "delete\tDelete users.\n:4\n"},
		{[]string{"help", "user", "a"}, "add\tAdd users.\n:4\n"},
		{[]string{"serve", "--lev"}, "--level\tLEVEL of the log\n:4\n"},
		{[]string{"serve", "--level", ""}, "debug\ninfo\nerror\n:4\n"},
		{[]string{"serve", ""}, ":4\n"},
	} {
		p, code := call(t, append([]string{"__complete"}, test.args...)...)
		assert.Equal(t, command.ExitOK, code)
		assert.Equal(t, test.want, p.stdout, "%v", test.args)
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		p, code := call(t, "completion", shell)
		assert.Equal(t, command.ExitOK, code)
		assert.Empty(t, p.stderr)
		assert.Contains(t, p.stdout, "__program", shell)
		if path, err := exec.LookPath(shell); err == nil {
			check := exec.CommandContext(t.Context(), path, "-n") //nolint:gosec // a shell, which only reads
			check.Stdin = strings.NewReader(p.stdout)
			out, err := check.CombinedOutput()
			assert.NoError(t, err, fmt.Sprint(shell, ": ", string(out)))
		}
	}
}
