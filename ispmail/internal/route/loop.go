package route

// tooMuch returns a [LoopError] if the steps hold a loop, else [ErrLimit].
func (w *Walk) tooMuch() error {
	if path := w.loop(); path != nil {
		return &LoopError{Path: path}
	}
	return ErrLimit
}

// loop returns the addresses of a loop, the first one again at its end, nil if there is none. It searches in depth, without
// recursion.
func (w *Walk) loop() []string {
	path := []string{w.start}    // from the start to where we are
	place := map[string]int{}    // in the path, -1 once an address is done with
	taken := make([]int, 1, 100) // of the ways on from each address of the path
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
		to := ways[taken[end]]
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
