package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/vmail"
)

// A picture is everything about one address.
type picture struct {
	Address string           `json:"address"`
	Ours    bool             `json:"ours"`       // its domain is one of this server
	Users   []userView       `json:"users"`      // several only if the table is at fault
	From    []ispmail.Alias  `json:"aliases"`    // whose source it is
	To      []ispmail.Alias  `json:"aliases_to"` // one of whose destinations it is
	Steps   []ispmail.Step   `json:"steps"`
	Nobody  string           `json:"nobody,omitempty"` // why the mail does not arrive
	Found   []check.Finding  `json:"findings"`
	err     error            // Nobody
	meant   string           // the end of a sentence that says which address may be meant, if its domain is not there
	state   string           // the columns that switch users off
	off     bool             // the domain is switched off
	rows    map[rowName]bool // that findings may be about
}

type userView struct {
	userLine
	CanLogin bool   `json:"can_login"`
	Reason   string `json:"reason,omitempty"` // why not
}

type rowName struct {
	table string
	id    int64
}

func (a *app) show() *cobra.Command {
	c := &cobra.Command{
		Use: "show ADDRESS", Short: "Show everything about an address: login, aliases, where its mail goes, and what is wrong.",
		Long: `Shows everything about an address: the user and why the login works or not, the aliases from it and to it,
where mail for it goes, step by step, and what check finds in these rows. Call it when somebody does not
get mail or cannot log in. The exit code is 1 if nobody gets mail for the address.`,
		Example:           "  ispmailctl show jack@example.org",
		ValidArgsFunction: a.complete(addresses),
	}
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		address, err := ispmail.Canonical(args[0])
		if err != nil {
			return err
		}
		p := &picture{Address: address, rows: map[rowName]bool{}}
		for _, step := range []func(context.Context, *app, *ispmail.Store) error{p.findUsers, p.findAliases, p.trace, p.findFaults} {
			if err := step(ctx, a, store); err != nil {
				return err
			}
		}
		return errors.Join(p.print(a), a.object(p), p.err)
	})
}

// localPart is what all spellings of an address have in common, for a search.
func localPart(address string) string { return address[:strings.LastIndexByte(address, '@')+1] }

func (p *picture) findUsers(ctx context.Context, a *app, store *ispmail.Store) error {
	for user, err := range store.Users(ctx, ispmail.Query{Search: localPart(p.Address)}) {
		if err != nil {
			return err
		}
		email, err := ispmail.Canonical(user.Email)
		if p.isSpoilt(user.Email, err) {
			p.rows[rowName{"virtual_users", user.ID}] = true
		}
		if err != nil || email != p.Address {
			continue
		}
		view := userView{userLine: a.line(store, user)}
		view.Reason = whyNoLogin(store, user)
		view.CanLogin = view.Reason == ""
		p.Users = append(p.Users, view)
		p.rows[rowName{"virtual_users", user.ID}] = true
	}
	p.Users = orEmpty(p.Users)
	_, domain, _ := vmail.Cut(p.Address)
	row, err := store.Domain(ctx, domain)
	p.off = row.Off
	if p.Ours = err == nil; errors.Is(err, ispmail.ErrNotFound) {
		p.meant, err = similar(ctx, store, []string{p.Address}), nil
	}
	p.state = stateOfUsers(store)
	return err
}

// isSpoilt tells whether a text in a row is no address, and would be that of the picture without its blanks and what cannot be
// seen.
func (p *picture) isSpoilt(text string, err error) bool {
	if err == nil {
		return false
	}
	plain, err := ispmail.Canonical(visible(text))
	return err == nil && plain == p.Address
}

// isOfPicture tells whether a finding is about a row of the picture, or about a column that decides whether such a row counts.
func (p *picture) isOfPicture(f check.Finding) bool {
	if p.rows[rowName{f.Table, f.ID}] {
		return true
	}
	if f.Code != check.CodeUnnamedStateColumn {
		return false
	}
	for row := range p.rows {
		if row.table == f.Table {
			return true
		}
	}
	return p.Ours && f.Table == "virtual_domains"
}

// whyNoLogin tells in a few words why nobody can log in as a user, "" if somebody can.
func whyNoLogin(store *ispmail.Store, user ispmail.User) string {
	info, err := store.Hasher().Inspect(user.Password.Reveal())
	switch {
	case user.Off:
		return "switched off by " + stateOfUsers(store)
	case user.IsLocked():
		return "locked; this lets the user in again: ispmailctl user unlock " + user.Email
	case !user.CanLogin():
		return "what is stored is no password"
	case info.Unprefixed && errors.Is(err, hash.ErrUnsupported):
		return "unknown here: the stored password has no {SCHEME}, and --default-pass-scheme does not say what it is"
	case errors.Is(err, hash.ErrUnsupported):
		return "unknown here: the scheme of the stored password cannot be verified"
	case err != nil:
		return "no password matches the stored one, which is damaged or too costly; this mends it: ispmailctl password set " + user.Email
	}
	return ""
}

