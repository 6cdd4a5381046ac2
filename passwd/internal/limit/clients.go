package limit

import (
	"iter"
	"net/netip"
	"time"
)

// Limits of wrong guesses. They slow an attacker down to where guessing a password of the least length is hopeless, and
// make a person who mistypes wait for minutes at most.
const (
	AccountBurst    = 5
	AccountInterval = 3 * time.Minute
	clientBurst     = 20
	clientInterval  = 30 * time.Second
)

// clients limit the attempts of people by their addresses, on one channel. An IPv4 address is a client. With IPv6 it is the /64 that a site gets; the
// /56 and the /48 around it have limits too, because some sites get as much, and could come from ever new /64.
type clients struct {
	guesses [len(levels)]*limit
	// askers are clients that ask for accounts that have to wait. They have a table of their own: asking takes no hash, so that
	// anybody could fill it, and then nobody else would find a place.
	askers *limit
}

// A Level is a size of networks that are counted together.
type Level struct {
	bits     int // of an IPv6 network
	Burst    int
	Interval time.Duration
}

// levels begin with the widest.
var levels = [...]Level{
	{48, 8 * clientBurst, clientInterval / 8},
	{56, 2 * clientBurst, clientInterval / 2},
	{64, clientBurst, clientInterval},
}

func newClients() *clients {
	c := &clients{askers: newLimit(clientBurst, clientInterval)}
	for i, level := range levels {
		c.guesses[i] = newLimit(level.Burst, level.Interval)
	}
	return c
}

// Networks yields the networks by which a client is counted, the widest first, and how they are limited.
func Networks(client netip.Addr) iter.Seq2[string, Level] {
	return func(yield func(string, Level) bool) {
		for i, level := range levels {
			if name := network(client, i); name != "" && !yield(name, level) {
				return
			}
		}
	}
}

// network returns the network of a client at a level, "" if it counts at the last one only.
func network(client netip.Addr, i int) string {
	if client.Is4() {
		if i == len(levels)-1 {
			return client.String()
		}
		return ""
	}
	prefix, _ := client.Prefix(levels[i].bits) // an IPv6 address has one
	return prefix.String()
}

// wait tells how long a client has to wait, without a charge.
func (c *clients) wait(client netip.Addr) time.Duration {
	longest := c.askers.wait(network(client, len(levels)-1))
	for i, guesses := range c.guesses {
		if name := network(client, i); name != "" {
			longest = max(longest, guesses.wait(name))
		}
	}
	return longest
}

// ask charges a client for asking.
func (c *clients) ask(client netip.Addr) { _, _ = c.askers.take(network(client, len(levels)-1)) }

// take charges an attempt at all levels, or says how long to wait. A level that has to wait takes nothing from those below.
func (c *clients) take(client netip.Addr) (wait time.Duration, ok bool) {
	for i, guesses := range c.guesses {
		name := network(client, i)
		if name == "" {
			continue
		}
		if wait, ok := guesses.take(name); !ok {
			c.giveTo(client, i)
			return wait, false
		}
	}
	return 0, true
}

// give takes the charge of an attempt back.
func (c *clients) give(client netip.Addr) { c.giveTo(client, len(levels)) }

// giveTo takes the charge back at the levels before one.
func (c *clients) giveTo(client netip.Addr, end int) {
	for i, guesses := range c.guesses[:end] {
		if name := network(client, i); name != "" {
			guesses.give(name)
		}
	}
}
