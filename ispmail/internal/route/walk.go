package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// The default limits of Postfix, https://www.postfix.org/postconf.5.html#virtual_alias_recursion_limit and following.
const (
	maxRecursion = 1000
	maxExpansion = 1000
	maxAddress   = 1000 // bytes
)

// ErrLimit says that a chain of aliases is longer, or leads to more addresses, than Postfix allows.
var ErrLimit = errors.New("beyond the limits of Postfix")

// A LoopError says that aliases lead back to themselves.
type LoopError struct {
	Path []string // the addresses of the loop, the first one again at its end
}

func (e *LoopError) Error() string { return strings.Join(e.Path, " -> ") }

// A NoAddressError says that the texts of an address contain only commas and blanks. Postfix then accepts no mail for it.
type NoAddressError struct{ Address string }

func (e *NoAddressError) Error() string {
	return fmt.Sprintf("the alias of %s leads to no address", e.Address)
}

// A Step is what Postfix finds for one address, and where it sends the mail.
type Step struct {
	Match
	IDs []int64 // of the rows that were found: aliases, or the user
	To  []Goal  // the addresses to which the mail goes on; at a mailbox, the address itself
}

// A Walk follows mail for one address, one level of aliases at a time. The caller repeats two things until [Walk.Level] is empty:
// it adds the rows of the level to the [Tables], and calls [Walk.Advance]. [Walk.Ends] then returns where the mail ends up.
type Walk struct {
	tables *Tables
	start  string
	steps  map[string]Step // by address
	order  []string        // the addresses of steps, in the order of the levels
	level  []string
	seen   map[string]bool // addresses of this level and those before it
	depth  int             // the number of levels before this one
}

// NewWalk returns a Walk that begins at an address.
func NewWalk(tables *Tables, start string) *Walk {
	return &Walk{tables: tables, start: start, steps: map[string]Step{}, level: []string{start}, seen: map[string]bool{start: true}}
}

// Start returns the address with which the walk began.
func (w *Walk) Start() string { return w.start }

// Level returns the addresses from which [Walk.Advance] takes the next steps. It is empty when the walk is over.
func (w *Walk) Level() []string { return w.level }

// Advance takes one step from each address of the level. It returns [ErrLimit], a [LoopError] or a [NoAddressError].
func (w *Walk) Advance() error {
	// Every address of a level has an entry in the list of Ends, unless it leads into a loop.
	if w.depth > maxRecursion || len(w.level) > maxExpansion {
		return w.loopOrLimit()
	}
	w.depth++
	var next []string
	for _, addr := range w.level {
		step := w.tables.Step(addr)
		w.steps[addr] = step
		w.order = append(w.order, addr)
		if step.To == nil && (step.Kind == Alias || step.Kind == CatchAll) {
			return &NoAddressError{Address: addr}
		}
		for _, to := range step.To {
			if len(to.Key) > maxAddress {
				return w.loopOrLimit()
			}
			if !w.seen[to.Key] {
				w.seen[to.Key] = true
				next = append(next, to.Key)
			}
		}
	}
	w.level = next
	return nil
}

// Step returns the step from an address. A walk takes it before the tables know the domains: then mail for a user "@domain",
// and for nobody, goes elsewhere.
func (t *Tables) Step(addr string) Step {
	step := Step{Match: Find(t, addr)}
	switch step.Kind {
	case Bounce:
		step.IDs = []int64{t.mailboxes[step.Key]}
	case Mailbox:
		step.IDs = []int64{t.mailboxes[step.Key]}
		step.To = step.Lead([]string{step.Key})
	case Alias, CatchAll:
		var texts []string
		texts, step.IDs = t.texts(step.Key)
		step.To = step.Lead(texts)
	}
	return step
}

// Addresses returns the addresses of [Walk.Steps], in the same order.
func (w *Walk) Addresses() []string { return w.order }

// Steps returns the steps that were taken, level by level.
func (w *Walk) Steps() []Step {
	steps := make([]Step, len(w.order))
	for i, addr := range w.order {
		steps[i] = w.steps[addr]
	}
	return steps
}

// Ends returns the addresses at which the mail ends up, each once. The error is [ErrLimit] or a [LoopError].
//
// It expands addresses in the same order as cleanup_map1n_internal in Postfix
// (https://github.com/vdukhovni/postfix/blob/master/postfix/src/cleanup/cleanup_map1n.c), because the order decides which loops
// do harm: an address that leads to itself, among others, is expanded once and never again.
func (w *Walk) Ends() ([]Goal, error) {
	list := []Goal{{Key: w.start, Address: w.start}}
	own := map[string]bool{} // addresses that lead to themselves, and were expanded
	for i := 0; i < len(list); i++ {
		if len(list) > maxExpansion {
			return nil, w.loopOrLimit()
		}
		for depth := 0; !own[list[i].Key]; depth++ {
			if depth >= maxRecursion {
				return nil, w.loopOrLimit()
			}
			from := list[i].Key
			to := w.steps[from].To
			if len(to) == 0 {
				break
			}
			list[i] = to[0]
			list = append(list, to[1:]...)
			if slices.ContainsFunc(to, func(g Goal) bool { return g.Key == from }) {
				own[from] = true
			}
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(g Goal) bool { // of several spellings, Postfix takes the first
		again := seen[g.Key]
		seen[g.Key] = true
		return again
	}), nil
}

// An End is an address at which mail ends up.
type End struct {
	Address string
	Mailbox string // the address of the mailbox, "" if another server has it
}

// Deliver returns where the mail for the goals of [Walk.Ends] is delivered. It leaves out addresses of this server without a
// mailbox. The tables must know the domains of the addresses. On this server, an address is in its canonical form; elsewhere, the
// case of the local part may matter.
func (t *Tables) Deliver(goals []Goal) (ends []End) {
	for _, g := range goals {
		mailbox := MailboxOf(t, g.Key)
		switch _, domain, ok := address.Cut(g.Key); {
		case mailbox != "":
			ends = append(ends, End{Address: g.Key, Mailbox: mailbox})
		case !ok || !t.domains[domain]:
			ends = append(ends, End{Address: g.Address})
		}
	}
	return ends
}

// KeysOf returns the keys of goals.
func KeysOf(goals []Goal) []string {
	keys := make([]string, len(goals))
	for i, g := range goals {
		keys[i] = g.Key
	}
	return keys
}

// Domains returns the domains of addresses, each once.
func Domains(addresses []string) []string {
	var names []string
	for _, addr := range addresses {
		if _, domain, ok := address.Cut(addr); ok {
			names = append(names, domain)
		}
	}
	return Unique(names)
}

// Unique returns each text once, in the order in which it comes first.
func Unique(texts []string) []string {
	seen := make(map[string]bool, len(texts))
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool {
		again := seen[text]
		seen[text] = true
		return again
	})
}
