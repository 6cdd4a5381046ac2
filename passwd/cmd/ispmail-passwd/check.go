package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/database"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

// check tries everything that the service does with the database, without changing a row, its sockets and the limits that it
// shares, and prints a sentence about each. It returns false if something failed. A warning is no failure.
func check(ctx context.Context, s *settings, w io.Writer) bool {
	say := newSayer(w)
	say("ok", "The settings are valid.")
	if s.Listen != "" {
		say("ok", "The title of the page is %q.", s.SiteName)
	}
	s.sayBreached(say)
	sockets := checkSockets(ctx, s, say)
	for _, warning := range s.warnings() { // about the addresses of systemd too, which are known now
		say("warn", "%s.", strings.ToUpper(warning[:1])+warning[1:])
	}
	shared := s.checkLimits(say)
	if s.Demo {
		say("ok", "The demo needs no database.")
		return sockets && shared
	}
	return checkDatabase(ctx, s, say) && sockets && shared
}

// sayBreached tells about the list of breached passwords, which is open.
func (s *settings) sayBreached(say sayer) {
	switch {
	case s.breached == nil:
	case s.breached.Partial():
		say("warn", "The list of breached passwords (%s) ends before the last hashes, which begin with FF: its download may have been cut.", s.breached)
	default:
		say("ok", "New passwords are looked up in the list of breached ones (%s).", s.breached)
	}
}

func newSayer(w io.Writer) sayer {
	return func(verdict, format string, args ...any) {
		_, _ = fmt.Fprintf(w, "%-5s "+format+"\n", append([]any{verdict}, args...)...)
	}
}

// checkDatabase tries what a change does with the database, and looks at all rows.
func checkDatabase(ctx context.Context, s *settings, say sayer) bool {
	s.checkServers(ctx, say)
	store, closer, ok := checkAccount(ctx, s, say)
	if !ok {
		return false
	}
	defer closer()
	sample, err := s.sample()
	if err != nil {
		say("FAIL", "A password cannot be hashed: %v.", err)
		return false
	}
	// Reading a large table may take longer than database.Timeout. Each page of rows has a timeout of its own.
	if !checkWidth(ctx, s, store, sample, say) || !checkRows(ctx, s, store, sample, say) {
		return false
	}
	if d, err := lookForDearest(ctx, store); err != nil {
		say("warn", "How long verifications take cannot be measured: %v.", err)
	} else {
		checkFloor(ctx, s, store, d, say)
	}
	return true
}

// checkAccount tries what the account in the database may do, and returns the open store.
func checkAccount(ctx context.Context, s *settings, say sayer) (opened *ispmail.Store, closer func(), ok bool) {
	asking, cancel := context.WithTimeout(ctx, database.Timeout)
	defer cancel()
	store, closeStore, err := s.opener(s.logger(s.stderr), newMetrics())(asking)
	if err != nil {
		say("FAIL", "The database cannot be opened: %v.%s", err, s.networkHint())
		return nil, nil, false
	}
	release := func() { _ = closeStore() }
	defer func() {
		if !ok {
			release()
		}
	}()
	path, isFile := sqlitefile.Path(s.dsn)
	if err := canRead(asking, store); err != nil {
		say("FAIL", "The table virtual_users cannot be read%s: %s.", needs(err, "SELECT on id, domain_id, email, password"), command.Text(database.Advise(s.dsn, err)))
		return nil, nil, false
	}
	say("ok", "The database answers, and the table virtual_users can be read.")
	sayState(asking, store, say)

	if err := canWrite(asking, store); err != nil {
		say("FAIL", "Passwords cannot be written%s: %s.", needs(err, "UPDATE on the column password"), command.Text(database.Advise(s.dsn, err)))
		return nil, nil, false
	}
	say("ok", "Passwords can be written.")
	if isFile {
		checkJournal(asking, store, path, say)
	}
	return store, release, true
}

// needs says which right the account needs, if that is the reason.
func needs(err error, right string) string {
	if !errors.Is(err, ispmail.ErrDenied) {
		return ""
	}
	return " (the account needs " + right + ")"
}

// sample returns a stored value as a change writes it: of its scheme, length and strength.
func (s *settings) sample() (string, error) { return s.hasher.Generate("a sample of no use") }

// checkWidth compares the width of the column with what a new password takes.
func checkWidth(ctx context.Context, s *settings, store *ispmail.Store, sample string, say sayer) bool {
	narrow, err := s.tooNarrow(ctx, store, sample)
	switch {
	case err != nil:
		say("FAIL", "The width of the column password cannot be read: %v.", err)
		return false
	case narrow != "":
		say("FAIL", "%s.", narrow)
		return false
	}
	say("ok", "The column password is wide enough for {%s}.", s.hasher.Scheme())
	return true
}

// checkJournal warns of a file that another program has put in WAL mode. A change is as safe there, but the rest of the file's
// surroundings must know.
func checkJournal(ctx context.Context, store *ispmail.Store, path string, say sayer) {
	var mode string
	err := store.Read(ctx, func(ctx context.Context, db bun.IDB) error {
		return db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode)
	})
	if err == nil && mode == "wal" {
		say("warn", "%s is in WAL mode: a copy of this file alone lacks the last changes, programs that may not write in its directory may be unable to read it, and a network file system is no place for it. PRAGMA journal_mode=DELETE ends that mode.", command.Printable(path))
	}
}
