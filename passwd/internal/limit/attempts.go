package limit

import (
	"net/netip"
	"time"
)

// Attempts limit the guesses of one channel, by account and by client. Make them with [NewAttempts]. They are safe for concurrent
// use, and of a fixed size.
type Attempts struct {
	accounts *limit
	clients  *clients
}

// NewAttempts returns limits that nobody has used.
func NewAttempts() *Attempts {
	return &Attempts{accounts: newLimit(AccountBurst, AccountInterval), clients: newClients()}
}

// Charge takes an attempt from the limits, or says how long to wait. A client that has to wait takes nothing from the account.
// Who asks for an account that has to wait is charged for asking, in a table that is for nothing else. An invalid client is none:
// only the account counts.
func (a *Attempts) Charge(client netip.Addr, account string) (wait time.Duration, ok bool) {
	if !client.IsValid() {
		return a.accounts.take(account)
	}
	if wait := a.clients.wait(client); wait > 0 {
		return wait, false
	}
	if wait, ok := a.accounts.take(account); !ok {
		a.clients.ask(client)
		return wait, false
	}
	if wait, ok := a.clients.take(client); !ok {
		a.accounts.give(account)
		return wait, false
	}
	return 0, true
}

// Ask charges a client for asking for an account that has to wait elsewhere.
func (a *Attempts) Ask(client netip.Addr) { a.clients.ask(client) }

// GiveBack takes the charge of an attempt back.
func (a *Attempts) GiveBack(client netip.Addr, account string) {
	if client.IsValid() {
		a.clients.give(client)
	}
	a.accounts.give(account)
}
