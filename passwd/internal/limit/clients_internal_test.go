package limit

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// used counts the buckets of a limit that belong to somebody.
func (l *limit) used() (n int) {
	for _, set := range l.sets {
		for _, b := range set {
			if b.name != 0 {
				n++
			}
		}
	}
	return n
}

// newNetwork is an address of the nth /64 there is, each in a /48 of its own.
func newNetwork(n int) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("2001:%x:%x::1", n>>16, n&0xffff))
}

// TestAskingFillsNoTable closes an account, and asks for it from ever new networks: that takes no hash, and no place from
// those who come later.
func TestAskingFillsNoTable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		attempts, guesses := NewAttempts(), 0
		attempt := func(client netip.Addr, account string) bool {
			_, ok := attempts.Charge(client, account)
			if ok {
				guesses++
			}
			return ok
		}
		for i := range AccountBurst {
			require.True(t, attempt(newNetwork(i), "closed@example.org"))
		}
		const asks = 2 * limitSets * limitWays
		for i := range asks {
			require.False(t, attempt(newNetwork(1000+i), "closed@example.org"))
		}
		assert.Equal(t, AccountBurst, guesses)
		for i, networks := range attempts.clients.guesses {
			assert.Equal(t, AccountBurst, networks.used(), "/%d", levels[i].bits)
		}
		for i := range 60 { // of the size in which half were refused
			client := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
			assert.True(t, attempt(client, fmt.Sprintf("u%d@example.org", i)))
		}
	})
}

// TestNetworks: ever new /64 of one /56, and of one /48, come no further than the network around them.
func TestNetworks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		address func(i int) string
		most    int
	}{
		"IPv4, each its own": {func(i int) string { return fmt.Sprintf("192.0.%d.%d", i>>8, i&255) }, 1000},
		"one IPv4":           {func(int) string { return "192.0.2.1" }, 20},
		"one /64":            {func(i int) string { return fmt.Sprintf("2001:db8::%x", i) }, 20},
		"one /56":            {func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i&0xff) }, 40},
		"one /48":            {func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i<<4&0xffff) }, 160},
		"each its /48":       {func(i int) string { return newNetwork(i).String() }, 1000},
	} {
		c := newClients()
		now := func() int64 { return int64(time.Hour) }
		for _, guesses := range append(c.guesses[:], c.askers) {
			guesses.now = now
		}
		for range 2 {
			taken := 0
			for i := range 1000 {
				client := netip.MustParseAddr(test.address(i))
				if _, ok := c.take(client); ok {
					taken++
				} else {
					assert.Positive(t, c.wait(client), name)
				}
			}
			assert.Equal(t, test.most, taken, name)
			for i := range taken { // then all of it is there again: what was refused was charged nowhere
				c.give(netip.MustParseAddr(test.address(i)))
			}
			assert.Zero(t, c.wait(netip.MustParseAddr(test.address(0))), name)
		}
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.1":             "192.0.2.1",
		"2001:db8:1:2:3:4:5:6":  "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::99": "2001:db8:1:2::/64",
		"::":                    "::/64",
	} {
		assert.Equal(t, want, network(netip.MustParseAddr(address), len(levels)-1))
	}
}

// TestGuessesADay compares the page that sums up what the limits let through with the limits.
func TestGuessesADay(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../examples/deployment/ASVS.md")
	require.NoError(t, err)
	thousands := func(n int) string {
		text := strconv.Itoa(n)
		for i := len(text) - 3; i > 0; i -= 3 {
			text = text[:i] + "," + text[i:]
		}
		return text
	}
	const day = 24 * time.Hour
	for _, l := range append(levels[:], Level{0, AccountBurst, AccountInterval}) {
		aDay := int(day / l.Interval)
		assert.Regexp(t, fmt.Sprintf(`\| %d \| one in [^|]+ \| %s \| %s \|`, l.Burst, thousands(aDay), thousands(365*aDay)), string(page))
	}
	both := 2 * int(day/AccountInterval)
	assert.Contains(t, string(page), fmt.Sprintf("| an account, on both | %d | | %s | %s |", 2*AccountBurst, thousands(both), thousands(365*both)))
}
