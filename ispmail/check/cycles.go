package check

import (
	"cmp"
	"slices"
)

// A tarjan is one run of Tarjan's algorithm for strongly connected components, without recursion. A node is known by its
// place in nodes.
type tarjan struct {
	nodes   []uint64 // sorted sources of the edges
	edges   []edge   // sorted, between nodes
	index   []int32  // of discovery, from 1 on; 0 for a node that is not discovered yet
	low     []int32  // the lowest index that is known to be reachable
	stack   []int    // discovered nodes whose component is not complete yet
	onStack []bool
}

// cycles returns one cycle of each strongly connected component that has one. The edges must be sorted.
func cycles(edges []edge) [][]uint64 {
	t := &tarjan{edges: edges}
	for _, e := range t.edges {
		if len(t.nodes) == 0 || t.nodes[len(t.nodes)-1] != e.from {
			t.nodes = append(t.nodes, e.from)
		}
	}
	// A node without edges of its own is in no cycle.
	t.edges = slices.DeleteFunc(t.edges, func(e edge) bool { return !contains(t.nodes, e.to) })
	t.index, t.low, t.onStack = make([]int32, len(t.nodes)), make([]int32, len(t.nodes)), make([]bool, len(t.nodes))
	var found [][]uint64
	t.components(func(component []int) {
		if cycle := t.cycle(component[0], component); cycle != nil {
			found = append(found, cycle)
		}
	})
	return found
}

// components calls fn with each strongly connected component. Its first node is the one that was discovered first.
func (t *tarjan) components(fn func(component []int)) {
	type frame struct{ node, edge int }
	var (
		frames []frame // the path of the depth-first search
		index  int32
	)
	enter := func(node int) {
		index++
		t.index[node], t.low[node], t.onStack[node] = index, index, true
		t.stack = append(t.stack, node)
		frames = append(frames, frame{node, t.firstEdge(node)})
	}
	for start := range t.nodes {
		if t.index[start] != 0 {
			continue
		}
		for enter(start); len(frames) > 0; {
			f := &frames[len(frames)-1]
			node := f.node
			if f.edge < len(t.edges) && t.edges[f.edge].from == t.nodes[node] {
				to := t.node(t.edges[f.edge].to)
				f.edge++
				if t.index[to] == 0 {
					enter(to)
				} else if t.onStack[to] {
					t.low[node] = min(t.low[node], t.index[to])
				}
				continue
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				parent := frames[len(frames)-1].node
				t.low[parent] = min(t.low[parent], t.low[node])
			}
			if t.low[node] == t.index[node] {
				fn(t.pop(node))
			}
		}
	}
}

// pop takes the component that begins with a node off the stack. The result is valid until the next node is discovered.
func (t *tarjan) pop(node int) []int {
	from := len(t.stack) - 1
	for t.stack[from] != node {
		from--
	}
	component := t.stack[from:]
	for _, member := range component {
		t.onStack[member] = false
	}
	t.stack = t.stack[:from]
	return component
}

// cycle returns a shortest cycle through a node within a component, nil if there is none. It searches in breadth.
func (t *tarjan) cycle(start int, component []int) []uint64 {
	inside := map[int]bool{}
	for _, node := range component {
		inside[node] = true
	}
	came := map[int]int{start: start} // from which node each was reached
	for queue := []int{start}; len(queue) > 0; queue = queue[1:] {
		node := queue[0]
		for i := t.firstEdge(node); i < len(t.edges) && t.edges[i].from == t.nodes[node]; i++ {
			to := t.node(t.edges[i].to)
			if to == start {
				path := []uint64{t.nodes[node]}
				for ; node != start; node = came[node] {
					path = append(path, t.nodes[came[node]])
				}
				slices.Reverse(path)
				return path
			}
			if _, seen := came[to]; !seen && inside[to] {
				came[to] = node
				queue = append(queue, to)
			}
		}
	}
	return nil
}

// firstEdge returns the place of the first edge of a node, or where it would be.
func (t *tarjan) firstEdge(node int) int {
	i, _ := slices.BinarySearchFunc(t.edges, edge{from: t.nodes[node]}, compareEdges)
	return i
}

// node returns the place of a node.
func (t *tarjan) node(hash uint64) int {
	i, _ := slices.BinarySearch(t.nodes, hash)
	return i
}

// compareEdges orders edges by their source.
func compareEdges(a, b edge) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) }
