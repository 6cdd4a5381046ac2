package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/admin"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/policy"
)

// An administrator is what the flags of the sub-command say.
type administrator struct {
	scheme           string
	domains          []string
	all              bool
	generate, remove bool
}

func (s *settings) userCommand() *cobra.Command {
	a := &administrator{}
	c := &cobra.Command{
		Use: "user NAME", Short: "Add an administrator, change the password or the domains of one, or remove one.",
		Long: `Adds an administrator to the file, or changes one who is there: the domains with --domains or --all-domains,
otherwise the password. A new one is of all domains, unless --domains says which. The password is asked for
twice, or read from the first line of standard input if that is no terminal. Who is logged in as that
administrator is logged out by a new password, and sees other domains at the next request.`,
		Example:           firstSteps[strings.Index(firstSteps, "\n")+1:] + "\n  ispmail-admin user bob --generate\n  ispmail-admin user bob --delete",
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	command.AskingForPassword(c)
	c.Flags().Var(command.List(&a.domains), "domains", "limit the administrator to these `DOMAINS`, with commas between them")
	c.Flags().BoolVar(&a.all, "all-domains", false, "take away the limit to domains")
	c.MarkFlagsMutuallyExclusive("domains", "all-domains")
	c.Flags().BoolVar(&a.generate, "generate", false, "make a passphrase and print it, this once")
	c.Flags().StringVar(&a.scheme, "scheme", "ARGON2ID", "`SCHEME` to store the password with: one that is not weak, such as ARGON2ID, BLF-CRYPT or SHA512-CRYPT")
	c.Flags().BoolVar(&a.remove, "delete", false, "remove the administrator from the file")
	c.RunE = func(c *cobra.Command, args []string) error { return a.write(c, s, args[0]) }
	return c
}

func (a *administrator) write(c *cobra.Command, s *settings, name string) error {
	if a.remove {
		if a.generate || a.all || c.Flags().Changed("domains") {
			return errors.New("--delete goes with no other flag")
		}
		if err := admin.RemoveAdministrator(s.Administrators, name); err != nil {
			return command.Fail(err)
		}
		_, err := fmt.Fprintf(c.OutOrStdout(), "Removed the administrator %s.\n", name)
		return command.Fail(err)
	}
	hasher, err := hash.New(hash.Config{Scheme: a.scheme})
	if err != nil {
		return errors.New("--scheme: " + strings.TrimPrefix(err.Error(), "hash: "))
	}
	one, exists, err := a.reach(c, s, name)
	if err != nil {
		return err
	}
	if exists && (a.all || c.Flags().Changed("domains")) && !a.generate && !c.Flags().Changed("scheme") {
		if _, err := admin.SetAdministrator(s.Administrators, one); err != nil {
			return command.Fail(err)
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "Changed the administrator %s, of %s. The password stays.\n", name, reachOf(one))
		return command.Fail(err)
	}
	sample, err := hasher.Generate("a sample of no use")
	if err != nil {
		return command.Fail(err)
	}
	one.Stored = ispmail.NewSecret(sample)
	if err := one.Check(); err != nil { // before anybody types a password in vain
		return err
	}
	password, err := a.password(c.Context(), c, s, name)
	if err != nil {
		return command.Fail(err)
	}
	stored, err := hasher.Generate(password)
	if err != nil {
		return command.Fail(err)
	}
	one.Stored = ispmail.NewSecret(stored)
	added, err := admin.SetAdministrator(s.Administrators, one)
	if err != nil {
		return command.Fail(err)
	}
	did := "Changed"
	if added {
		did = "Added"
	}
	if _, err = fmt.Fprintf(c.OutOrStdout(), "%s the administrator %s, of %s.\n", did, name, reachOf(one)); err == nil && a.generate {
		_, err = fmt.Fprintf(c.OutOrStdout(), "The passphrase is %s\n", password)
	}
	return command.Fail(err)
}

func reachOf(one admin.Administrator) string {
	if one.Domains == nil {
		return "all domains"
	}
	return strings.Join(one.Domains, ", ")
}

// reach returns the administrator with the domains that the flags say, nil for all. A new password gives nobody more domains than
// before.
func (a *administrator) reach(c *cobra.Command, s *settings, name string) (one admin.Administrator, exists bool, err error) {
	known, err := admin.NewFile(s.Administrators).Administrators()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return one, false, command.Fail(err)
	}
	one, exists = known[name]
	one.Name = name
	switch {
	case a.all:
		one.Domains = nil
	case c.Flags().Changed("domains"):
		one.Domains = []string{} // none, not all
		for _, domain := range a.domains {
			canonical, err := ispmail.CanonicalDomain(domain)
			if err != nil {
				return one, false, fmt.Errorf("--domains: %q is not the name of a domain", domain)
			}
			one.Domains = append(one.Domains, canonical)
		}
	}
	return one, exists, nil
}

// password returns a generated password, or one from the terminal or standard input that the policy takes.
func (a *administrator) password(ctx context.Context, c *cobra.Command, s *settings, name string) (string, error) {
	if a.generate {
		return policy.Passphrase(), nil
	}
	password, err := command.ReadPassword(ctx, s.stdin, c.ErrOrStderr(), "New password for "+name)
	if err != nil {
		return "", err
	}
	rules, err := policy.New(policy.Config{})
	if err != nil {
		return "", err
	}
	if rule := rules.Check(ctx, name, name, "", password); rule != "" {
		return "", errors.New(strings.TrimSuffix(rules.Text(rule), ".") + "; --generate makes a good one")
	}
	if !command.IsTerminal(s.stdin) {
		return password, nil
	}
	again, err := command.ReadPassword(ctx, s.stdin, c.ErrOrStderr(), "Once more")
	if err == nil && again != password {
		err = errors.New("these are two different passwords, and nothing was changed")
	}
	return password, err
}

// inFlags returns an error of admin.New about a setting in the words of the command line.
func inFlags(err error) error {
	return errors.New(strings.NewReplacer("admin: ", "", "policy: ", "", "MinLength ", "--min-length: ", "Floor ", "--floor: ").Replace(err.Error()))
}
