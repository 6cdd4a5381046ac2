package ispmail

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/route"
)

// A Recipient is an address at which mail ends up.
type Recipient struct {
	// Address is the last address that the mail is sent on to, with an extension as in john+lists@example.org: in canonical
	// form on this server; elsewhere with the capitals of its row, and with quotes only where it needs them.
	Address string `json:"address"`
	// Mailbox is the address of the user who gets the mail. It is "" if the mail leaves the tables: for another server,
	// or, if a destination has no @, for an account of the operating system.
	Mailbox string `json:"mailbox,omitempty"`
}

// Recipients returns the addresses to which Postfix delivers mail for an address, with the maps of the guide.
// [Store.Trace] returns the steps.
//
// Postfix looks up an address in this order: an alias, a mailbox, both again for the address without its extension
// (john+lists is john if there is nothing else), and the catch-all of the domain. It looks up destinations in the same
// way, until they are mailboxes, addresses of other servers, or lead to themselves. An alias to itself is no loop: it
// keeps a copy in the mailbox.
//
// Destinations that lead nowhere are left out if others lead somewhere. An address of another server without an alias
// is its own recipient.
//
// It returns [ErrInvalidAddress], and [ErrNotFound] if Postfix refuses or bounces all the mail; [FoundBounce] is about a
// row by which it accepts what nobody gets. If Postfix accepts no
// mail until somebody mends the aliases, it returns [ErrAliasLoop] with the addresses of the loop, [ErrAliasLimit], or
// [ErrInvalidAddress] for a row whose destination is only a comma.
//
// Rows that are switched off do not exist here, see [Config.State].
//
// In three points Postfix differs, because it compares by the collation of the column: it may take josé and jose for one
// address, it takes the two spellings of an internationalised domain for different ones, and where the column compares
// case, it finds no row with capitals.
//
// Recipients runs two statements for each level of aliases, or more if a level has over some 300 addresses, and one for
// the domains. Outside of [Store.RunInTx] others may change the tables in between.
func (s *Store) Recipients(ctx context.Context, email string) ([]Recipient, error) {
	recipients, _, err := s.walk(ctx, email, false)
	return recipients, err
}

// Trace returns the steps to the addresses that [Store.Recipients] returns: each address that Postfix looks up, in its
// order, and what it finds. It returns the errors of Recipients, together with the steps up to that point.
func (s *Store) Trace(ctx context.Context, email string) ([]Step, error) {
	_, steps, err := s.walk(ctx, email, true)
	return steps, err
}

// A Step is what Postfix finds for one address.
type Step struct {
	// Address is the address that Postfix looks up, in canonical form.
	Address string `json:"address"`
	// Found says what Postfix finds.
	Found Found `json:"found"`
	// Key is the source of the aliases or the address of the user: Address itself, Address without its extension, or
	// "@domain".
	Key string `json:"key,omitempty"`
	// IDs are the ids of the rows: in virtual_users for FoundMailbox and FoundBounce, in virtual_aliases otherwise.
	IDs []int64 `json:"ids,omitempty"`
	// To has the addresses to which the mail goes on, with the capitals of their rows. It is empty at the end of the way.
	To []string `json:"to,omitempty"`
}

// Found is the kind of a [Step].
type Found string

// Values of Found.
const (
	// FoundAlias means that aliases of the address, or of it without its extension, send the mail on.
	FoundAlias Found = "alias"
	// FoundCatchAll means that a catch-all of the domain sends the mail on.
	FoundCatchAll Found = "catch-all"
	// FoundMailbox means that a user gets the mail.
	FoundMailbox Found = "mailbox"
	// FoundElsewhere means that the mail leaves this server.
	FoundElsewhere Found = "elsewhere"
	// FoundNobody means that the mail is refused or bounces.
	FoundNobody Found = "nobody"
	// FoundBounce means that virtual_users has a row "@domain". Postfix takes it for a mailbox and accepts mail for every
	// address of the domain. Dovecot has no such mailbox, so the mail goes back to its sender, who may be forged.
	FoundBounce Found = "bounce"
)

var foundOf = map[route.Kind]Found{route.Alias: FoundAlias, route.CatchAll: FoundCatchAll}

// String returns the step in a few words: "jack@example.org -> john@example.org by alias 3".
func (st Step) String() string {
	text := st.Address
	if len(st.To) > 0 {
		text += " -> " + strings.Join(st.To, ", ")
	}
	switch st.Found {
	case FoundElsewhere:
		return text + " on another server"
	case FoundNobody:
		return text + ": nobody"
	case FoundBounce:
		return fmt.Sprintf("%s: accepted because of user %d, %s, and sent back", text, st.IDs[0], st.Key)
	}
	text += " by " + string(st.Found)
	for i, id := range st.IDs {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %d", id)
	}
	if st.Key != st.Address {
		text += " of " + st.Key
	}
	return text
}

