package routetest

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// Seed is the seed of the random constellations that are tested with a real Postfix.
const Seed = 1

// Random returns n random constellations. They use few addresses, so that aliases often meet. The same seed always gives the
// same constellations.
func Random(n int, seed uint64) []Constellation {
	random := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // the same ones each time
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	address := func() string {
		return pick("x", "x", "x", "x", "x", "x", "y", "y", "y", "y", "y", "y", "z", "z", "z", "z", "z", "z", "x+e", "y+e") + pick("@a.example", "@a.example", "@b.example", "@away.example")
	}
	domain := func() string { return pick("@a.example", "@b.example", "@away.example") }
	all := make([]Constellation, n)
	for i := range all {
		c := Constellation{Name: "random", To: address()}
		users := map[string]bool{}
		for range random.IntN(4) {
			users[address()] = true
		}
		c.Users = strings.Join(slices.Sorted(maps.Keys(users)), " ")
		for range 1 + random.IntN(6) {
			source, destination := address(), address()
			switch random.IntN(8) {
			case 0:
				source = domain()
			case 1:
				source, destination = domain(), domain()
			case 2:
				destination = domain()
			case 3:
				destination += pick(",", ", ", " ") + address()
			case 4:
				source = c.To
			}
			c.Aliases = append(c.Aliases, source+" > "+destination)
		}
		all[i] = c
	}
	return all
}
