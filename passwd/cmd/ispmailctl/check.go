package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

func (a *app) check() *cobra.Command {
	c := &cobra.Command{
		Use: "check", Short: "Look for faults in the tables and tell what to do about them.",
		Long: `Looks for faults in the tables and tells what to do about them: passwords that are weak or cut,
aliases that lead nowhere or in a circle, addresses that clash. It changes nothing. The exit code is
4 if it finds an error or a warning.`,
	}
	errorsOnly := c.Flags().Bool("errors", false, "only what keeps mail or logins from working, or lets strangers in")
	return a.on(c, func(ctx context.Context, store *ispmail.Store, _ []string) error {
		a.progress.begin("Checking", -1)
		found := map[check.Severity]int{}
		for f, err := range check.Run(ctx, store, check.Config{}) {
			if err != nil {
				return err
			}
			severity := f.Code.Severity()
			if *errorsOnly && severity != check.SeverityError {
				continue
			}
			found[severity]++
			line := struct {
				check.Finding
				Severity check.Severity `json:"severity"`
			}{f, severity}
			if err := errors.Join(a.sayFinding("", f), a.object(line)); err != nil {
				return err
			}
		}
		bad := found[check.SeverityError] + found[check.SeverityWarning]
		if bad+found[check.SeverityInformation] == 0 {
			return a.say("Nothing is wrong.")
		}
		err := a.say("%s, %s, %s.", plural(found[check.SeverityError], "error"), plural(found[check.SeverityWarning], "warning"), plural(found[check.SeverityInformation], "note"))
		if err == nil && bad > 0 {
			return &command.Failure{Code: exitFindings}
		}
		return err
	})
}
