package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// The limits of Postfix, https://www.postfix.org/postconf.5.html#virtual_alias_recursion_limit and following.
const (
	maxRecursion = 1000
	maxExpansion = 1000
	maxAddress   = 1000 // bytes
)

// ErrLimit says that aliases lead on for longer or to more addresses than Postfix follows.
var ErrLimit = errors.New("beyond the limits of Postfix")

// A LoopError says that aliases lead back to themselves.
type LoopError struct {
	Path []string // the addresses of the loop, the first one again at its end
}

func (e *LoopError) Error() string { return strings.Join(e.Path, " -> ") }

// A NoAddressError says that the aliases of an address hold no destination but a comma. Postfix accepts no mail then.
type NoAddressError struct{ Address string }

func (e *NoAddressError) Error() string {
	return fmt.Sprintf("the alias of %s leads to no address", e.Address)
}

// A Step is what Postfix makes of one address.
type Step struct {
	Match
	IDs []int64  // of the aliases or of the mailbox that was found
	To  []string // the addresses that it leads to; itself at a mailbox
}

// A Walk follows mail for one address through the maps, a level of aliases at a time. While [Walk.Level] is not empty, its
// addresses are looked up in the tables, and then Advance is called.
type Walk struct {
	tables *Tables
	start  string
	steps  map[string]Step // by address
	order  []string        // of steps
	level  []string
	seen   map[string]bool // addresses that are or were on a level
	depth  int
}

// NewWalk begins at an address.
func NewWalk(tables *Tables, start string) *Walk {
	return &Walk{tables: tables, start: start, steps: map[string]Step{}, level: []string{start}, seen: map[string]bool{start: true}}
}

// Start returns the address with which the walk began.
func (w *Walk) Start() string { return w.start }

// Level returns the addresses whose keys the tables must know before the next Advance. It is empty when the walk is over.
func (w *Walk) Level() []string { return w.level }

// Advance takes one step from each address of the level. It returns [ErrLimit], a [LoopError] or a [NoAddressError].
func (w *Walk) Advance() error {
	// Each address of a level leads to an address of the end, or into a loop.
	if w.depth > maxRecursion || len(w.level) > maxExpansion {
		return w.tooMuch()
	}
	w.depth++
	var next []string
	for _, addr := range w.level {
		step := w.tables.step(addr)
		w.steps[addr] = step
		w.order = append(w.order, addr)
		if step.To == nil && (step.Kind == Alias || step.Kind == CatchAll) {
			return &NoAddressError{Address: addr}
		}
		for _, to := range step.To {
			if len(to) > maxAddress {
				return w.tooMuch()
			}
			if !w.seen[to] {
				w.seen[to] = true
				next = append(next, to)
			}
		}
	}
	w.level = next
	return nil
}

// step takes one step.
func (t *Tables) step(addr string) Step {
	step := Step{Match: Find(t, addr)}
	switch step.Kind {
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

// Addresses returns the addresses of Steps.
func (w *Walk) Addresses() []string { return w.order }

// Steps returns the steps that were taken, in the order in which Postfix first looks the addresses up.
func (w *Walk) Steps() []Step {
	steps := make([]Step, len(w.order))
	for i, addr := range w.order {
		steps[i] = w.steps[addr]
	}
	return steps
}

// Ends returns the addresses at which the mail ends up, each once. It goes the way of cleanup_map1n_internal in
// Postfix (https://github.com/vdukhovni/postfix/blob/master/postfix/src/cleanup/cleanup_map1n.c): whether a loop
// matters depends on that. It returns [ErrLimit] or a [LoopError].
func (w *Walk) Ends() ([]string, error) {
	list := []string{w.start}
	own := map[string]bool{} // lead to themselves, among others
	for i := 0; i < len(list); i++ {
		if len(list) > maxExpansion {
			return nil, w.tooMuch()
		}
		for depth := 0; !own[list[i]]; depth++ {
			if depth >= maxRecursion {
				return nil, w.tooMuch()
			}
			from := list[i]
			to := w.steps[from].To
			if len(to) == 0 {
				break
			}
			list[i] = to[0]
			list = append(list, to[1:]...)
			if slices.Contains(to, from) {
				own[from] = true
			}
		}
	}
	return Unique(list), nil
}

// An End is an address at which mail ends up.
type End struct {
	Address string
	Mailbox string // that holds the mail, "" if it goes elsewhere
}

// Deliver returns where mail for the addresses of Ends goes. It leaves out those of nobody. The tables must know their
// domains.
func (t *Tables) Deliver(addresses []string) (ends []End) {
	for _, addr := range addresses {
		mailbox := MailboxOf(t, addr)
		local, domain, ok := address.Cut(addr)
		if mailbox == "" && ok && t.domains[domain] {
			continue
		}
		if ok && (local == "" || strings.ContainsRune(local, '@')) { // of "@domain" in a list
			addr = `"` + local + `"@` + domain
		}
		ends = append(ends, End{Address: addr, Mailbox: mailbox})
	}
	return ends
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

// Unique returns each text once, in the same order.
func Unique(texts []string) []string {
	seen := make(map[string]bool, len(texts))
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool {
		again := seen[text]
		seen[text] = true
		return again
	})
}
