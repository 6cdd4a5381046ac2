package check

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// loopsAtOnce bounds how many aliases in loops are in memory.
const loopsAtOnce = 10_000

// longestPath is how much of a loop its finding names, in addresses.
const longestPath = 12

// A hop is an alias on a loop: the row by which mail for one source comes to the next.
type hop struct {
	next        uint64
	id          int64
	source      string
	destination string
}

// loops reports the loops among the aliases. Those of one row that leads to itself are known already.
func (c *checker) loops(ctx context.Context) error {
	loops := c.graph.loops()
	for len(loops) > 0 && !c.stopped {
		n, hops := 0, map[uint64]*hop{}
		for ; n < len(loops) && len(hops) < loopsAtOnce; n++ {
			for i, node := range loops[n] {
				hops[node] = &hop{next: loops[n][(i+1)%len(loops[n])]}
			}
		}
		if err := c.name(ctx, hops); err != nil {
			return err
		}
		slices.SortFunc(loops[:n], func(a, b []uint64) int { return cmp.Compare(lowest(a, hops), lowest(b, hops)) })
		for _, loop := range loops[:n] {
			c.reportLoop(loop, hops)
		}
		loops = loops[n:]
	}
	return nil
}

// name finds the rows of hops.
func (c *checker) name(ctx context.Context, hops map[uint64]*hop) error {
	g := &c.graph
	return c.each(ctx, tables.Aliases, []string{"source", "destination"}, func(id int64, values []string) error {
		source, err := address.Source(values[0])
		if err != nil {
			return nil //nolint:nilerr // reported already
		}
		h := hops[g.hash(source)]
		if h == nil || h.id != 0 {
			return nil
		}
		for _, d := range route.Destinations(values[1]) {
			destination := address.SourceOrNone(d)
			if destination == "" {
				continue
			}
			m := route.Follow(g, source, destination)
			if (m.Kind == route.Alias || m.Kind == route.CatchAll) && g.hash(m.Key) == h.next {
				h.id, h.source, h.destination = id, source, destination
				return nil
			}
		}
		return nil
	})
}

func (c *checker) reportLoop(loop []uint64, hops map[uint64]*hop) {
	start := lowest(loop, hops)
	if start == 0 {
		return // it has just been mended
	}
	at := slices.IndexFunc(loop, func(node uint64) bool { return hops[node].id == start })
	path := []string{hops[loop[at]].source}
	for i := range loop {
		path = append(path, hops[loop[(at+i)%len(loop)]].destination)
	}
	if len(path) > longestPath {
		path = append(path[:longestPath-1], "...")
	}
	c.reportAlias(CodeAliasLoop, start, "%s leads back to itself: delete or correct one of these aliases", strings.Join(path, " -> "))
}

// lowest returns the lowest id on a loop, 0 if a row of it is gone.
func lowest(loop []uint64, hops map[uint64]*hop) int64 {
	return hops[slices.MinFunc(loop, func(a, b uint64) int { return cmp.Compare(hops[a].id, hops[b].id) })].id
}

// loops returns one loop for each set of sources whose aliases lead to each other without end.
func (g *graph) loops() [][]uint64 {
	slices.SortFunc(g.edges, compareEdges)
	edges := slices.Compact(g.edges)
	g.edges = nil
	return cycles(edges)
}
