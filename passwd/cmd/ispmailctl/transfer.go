package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/records"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

func (a *app) export() *cobra.Command {
	c := &cobra.Command{
		Use: "export [FILE]", Short: "Write all domains, users and aliases to a file, as JSON lines.",
		Long: `Writes all domains, users and aliases to a file, or to standard output, as JSON lines. The file
holds the passwords of all users as they are stored, so only you can read it. It has its name when it is
complete. A file that is there already is kept, unless --force is given. Columns of other programs come
along, but for those that the database computes.`,
	}
	force := c.Flags().Bool("force", false, "replace a file that is there already")
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		n := 0
		a.progress.begin("Exporting", -1)
		exported := func(yield func(ispmail.Record, error) bool) {
			for r, err := range store.Export(ctx) {
				n++
				a.progress.set(n)
				if !yield(r, err) {
					return
				}
			}
		}
		path := optional(args)
		if path == "" || path == "-" {
			return records.Write(a.stdout, exported)
		}
		if err := writeFile(path, *force, exported); err != nil {
			return err
		}
		return errors.Join(a.say("Exported %s to %s.", plural(n, "record"), path), a.object(map[string]any{"file": path, "records": n}))
	})
}

// writeFile writes a file that is complete whenever it has its name. It replaces one that is there only by force, or if it
// is empty, as mktemp makes one.
func writeFile(path string, force bool, all iter.Seq2[ispmail.Record, error]) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Mode().IsRegular() && info.Size() > 0 && !force:
		return fmt.Errorf("%s is there already: --force replaces it", path)
	case err == nil && info.Mode().IsRegular():
		force = true
	case err == nil: // /dev/stdout, which must stay what it is
		file, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // the file of the user's choice
		if err != nil {
			return err
		}
		return errors.Join(records.Write(file, all), file.Close())
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".ispmailctl-*") // which only the owner can read
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // unless it has its name
	err = records.Write(file, all)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if !force { // a link never replaces a file that came meanwhile
		err = os.Link(file.Name(), path)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		} // not every file system has links
	}
	return os.Rename(file.Name(), path)
}

func (a *app) restore() *cobra.Command {
	c := &cobra.Command{
		Use: "restore FILE", Short: "Put an export back into empty tables, just as it was.",
		Long: `Puts an export back into empty tables, just as it was: all of it or, if anything is wrong, nothing.
Every row gets its former id. Columns of other programs come along: the tables must have them, or
--without leaves them out. A value that a column cannot hold as it was is named with its row, and nothing
is restored. FILE may be - for standard input. To add records to what is there, use import.`,
		Example: "  ispmailctl restore backup.jsonl\n  ispmailctl restore backup.jsonl --without virtual_users.maildir",
	}
	o := withoutFlag(c)
	a.setFlag(c)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		if err := o.check(); err != nil {
			return err
		}
		file, err := a.reader(args[0])
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }() // it was only read
		a.progress.begin("Restoring", -1)
		n, unknown := 0, 0
		err = store.Restore(ctx, func(yield func(ispmail.Record, error) bool) {
			for r, err := range o.from(records.Read(file)) {
				if err == nil {
					n++
					a.progress.add(1)
				}
				if isUnknown(store.Hasher(), r) {
					unknown++
				}
				if !yield(r, err) {
					return
				}
			}
		})
		a.progress.begin("Working", -1)
		if err != nil {
			return fmt.Errorf("nothing was restored: %w", wordedForRecords(err))
		}
		if unknown > 0 {
			_, _ = fmt.Fprintf(a.stderr, "note: nobody can log in with the stored passwords of %s, because no Dovecot knows them; check tells whose they are\n", plural(unknown, "user"))
		}
		return errors.Join(a.say("Restored %s.", plural(n, "record")), o.say(a), a.object(restoreLine{n, o.left}))
	})
}

// A restoreLine is the result of a restore as JSON.
type restoreLine struct {
	Records int            `json:"records"`
	LeftOut map[string]int `json:"left_out,omitempty"`
}

// isUnknown reports whether the record is a user whose stored password no Dovecot knows. What has no {SCHEME} may be known
// by default_pass_scheme, and a star is no password.
func isUnknown(hasher *hash.Hasher, r ispmail.Record) bool {
	if r.User == nil || !r.User.CanLogin() {
		return false
	}
	stored := r.User.Password.Reveal()
	info, err := hasher.Inspect(stored)
	isKnown := info.Label != "" && (errors.Is(err, hash.ErrUnsupported) || strings.Contains(stored, "}*"))
	return err != nil && !errors.Is(err, hash.ErrTooCostly) && !info.Locked && !info.Unprefixed && !isKnown
}

// reader opens a file, or standard input for "-".
func (a *app) reader(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(a.stdin), nil
	}
	return os.Open(path) //nolint:gosec // the file of the user's choice
}

