package route

// loopOrLimit returns a [LoopError] if the steps contain a loop, else [ErrLimit].
func (w *Walk) loopOrLimit() error {
	if path := w.loop(); path != nil {
		return &LoopError{Path: path}
	}
	return ErrLimit
}

// loop returns the addresses of a loop, with the first one again at the end, nil if there is none. It is a depth-first search
// without recursion. A step from an address to itself is no loop.
func (w *Walk) loop() []string {
	path := []string{w.start}    // from the start to the current address
	place := map[string]int{}    // of an address in the path, -1 once all its ways were searched
	taken := make([]int, 1, 100) // how many ways from each address of the path were searched
	for len(path) > 0 {
		end := len(path) - 1
		here := path[end]
		place[here] = end
		ways := w.steps[here].To
		if taken[end] == len(ways) {
			place[here] = -1
			path, taken = path[:end], taken[:end]
			continue
		}
		to := ways[taken[end]].Key
		taken[end]++
		if to == here {
			continue
		}
		switch at, seen := place[to]; {
		case !seen:
			path, taken = append(path, to), append(taken, 0)
		case at >= 0:
			return append(path[at:], to)
		}
	}
	return nil
}