func (p *picture) findAliases(ctx context.Context, _ *app, store *ispmail.Store) (err error) {
	if p.From, err = store.AliasesOf(ctx, p.Address); err != nil {
		return err
	}
	for alias, err := range store.Aliases(ctx, ispmail.Query{Search: localPart(p.Address)}) {
		if err != nil {
			return err
		}
		if _, itself := split(p.Address, alias.Destinations()); itself != nil {
			p.To = append(p.To, alias)
		}
		if _, err := ispmail.CanonicalSource(alias.Source); p.isSpoilt(alias.Source, err) {
			p.rows[rowName{"virtual_aliases", alias.ID}] = true
		}
	}
	for _, alias := range append(p.From, p.To...) {
		p.rows[rowName{"virtual_aliases", alias.ID}] = true
	}
	p.From, p.To = orEmpty(p.From), orEmpty(p.To)
	return nil
}

func (p *picture) trace(ctx context.Context, _ *app, store *ispmail.Store) (err error) {
	p.Steps, err = store.Trace(ctx, p.Address)
	p.Steps = orEmpty(p.Steps)
	for _, step := range p.Steps {
		table := "virtual_aliases"
		if step.Found == ispmail.FoundMailbox || step.Found == ispmail.FoundBounce {
			table = "virtual_users"
		}
		for _, id := range step.IDs {
			p.rows[rowName{table, id}] = true
		}
	}
	for _, answer := range []error{ispmail.ErrNotFound, ispmail.ErrAliasLoop, ispmail.ErrAliasLimit, ispmail.ErrInvalidAddress} {
		if errors.Is(err, answer) {
			p.Nobody, p.err = command.Text(err), err
			return nil
		}
	}
	return err
}

// findFaults keeps what check finds in the rows of the picture.
func (p *picture) findFaults(ctx context.Context, a *app, store *ispmail.Store) error {
	a.progress.begin("Checking", -1)
	defer a.progress.end()
	for f, err := range check.Run(ctx, store, check.Config{}) {
		if err != nil {
			return err
		}
		if p.isOfPicture(f) {
			p.Found = append(p.Found, f)
		}
	}
	p.Found = orEmpty(p.Found)
	return nil
}

// print writes the picture for people.
func (p *picture) print(a *app) error {
	var errs []error
	say := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if line, ok := strings.CutPrefix(text, "  "); ok && a.width > 0 {
			text = "  " + command.Wrap(line, a.width-len("    "), "    ")
		}
		errs = append(errs, a.say("%s", text))
	}
	title := func(text string) { say("%s", a.bold(text)) }
	title("User")
	for _, user := range p.Users {
		say("  %s, row %d of virtual_users, quota %s, scheme %s", command.Printable(user.Email), user.ID, quota(user.Quota), command.Printable(user.Scheme))
		login := "yes"
		if !user.CanLogin {
			login = "no: " + command.Printable(user.Reason)
		}
		if len(p.Users) > 1 {
			login = "no: several rows have this address"
		}
		say("  Login: %s", a.verdict(login, user.CanLogin && len(p.Users) == 1))
	}
	_, domain, _ := vmail.Cut(p.Address)
	switch {
	case !p.Ours && len(p.Users) == 0:
		say("  There is no such user, as %s is no domain of this server.", domain)
	case !p.Ours:
		say("  %s is no domain of this server.", domain)
	case len(p.Users) == 0:
		say("  There is no such user.")
	}
	for _, part := range []struct {
		title   string
		aliases []ispmail.Alias
	}{{"Aliases from it", p.From}, {"Aliases to it", p.To}} {
		title(part.title)
		for _, alias := range part.aliases {
			off := ""
			if alias.Off {
				off = ", switched off"
			}
			say("  %s to %s, row %d of virtual_aliases%s", command.Printable(alias.Source), command.Printable(alias.Destination), alias.ID, off)
		}
		if len(part.aliases) == 0 {
			say("  There are none.")
		}
	}
	title("Where its mail goes")
	for _, step := range p.Steps {
		say("  %s", command.Printable(step.String()))
	}
	title("What is wrong")
	for _, f := range p.Found {
		errs = append(errs, a.sayFinding("  ", f))
	}
	switch {
	case p.off:
		say("  %s", a.verdict(domain+" is switched off, so that its mail is not taken here: "+p.state+".", false))
	case !p.Ours && len(p.Users) == 0 && p.Nobody == "":
		say("  Nothing, if another server keeps the mail for %s. If this one should: ispmailctl domain add %s%s", domain, domain, p.meant)
	case len(p.Found) == 0 && p.Nobody == "":
		say("  Nothing.")
	}
	switch {
	case errors.Is(p.err, ispmail.ErrNotFound) && slices.ContainsFunc(p.Users, func(user userView) bool { return user.Off }):
		say("  %s", a.verdict("Nobody gets its mail, because the user is switched off by "+p.state+".", false))
	case errors.Is(p.err, ispmail.ErrNotFound):
		say("  %s", a.verdict("Nobody gets its mail. Add a user, an alias or a catch-all that takes it.", false))
	case p.err != nil:
		say("  %s", a.verdict("Nobody gets its mail. Mend the aliases.", false))
	}
	return errors.Join(errs...)
}