func (a *app) importFile() *cobra.Command {
	c := &cobra.Command{
		Use: "file FILE", Short: "Add the records of a file of JSON lines.",
		Long: `Adds the domains, users and aliases of a file of JSON lines, such as one that export has written, or
standard input if FILE is "-". Lines made by hand need no ids:

  {"type":"domain","name":"example.org"}
  {"type":"user","email":"john@example.org","password":"{SHA256-CRYPT}$5$...","quota":1073741824}
  {"type":"user","email":"jane@example.org","new_password":"a password to be hashed"}
  {"type":"alias","source":"info@example.org","destination":"john@example.org"}

Columns of other programs are in one more field, such as "columns":{"active":1}. A "new_password" that
users may not choose is refused, unless --force is given.
` + importing,
		Example: "  ispmailctl import file users.jsonl --dry-run\n  ispmailctl import file users.jsonl",
	}
	f, o := a.importFlags(c), withoutFlag(c)
	f.choice = a.choiceFlag(c)
	a.schemeFlag(c, `hash each "new_password"`)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		if err := o.check(); err != nil {
			return err
		}
		file, err := a.reader(args[0])
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }() // it was only read
		again, err := rewindable(file)
		if err != nil {
			return err
		}
		return a.bring(ctx, store, f, o, func() iter.Seq2[ispmail.Record, error] {
			return o.from(func(yield func(ispmail.Record, error) bool) {
				if _, err := again.Seek(0, io.SeekStart); err != nil {
					yield(ispmail.Record{}, err)
					return
				}
				records.Read(again)(yield)
			})
		})
	})
}

// rewindable returns a file that can be read twice. What comes through a pipe is kept in memory.
func rewindable(file io.Reader) (io.ReadSeeker, error) {
	if seeker, ok := file.(io.ReadSeeker); ok {
		if _, err := seeker.Seek(0, io.SeekStart); err == nil {
			return seeker, nil
		}
	}
	text, err := io.ReadAll(file)
	return bytes.NewReader(text), err
}

// importing is what all imports have in common.
const importing = `
What is there already, just so, is left alone, so that an import can be run again. Everything is
looked at before anything is changed: if a record has to be refused, it is named and nothing is
changed, unless --skip-refused is given. Whether an alias leads nowhere is what "check" tells.`

type importOptions struct {
	dryRun, skip bool
	choice       *choice // nil if no record has a new password
}

func (a *app) importFlags(c *cobra.Command) *importOptions {
	f := &importOptions{}
	a.setFlag(c)
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only tell what would be done")
	c.Flags().BoolVar(&f.skip, "skip-refused", false, "leave out what has to be refused, and add the rest")
	return f
}

// An importLine is the result of an import as JSON.
type importLine struct {
	ispmail.ImportResult
	LeftOut map[string]int `json:"left_out,omitempty"`
}

// bring looks at all records, and then imports them.
func (a *app) bring(ctx context.Context, store *ispmail.Store, f *importOptions, o *omission, all func() iter.Seq2[ispmail.Record, error]) error {
	a.progress.begin("Checking", -1)
	var refused []error
	plan, err := store.Import(ctx, f.choice.from(ctx, all()), ispmail.ImportConfig{
		DryRun:   true,
		Refused:  func(_ ispmail.Record, err error) { refused = append(refused, err) },
		Progress: func(r ispmail.ImportResult) { a.progress.set(r.Total()) },
	})
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", wordedForRecords(err))
	}
	refused = append(refused, f.choice.count(&plan)...)
	told := map[string]bool{}
	for _, err := range refused {
		told[err.Error()] = true
		_, _ = fmt.Fprintln(a.stderr, "refused:", command.Text(wordedForRecords(err)))
	}
	if f.dryRun {
		return errors.Join(a.say("This would add %s.", summary(plan)), o.say(a), a.object(importLine{plan, o.left}), refusedFailure(plan))
	}
	if len(refused) > 0 && !f.skip {
		return fmt.Errorf("nothing was changed, because %d of %d records are refused; --skip-refused adds the others", len(refused), plan.Total())
	}
	a.progress.begin("Importing", plan.Total())
	result, err := store.Import(ctx, f.choice.from(ctx, all()), ispmail.ImportConfig{
		Refused: func(_ ispmail.Record, err error) {
			if !f.skip || !told[err.Error()] {
				_, _ = fmt.Fprintln(a.stderr, "refused:", command.Text(wordedForRecords(err)))
			}
		},
		Progress: func(r ispmail.ImportResult) { a.progress.set(r.Total()) },
	})
	if err != nil && result == (ispmail.ImportResult{}) {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	if err != nil {
		text := fmt.Sprintf("interrupted after it had added %s; run the same import again to complete it", summary(result))
		if ctx.Err() == nil { // it was the database
			text += ": " + err.Error()
		}
		return rewording{err, text}
	}
	f.choice.count(&result) // which it has told
	return errors.Join(a.say("Added %s.", summary(result)), o.say(a), a.object(importLine{result, o.left}), refusedFailure(result))
}

func summary(r ispmail.ImportResult) string {
	return fmt.Sprintf("%s, %s and %s; %d there already, %d refused", plural(r.Domains, "domain"), plural(r.Users, "user"), plural(r.Aliases, "alias"), r.Present, r.Refused)
}

func refusedFailure(r ispmail.ImportResult) error {
	if r.Refused > 0 {
		return &command.Failure{Code: command.ExitFailed}
	}
	return nil
}

func (a *app) create() *cobra.Command {
	c := &cobra.Command{
		Use: "init", Short: "Make the three tables where they are missing.",
		Long: `Makes those of the three tables that are missing, and the file if the database is SQLite. A server
that was built after the guide has them.`,
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		if _, err := a.hashing.Hasher(); err != nil {
			return err
		}
		store, closer, err := a.open(c.Context(), true) // without the columns of state, which new tables do not have
		if err != nil {
			return err
		}
		if err = errors.Join(store.CreateSchema(c.Context()), closer()); err != nil {
			return failureOf(err)
		}
		return failureOf(a.say("The tables are there."))
	}
	return c
}
