package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/database"
)

// longestLogin is more than a mail address and what Dovecot takes for a password from a mail client.
const longestLogin = 16 << 10

// rehashOrCheck renews a stored password. With --check it only checks the settings and the account in the database.
func rehashOrCheck(c *cobra.Command, s *settings) error {
	if !s.Check {
		return command.Fail(rehash(c, s))
	}
	if !checkRehash(c.Context(), s, newSayer(c.OutOrStdout())) {
		return &command.Failure{Code: command.ExitFailed}
	}
	return nil
}

// rehash renews the stored password of somebody who has just logged in, if it is due for a rehash. It verifies the password
// again, because standard input proves nothing.
func rehash(c *cobra.Command, s *settings) error {
	email, password, err := readLogin(c.InOrStdin())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), database.Timeout)
	defer cancel()
	store, closer, err := s.opener(s.logger(s.stderr), newMetrics())(ctx)
	if err != nil {
		return fmt.Errorf("the database cannot be opened: %w", err)
	}
	defer func() { _ = closer() }()
	user, err := store.User(ctx, email)
	if err != nil {
		return err
	}
	if !s.hasher.NeedsRehash(user.Password.Reveal()) {
		return nil // as with nearly every login: no hash is needed to see that, and no line in a log
	}
	if user, err = store.Authenticate(ctx, email, password); err != nil {
		return err
	}
	if s.hasher.NeedsRehash(user.Password.Reveal()) {
		return fmt.Errorf("the stored password of %s was not replaced", user.Email) // the log has why
	}
	_, _ = fmt.Fprintf(c.OutOrStdout(), "The stored password of %s is {%s} now.\n", user.Email, s.hasher.Scheme())
	return nil
}

// checkRehash tries what rehash does with the database, without a login.
func checkRehash(ctx context.Context, s *settings, say sayer) bool {
	say("ok", "rehash: the settings are valid.")
	_, closer, ok := checkAccount(ctx, s, say)
	if ok {
		closer()
	}
	return ok
}

// readLogin reads an address and a password, a line each. The end of the second line may be missing, or be a NUL byte as
// pam_exec(8) sends it. Then the password may be any bytes, as in a login.
func readLogin(r io.Reader) (email, password string, err error) {
	text, err := io.ReadAll(io.LimitReader(r, longestLogin+1))
	if err != nil {
		return "", "", fmt.Errorf("standard input: %w", err)
	}
	email, password, ok := strings.Cut(string(text), "\n")
	password, isWhole := strings.CutSuffix(password, "\x00")
	if !isWhole {
		password = strings.TrimSuffix(password, "\n")
	}
	if !ok || password == "" || len(text) > longestLogin || strings.Contains(password, "\x00") || !isWhole && strings.Contains(password, "\n") {
		return "", "", errors.New("rehash reads an address and a password from standard input, a line each")
	}
	return email, password, nil
}
