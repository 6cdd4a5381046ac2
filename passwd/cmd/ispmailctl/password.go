package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/policy"
)

// A newPassword is how a command gets a password that it stores.
type newPassword struct {
	generate, force bool
	generated       string
}

func (a *app) passwordFlags(c *cobra.Command) *newPassword {
	p := &newPassword{}
	command.AskingForPassword(c)
	c.Flags().BoolVar(&p.generate, "generate", false, "make a random password of five words, and print it, this once")
	c.Flags().BoolVar(&p.force, "force", false, "store a password that is short, common or made of the address, which users themselves may not choose")
	a.schemeFlag(c, "store it")
	return p
}

// schemeFlag adds --scheme to a command. Its help says what the command does with the scheme.
func (a *app) schemeFlag(c *cobra.Command, what string) {
	setting(c, func(flags *pflag.FlagSet) {
		flags.StringVar(&a.hashing.Scheme, "scheme", "", "`SCHEME` to "+what+" with, in Dovecot's spelling; use BLF-CRYPT if your guide used that (default SHA256-CRYPT)")
	})
}

// upgradeFlag adds the flag of an upgrade, which happens at what is said.
func (a *app) upgradeFlag(c *cobra.Command, what string) {
	setting(c, func(flags *pflag.FlagSet) { a.hashing.UpgradeFlag(flags, what) })
}

// setting adds flags to a command, and gives them their environment variables.
func setting(c *cobra.Command, add func(*pflag.FlagSet)) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	add(flags)
	command.Environment(environment, flags)
	c.Flags().AddFlagSet(flags)
}

// read returns a generated password, or one from the terminal or standard input.
func (p *newPassword) read(ctx context.Context, a *app, email string) (string, error) {
	if p.generate {
		p.generated = policy.Passphrase()
		return p.generated, nil
	}
	password, err := a.readPassword(ctx, "New password for "+email)
	if err == nil && !p.force {
		err = a.rules.judge(ctx, email, password)
	}
	if err != nil || !a.isTerminal() {
		return password, err
	}
	again, err := a.readPassword(ctx, "Once more")
	if err == nil && again != password {
		err = errors.New("these are two different passwords, and nothing was changed")
	}
	return password, err
}

// rules are those for the passwords that users choose, as ispmail-passwd has them. Make them with prepare.
type rules struct {
	minLength int
	*policy.Policy
}

func (r *rules) flag(flags *pflag.FlagSet) {
	flags.IntVar(&r.minLength, "min-length", policy.DefaultMinLength, "least number `N` of characters of a new password, from 8 to 64, as ispmail-passwd has it")
}

func (r *rules) prepare() (err error) {
	if r.Policy, err = policy.New(policy.Config{MinLength: r.minLength}); err != nil || r.minLength == 0 { // which stands for the default there
		return errUsage{fmt.Errorf("--min-length: %d is not in %d to %d", r.minLength, policy.LowestMinLength, policy.LowestMaxLength)}
	}
	return nil
}

// anyScheme knows what no password may be.
var anyScheme hash.Hasher

// judge returns what is wrong with a new password.
func (r *rules) judge(ctx context.Context, email, password string) error {
	rule := r.Check(ctx, email, email, "", password)
	if rule == "" || anyScheme.Validate(password) != nil { // which the database layer refuses in its own words, --force or not
		return nil
	}
	return fmt.Errorf("%s; --force stores it all the same", strings.TrimSuffix(r.Text(rule), "."))
}

// show prints a generated password.
func (p *newPassword) show(a *app) error {
	if p.generated == "" {
		return nil
	}
	return a.say("Its password is %s", p.generated)
}

func (a *app) passwordSet() *cobra.Command {
	c := &cobra.Command{
		Use: "set EMAIL", Short: "Set a user's password.",
		Long: `Sets a user's password. It is asked for twice, or read from the first line of standard input if that
is no terminal. The end of the line is no part of it. A tab, a byte order mark or another character that
cannot be seen is refused, and without --force also one that users may not choose. The old password ends
at once, and so do the sessions that are open.`,
		Example:           "  ispmailctl password set john@example.org\n  ispmailctl password set john@example.org --generate",
		ValidArgsFunction: a.complete(userEmails),
	}
	p := a.passwordFlags(c)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		user, err := store.User(ctx, args[0]) // before anybody types a password in vain
		if err != nil {
			return err
		}
		password, err := p.read(ctx, a, user.Email)
		if err != nil {
			return err
		}
		if err := store.SetPassword(ctx, args[0], password); err != nil {
			return err
		}
		warnings := a.weaker(ctx, store, user)
		return errors.Join(a.say("Set the password of %s.", user.Email), p.show(a), a.warn(warnings), a.saySessions(user.Email), a.stillOff(store, user),
			a.object(userLine{User: user, Password: p.generated, Warnings: warnings}))
	})
}

// weaker warns if a user had a stronger scheme before the password was set.
func (a *app) weaker(ctx context.Context, store *ispmail.Store, before ispmail.User) []ispmail.Warning {
	hasher, errHasher := a.hashing.Hasher()
	after, errUser := store.User(ctx, before.Email)
	if errHasher != nil || errUser != nil { // the password is set all the same
		return nil
	}
	had, err := hasher.Inspect(before.Password.Reveal())
	has, _ := hasher.Inspect(after.Password.Reveal())
	if err != nil || had.Strength <= has.Strength { // what cannot be verified was no better
		return nil
	}
	better := "names a better one"
	if _, err := hash.New(hash.Config{Scheme: had.Scheme}); err == nil {
		better = had.Scheme + " keeps it"
	}
	return []ispmail.Warning{{Message: fmt.Sprintf("%s had {%s}, which is stronger than {%s}: --scheme (or ISPMAILCTL_SCHEME) %s", before.Email, had.Scheme, has.Scheme, better)}}
}

func (a *app) passwordCheck() *cobra.Command {
	c := &cobra.Command{
		Use: "check EMAIL", Short: "Tell whether a password is the right one.",
		Long: `Tells whether a password is the right one. It is asked for, or read from the first line of standard
input if that is no terminal. As at a login, a weak hash of it is replaced by a good one, and with
--upgrade also one of a weaker class than --scheme.`,
		Example:           "  ispmailctl password check john@example.org\n  ispmailctl password check john@example.org --scheme ARGON2ID --upgrade",
		ValidArgsFunction: a.complete(userEmails),
	}
	command.AskingForPassword(c)
	a.schemeFlag(c, "replace a weak hash")
	a.upgradeFlag(c, "the right password")
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		password, err := a.readPassword(ctx, "Password of "+args[0])
		if err != nil {
			return err
		}
		user, err := store.Authenticate(ctx, args[0], password)
		if err != nil {
			return err
		}
		return errors.Join(a.say("The password of %s is right.", user.Email), a.object(userLine{User: user}))
	})
}

// isTerminal tells whether somebody sits at standard input.
func (a *app) isTerminal() bool { return command.IsTerminal(a.stdin) }

// readPassword asks for a password at the terminal, or reads a line of standard input.
func (a *app) readPassword(ctx context.Context, prompt string) (string, error) {
	a.progress.end()
	defer a.progress.begin("Working", -1)
	return command.ReadPassword(ctx, a.stdin, a.stderr, prompt)
}
