package check

import (
	"cmp"
	"slices"
)

// A walk looks for cycles along the edges of a graph. Its nodes are places in a sorted list.
type walk struct {
	nodes []uint64
	edges []edge // sorted, between nodes
	order []int32
	low   []int32 // the earliest node that can be reached
	on    []bool  // the stack
}

// cycles returns one cycle of each strongly connected component, which Tarjan's algorithm finds, here without recursion.
// The edges are sorted.
func cycles(edges []edge) [][]uint64 {
	w := &walk{edges: edges}
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
		found  [][]uint64
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
			if cycle := w.cycle(node, stack[from:]); cycle != nil {
				found = append(found, cycle)
			}
			for _, member := range stack[from:] {
				w.on[member] = false
			}
			stack = stack[:from]
		}
	}
	return found
}

// cycle returns a shortest way from a node back to itself within a set, nil if there is none.
func (w *walk) cycle(start int, set []int) []uint64 {
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
