package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/notice"
	"github.com/ispmail/go-ispmail/passwd/internal/notify"
)

// longestLine is more than any word of a change.
const longestLine = 4 << 10

func noticeCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "notice", Short: "Mail the owner of an account that its password was changed.",
		Long: `Mails the owner of an account that its password was changed: what ispmail-passwd-notice.socket starts. It
reads a line of JSON as --notice sends it from standard input, and answers OK before it mails. An account
gets one mail in ten minutes at the most. With --check it only checks the template, and prints such a mail.
The settings of the service do not concern it.`,
		Args: cobra.NoArgs,
	}
	template := c.Flags().String("template", "/etc/ispmail-passwd/notice.txt", "`FILE` with the mail: lines Subject: and From:, an empty line, and a text with {{.Email}}, {{.Time}}, {{.Channel}}, {{.Client}}, {{.Unknown}} and {{.More}}; if there is none, it is in English, from postmaster at the domain of the account")
	sendmail := c.Flags().String("sendmail", "/usr/sbin/sendmail", "`PROGRAM` that takes the mail, as that of Postfix does")
	directory := c.Flags().String("state-directory", os.Getenv("STATE_DIRECTORY"), "`DIRECTORY` that keeps who got a mail in the last ten minutes")
	c.RunE = func(c *cobra.Command, _ []string) error {
		text, err := os.ReadFile(*template)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("--template: %w", err)
		}
		mailer, err := notice.New(string(text), *sendmail, *directory)
		if err != nil {
			return fmt.Errorf("--template: %s: %w", *template, err)
		}
		if check, err := c.Flags().GetBool("check"); err != nil || check {
			return errors.Join(err, checkTemplate(c, mailer, *template))
		}
		if *directory == "" {
			return errors.New("--state-directory names no directory")
		}
		return command.Fail(tellOwner(c, mailer))
	}
	return c
}

// checkTemplate prints a mail as it would be sent, and warns of a template that not everybody can read.
func checkTemplate(c *cobra.Command, mailer *notice.Mailer, path string) error {
	mail, err := mailer.Example()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c.OutOrStdout(), "The template is valid. Such a mail:\n\n%s", mail); err != nil {
		return err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil // there is no file, and the mail is in English
	}
	path, err = filepath.Abs(path)
	for right, needed := "r", fs.FileMode(0o004); err == nil; right, needed = "x", 0o001 {
		if info, err := os.Stat(path); err == nil && info.Mode()&needed == 0 {
			_, err = fmt.Fprintf(c.ErrOrStderr(), "\nispmail-passwd: warning: the account that sends the mails, ispmail-notice, must be able to read the template, and %s is not for everybody: chmod o+%s %s\n", path, right, path)
			return err
		}
		if path == filepath.Dir(path) {
			break
		}
		path = filepath.Dir(path)
	}
	return err
}

// tellOwner reads a word of a change and mails its owner. The answer says that it was heard: nobody waits for the mail.
func tellOwner(c *cobra.Command, mailer *notice.Mailer) error {
	var line notify.Line
	text, err := bufio.NewReader(io.LimitReader(c.InOrStdin(), longestLine)).ReadBytes('\n')
	if err != nil || json.Unmarshal(text, &line) != nil {
		return errors.New("standard input holds no word of a change")
	}
	// On a slow machine the service has stopped waiting. SIGPIPE must not end the program before the mail.
	signal.Ignore(syscall.SIGPIPE)
	_, _ = fmt.Fprintln(c.OutOrStdout(), "OK")
	sent, err := mailer.Send(c.Context(), line)
	if err == nil && !sent {
		_, err = fmt.Fprintf(c.ErrOrStderr(), "%s gets no mail about this change: there was one within ten minutes.\n", command.Printable(line.User))
	}
	return err
}
