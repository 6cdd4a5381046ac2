package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/spf13/cobra"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/movein"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

func (a *app) importPostfixAdmin() *cobra.Command {
	return a.importFrom(movein.PostfixAdmin, &cobra.Command{
		Use: "postfixadmin", Short: "Add what is in a database of PostfixAdmin 3.3 or 4.0.",
	}, "$CONF['encrypt'] of PostfixAdmin, such as md5crypt")
}

func (a *app) importViMbAdmin() *cobra.Command {
	return a.importFrom(movein.ViMbAdmin, &cobra.Command{
		Use: "vimbadmin", Short: "Add what is in a database of ViMbAdmin 3.4.",
	}, "defaults.mailbox.password_scheme of ViMbAdmin, such as dovecot:BLF-CRYPT")
}

// importFrom reads the database of another program. scheme tells what --source-scheme is there.
func (a *app) importFrom(read func(context.Context, *bun.DB, movein.Config) iter.Seq2[movein.Item, error], c *cobra.Command, scheme string) *cobra.Command {
	c.Long = c.Short[:len(c.Short)-1] + `: its domains, mailboxes and aliases, with
their passwords as they are stored. That database is only read. What cannot come over, and what will
not be as it was, is told in notes, line by line.
` + importing
	c.Example = fmt.Sprintf("  ispmailctl import %s --source-dsn-file FILE --dry-run\n  ispmailctl import %s --source-dsn-file FILE", c.Use, c.Use)
	source := command.DSNFlags(environment, "source-dsn", c.Flags())
	var config movein.Config
	c.Flags().StringVar(&config.Scheme, "source-scheme", "", "`SCHEME` of passwords without a prefix: "+scheme)
	c.Flags().StringVar(&config.TablePrefix, "source-prefix", "", "`PREFIX` of the names of its tables")
	command.Group("The other program", c.Flags())
	f := a.importFlags(c)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, _ []string) error {
		dsn, err := source.Read()
		if err != nil {
			return errUsage{err}
		}
		if dsn == "" {
			return errUsage{errors.New("which database? --source-dsn-file names it")}
		}
		db, err := openForeign(ctx, dsn)
		if err != nil {
			return &command.Failure{Code: exitDatabase, Err: err}
		}
		noted := false
		err = a.bring(ctx, store, f, &omission{}, func() iter.Seq2[ispmail.Record, error] {
			first := !noted // the second time, the notes are the same
			noted = true
			return movein.Records(read(ctx, db, config), func(n movein.Note) {
				if first {
					_, _ = fmt.Fprintln(a.stderr, "note:", command.Printable(n.String()))
				}
			})
		})
		return errors.Join(err, db.Close())
	})
}
