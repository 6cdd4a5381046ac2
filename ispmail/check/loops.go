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

const (
	maxHops = 10_000 // about how many hops are in memory at a time
	maxPath = 12     // how many addresses of a loop its finding names
)

// A hop is the row on a loop by which mail for one source gets to the next source.
type hop struct {
	next        uint64
	id          int64
	source      string
	destination string
}

// checkLoops reports the loops among the aliases. checkDestination has reported the rows that lead to themselves.
func (c *checker) checkLoops(ctx context.Context) error {
	loops := c.graph.loops()
	for len(loops) > 0 && !c.stopped {
		n, hops := 0, map[uint64]*hop{}
		for ; n < len(loops) && len(hops) < maxHops; n++ {
			for i, node := range loops[n] {
				hops[node] = &hop{next: loops[n][(i+1)%len(loops[n])]}
			}
		}
		if err := c.findHops(ctx, hops); err != nil {
			return err
		}
		slices.SortFunc(loops[:n], func(a, b []uint64) int { return cmp.Compare(lowestID(a, hops), lowestID(b, hops)) })
		for _, loop := range loops[:n] {
			c.reportLoop(loop, hops)
		}
		loops = loops[n:]
	}
	return nil
}

// findHops reads the rows of the hops.
func (c *checker) findHops(ctx context.Context, hops map[uint64]*hop) error {
	g := &c.graph
	return c.eachRow(ctx, tables.Aliases, []string{"source", "destination"}, func(id int64, values []string) error {
		source, err := address.Source(values[0])
		if err != nil {
			return nil //nolint:nilerr // reported already
		}
		h := hops[g.hash(source)]
		if h == nil || h.id != 0 {
			return nil
		}
		for _, d := range route.Destinations(values[1]) {
			destination := address.Key(d)
			m := route.Follow(g, source, destination)
			if (m.Kind == route.Alias || m.Kind == route.CatchAll) && g.hash(m.Key) == h.next {
				h.id, h.source, h.destination = id, source, destination
				return nil
			}
		}
		return nil
	})
}

// reportLoop reports a loop at the alias with the lowest id. The path in the message begins there.
func (c *checker) reportLoop(loop []uint64, hops map[uint64]*hop) {
	start := lowestID(loop, hops)
	if start == 0 {
		return // somebody has broken the loop meanwhile
	}
	at := slices.IndexFunc(loop, func(node uint64) bool { return hops[node].id == start })
	path := []string{hops[loop[at]].source}
	for i := range loop {
		path = append(path, hops[loop[(at+i)%len(loop)]].destination)
	}
	if len(path) > maxPath {
		path = append(path[:maxPath-1], "...")
	}
	c.reportAlias(CodeAliasLoop, start, "%s leads back to itself: ispmailctl alias delete --id %d deletes the first of these aliases, ispmailctl alias correct --id %d --destination ADDRESS leads it elsewhere", strings.Join(path, " -> "), start, start)
}

// lowestID returns the lowest id on a loop, 0 if a row of the loop is gone.
func lowestID(loop []uint64, hops map[uint64]*hop) int64 {
	return hops[slices.MinFunc(loop, func(a, b uint64) int { return cmp.Compare(hops[a].id, hops[b].id) })].id
}

// loops returns one loop of each strongly connected component of sources. It empties the list of edges.
func (g *graph) loops() [][]uint64 {
	slices.SortFunc(g.edges, compareEdges)
	edges := slices.Compact(g.edges)
	g.edges = nil
	return cycles(edges)
}
