package ispmail

import (
	"cmp"
	"context"
	"slices"
	"strings"
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
	return c.each(ctx, aliasTable, []string{"source", "destination"}, func(id int64, values []string) error {
		source, err := canonicalSource(values[0])
		if err != nil {
			return nil //nolint:nilerr // reported already
		}
		h := hops[g.hash(source)]
		if h == nil || h.id != 0 {
			return nil
		}
		for _, d := range (Alias{Destination: values[1]}).Destinations() {
			destination := goal(d)
			if destination == "" || g.follow(source, destination) == source {
				continue
			}
			if node, _ := g.next(source, destination); node != "" && g.hash(node) == h.next {
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
	c.report(CodeAliasLoop, aliasTable, start, "%s leads back to itself: delete or correct one of these aliases", strings.Join(path, " -> "))
}

// lowest returns the lowest id on a loop, 0 if a row of it is gone.
func lowest(loop []uint64, hops map[uint64]*hop) int64 {
	return hops[slices.MinFunc(loop, func(a, b uint64) int { return cmp.Compare(hops[a].id, hops[b].id) })].id
}

// A walk looks for loops along the edges of a graph. Its nodes are places in a sorted list.
type walk struct {
	nodes []uint64
	edges []edge // sorted, between nodes
	order []int32
	low   []int32 // the earliest node that can be reached
	on    []bool  // the stack
}

// loops returns one loop for each set of sources whose aliases lead to each other. The sets are strongly connected
// components, which Tarjan's algorithm finds, here without recursion.
func (g *graph) loops() [][]uint64 {
	slices.SortFunc(g.edges, compareEdges)
	w := &walk{edges: slices.Compact(g.edges)}
	g.edges = nil
	for _, e := range w.edges {
		if len(w.nodes) == 0 || w.nodes[len(w.nodes)-1] != e.from {
			w.nodes = append(w.nodes, e.from)
		}
	}
	// What leads to no further alias is in no loop.
	w.edges = slices.DeleteFunc(w.edges, func(e edge) bool { return !contains(w.nodes, e.to) })
	w.order, w.low, w.on = make([]int32, len(w.nodes)), make([]int32, len(w.nodes)), make([]bool, len(w.nodes))
	type frame struct{ node, edge int }
	var (
		loops  [][]uint64
		stack  []int
		frames []frame
		order  int32
	)
	enter := func(node int) {
		order++
		w.order[node], w.low[node], w.on[node] = order, order, true
		stack = append(stack, node)
		frames = append(frames, frame{node, w.first(node)})
	}
	for start := range w.nodes {
		if w.order[start] != 0 {
			continue
		}
		for enter(start); len(frames) > 0; {
			f := &frames[len(frames)-1]
			node := f.node
			if f.edge < len(w.edges) && w.edges[f.edge].from == w.nodes[node] {
				to := w.node(w.edges[f.edge].to)
				f.edge++
				if w.order[to] == 0 {
					enter(to)
				} else if w.on[to] {
					w.low[node] = min(w.low[node], w.order[to])
				}
				continue
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				parent := frames[len(frames)-1].node
				w.low[parent] = min(w.low[parent], w.low[node])
			}
			if w.low[node] != w.order[node] {
				continue
			}
			from := len(stack) - 1
			for stack[from] != node {
				from--
			}
			if loop := w.loop(node, stack[from:]); loop != nil {
				loops = append(loops, loop)
			}
			for _, member := range stack[from:] {
				w.on[member] = false
			}
			stack = stack[:from]
		}
	}
	return loops
}

// loop returns a shortest way from a node back to itself within a set, nil if there is none.
func (w *walk) loop(start int, set []int) []uint64 {
	inside := map[int]bool{}
	for _, node := range set {
		inside[node] = true
	}
	came := map[int]int{start: start}
	for queue := []int{start}; len(queue) > 0; queue = queue[1:] {
		node := queue[0]
		for i := w.first(node); i < len(w.edges) && w.edges[i].from == w.nodes[node]; i++ {
			to := w.node(w.edges[i].to)
			if to == start {
				way := []uint64{w.nodes[node]}
				for ; node != start; node = came[node] {
					way = append(way, w.nodes[came[node]])
				}
				slices.Reverse(way)
				return way
			}
			if _, seen := came[to]; !seen && inside[to] {
				came[to] = node
				queue = append(queue, to)
			}
		}
	}
	return nil
}

// first returns the place of the first edge of a node, or where it would be.
func (w *walk) first(node int) int {
	i, _ := slices.BinarySearchFunc(w.edges, edge{from: w.nodes[node]}, compareEdges)
	return i
}

// node returns the place of a node that is there.
func (w *walk) node(hash uint64) int {
	i, _ := slices.BinarySearch(w.nodes, hash)
	return i
}

func compareEdges(a, b edge) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) }
