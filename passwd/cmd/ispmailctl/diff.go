package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/records"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

func (a *app) diff() *cobra.Command {
	c := &cobra.Command{
		Use: "diff [FILE]", Short: "Tell what has changed since an export, or what differs from another database.",
		Long: `Tells what the database has and a file of export has not, and the other way round: + is a record that was
added, - one that was removed, ~ one that was changed, and in what. Instead of a FILE, --other-dsn-file
names another database. FILE may be - for standard input. Ids do not count. Passwords are compared as they
are stored, and never printed. Nothing is changed. The exit code is 4 if anything differs.`,
		Example: "  ispmailctl diff backup.jsonl\n  ispmailctl diff --other-dsn-file /root/old.dsn",
	}
	other := command.DSNFlags(environment, "other-dsn", c.Flags())
	command.Group("The other database", c.Flags())
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		before, closer, err := a.other(ctx, other, args)
		if err != nil {
			return err
		}
		defer func() { _ = closer.Close() }() // it was only read
		found := map[records.Kind]int{}
		a.progress.begin("Comparing", -1)
		defer a.progress.end()
		for d, err := range records.Diff(a.progress.counting(before), a.progress.counting(store.Export(ctx))) {
			if err != nil {
				return err
			}
			found[d.Kind]++
			line := struct {
				Kind   records.Kind `json:"kind"`
				Record string       `json:"record"`
				Fields []string     `json:"fields,omitempty"`
			}{d.Kind, d.Record.String(), d.Fields}
			text := map[records.Kind]string{records.Added: "+ ", records.Removed: "- ", records.Changed: "~ "}[d.Kind] + d.Record.String()
			if len(d.Fields) > 0 {
				text += ": " + strings.Join(d.Fields, ", ")
			}
			if err := errors.Join(a.say("%s", command.Printable(text)), a.object(line)); err != nil {
				return err
			}
		}
		if len(found) == 0 {
			return a.say("Nothing differs.")
		}
		if err := a.say("%d added, %d removed, %d changed.", found[records.Added], found[records.Removed], found[records.Changed]); err != nil {
			return err
		}
		return &command.Failure{Code: exitFindings}
	})
}

// other returns the records of the file or the database that the one at hand is compared with.
func (a *app) other(ctx context.Context, dsn *command.DSN, args []string) (iter.Seq2[ispmail.Record, error], io.Closer, error) {
	name, err := dsn.Read()
	switch {
	case err != nil:
		return nil, nil, errUsage{err}
	case name == "" && len(args) == 0:
		return nil, nil, errUsage{errors.New("compared with what? Name a FILE, or another database by --other-dsn-file")}
	case name != "" && len(args) > 0:
		return nil, nil, errUsage{errors.New("a FILE and --other-dsn-file exclude each other")}
	case name == "":
		file, err := a.reader(args[0])
		if err != nil {
			return nil, nil, err
		}
		return records.Read(file), file, nil
	}
	config := ispmail.Config{Logger: slog.New(slog.DiscardHandler), Timeout: time.Minute}
	if path, ok := sqlitefile.Path(name); ok {
		store, closer, err := sqlitefile.OpenStore(ctx, path, sqlitefile.ReadOnly, config)
		if err != nil {
			return nil, nil, &command.Failure{Code: exitDatabase, Err: err}
		}
		return store.Export(ctx), closing(closer), nil
	}
	store, err := ispmail.Open(ctx, name, config)
	if err != nil {
		return nil, nil, err
	}
	return store.Export(ctx), store, nil
}

// closing is a function that closes something.
type closing func() error

func (c closing) Close() error { return c() }