// walk follows mail for an address to its end. It returns the steps if wantSteps is set.
func (s *Store) walk(ctx context.Context, email string, wantSteps bool) (recipients []Recipient, steps []Step, err error) {
	start, err := Canonical(email)
	if err != nil {
		return nil, nil, err
	}
	var t route.Tables
	w := route.NewWalk(&t, start)
	err = s.browse(ctx, func(ctx context.Context, db bun.IDB) error {
		ends, lost := s.ends(ctx, db, &t, w)
		asked := route.KeysOf(ends)
		if wantSteps {
			asked = w.Addresses()
		}
		if len(asked) > 0 {
			if err := s.loadDomains(ctx, db, &t, asked); err != nil {
				return err
			}
		}
		for _, end := range t.Deliver(ends) {
			recipients = append(recipients, Recipient(end))
		}
		if lost == nil && len(recipients) == 0 {
			return nobodyGets(&t, start, w.Steps())
		}
		return lost
	})
	if wantSteps {
		for _, step := range w.Steps() {
			steps = append(steps, stepOf(&t, step))
		}
	}
	return recipients, steps, err
}

// nobodyGets returns ErrNotFound, and says so if Postfix accepts mail all the same.
func nobodyGets(t *route.Tables, start string, steps []route.Step) error {
	for _, step := range steps {
		if step = t.Step(step.Address); step.Kind == route.Bounce {
			return fmt.Errorf("%w: nobody gets mail for %s: Postfix accepts it, because row %d of virtual_users is %s, and it goes back to the sender",
				ErrNotFound, start, step.IDs[0], step.Key)
		}
	}
	return fmt.Errorf("%w: nobody gets mail for %s", ErrNotFound, start)
}

// stepOf translates a step of package route for people. There, a mailbox leads to itself. Whether mail without a
// mailbox leaves the server depends on the domain, which the walk itself does not look up.
func stepOf(t *route.Tables, step route.Step) Step {
	found := foundOf[step.Kind]
	var to []string
	for _, goal := range step.To {
		to = append(to, goal.Address)
	}
	if step.Kind != route.Alias && step.Kind != route.CatchAll {
		found, to = FoundNobody, nil
		if step = t.Step(step.Address); step.Kind == route.Bounce {
			found = FoundBounce
		}
		for _, end := range t.Deliver([]route.Goal{{Key: step.Address, Address: step.Address}}) {
			found = FoundElsewhere
			if end.Mailbox != "" {
				found = FoundMailbox
			}
		}
	}
	return Step{Address: step.Address, Found: found, Key: step.Key, IDs: step.IDs, To: to}
}

// ends follows a walk to its end.
func (s *Store) ends(ctx context.Context, db bun.IDB, t *route.Tables, w *route.Walk) ([]route.Goal, error) {
	for len(w.Level()) > 0 {
		if err := s.loadKeys(ctx, db, t, w.Level()); err != nil {
			return nil, err
		}
		if err := w.Advance(); err != nil {
			return nil, routeError(w, err)
		}
	}
	ends, err := w.Ends()
	return ends, routeError(w, err)
}

// routeError turns an error of package route into one of this package.
func routeError(w *route.Walk, err error) error {
	switch err := err.(type) { //nolint:errorlint // they are not wrapped
	case nil:
		return nil
	case *route.LoopError:
		return fmt.Errorf("%w: %w", ErrAliasLoop, err)
	case *route.NoAddressError:
		return fmt.Errorf("%w in the destination: %w", ErrInvalidAddress, err)
	}
	if errors.Is(err, route.ErrLimit) {
		return fmt.Errorf("%w: from %s", ErrAliasLimit, w.Start())
	}
	return err
}

// loadKeys reads the aliases and mailboxes that Postfix looks up for addresses.
func (s *Store) loadKeys(ctx context.Context, db bun.IDB, t *route.Tables, addresses []string) error {
	keys := t.Wanted(addresses)
	aliases, err := lookup[Alias](ctx, s, db, "source", readRows, keys...)
	if err != nil {
		return err
	}
	addAliases(t, aliases)
	return s.loadMailboxes(ctx, db, t, keys)
}

// addAliases adds aliases to tables.
func addAliases(t *route.Tables, rows []Alias) {
	for _, row := range onlyOn(rows) {
		t.AddAlias(row.canonical(), route.Row{ID: row.ID, Destination: row.Destination})
	}
}

// loadMailboxes reads the mailboxes that Postfix looks up for keys.
func (s *Store) loadMailboxes(ctx context.Context, db bun.IDB, t *route.Tables, keys []string) error {
	users, err := lookup[User](ctx, s, db, "email", readRows, keys...)
	for _, row := range onlyOn(users) {
		t.AddMailbox(row.lookupKey(), row.ID)
	}
	return err
}

// loadDomains reads which domains of addresses this server has.
func (s *Store) loadDomains(ctx context.Context, db bun.IDB, t *route.Tables, addresses []string) error {
	domains, err := lookup[Domain](ctx, s, db, "name", readRows, route.Domains(addresses)...)
	for _, row := range onlyOn(domains) {
		t.AddDomain(row.canonical())
	}
	return err
}
