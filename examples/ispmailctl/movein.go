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
	c.Args = cobra.NoArgs
	c.Long = c.Short[:len(c.Short)-1] + `: its domains, mailboxes and aliases, with their passwords as they are stored.
That database is only read. What cannot come over, and what will not be as it was, is told in notes, line by line.
` + importing
	c.Example = fmt.Sprintf("  ispmailctl import %s --source-dsn-file FILE --dry-run\n  ispmailctl import %s --source-dsn-file FILE", c.Use, c.Use)
	f := importFlags(c)
	var dsn, file string
	var config movein.Config
	c.Flags().StringVar(&file, "source-dsn-file", "", "`FILE` whose first line is the DSN of that database (or ISPMAILCTL_SOURCE_DSN_FILE)")
	c.Flags().StringVar(&dsn, "source-dsn", "", "the `DSN` itself, without a password (or ISPMAILCTL_SOURCE_DSN)")
	c.Flags().StringVar(&config.Scheme, "source-scheme", "", "`SCHEME` of passwords without a prefix: "+scheme)
	c.Flags().StringVar(&config.TablePrefix, "source-prefix", "", "`PREFIX` of the names of its tables")
	c.MarkFlagsMutuallyExclusive("source-dsn-file", "source-dsn")
	return a.on(c, func(ctx context.Context, store *ispmail.Store, _ []string) error {
		dsn, err := a.source("source-dsn", dsn, file)
		if err != nil {
			return err
		}
		if dsn == "" {
			return errUsage{errors.New("which database? --source-dsn-file names it")}
		}
		db, err := openForeign(ctx, dsn)
		if err != nil {
			return &failure{exitDatabase, err}
		}
		noted := false
		err = a.bring(ctx, store, f, func() iter.Seq2[ispmail.Record, error] {
			first := !noted // the second time, the notes are the same
			noted = true
			return movein.Records(read(ctx, db, config), func(n movein.Note) {
				if first {
					_, _ = fmt.Fprintln(a.stderr, "note:", printable(n.String()))
				}
			})
		})
		return errors.Join(err, db.Close())
	})
}
