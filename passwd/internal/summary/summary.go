// Package summary sums up lines of a log that anybody can cause, so that they do not fill it and drive out the others.
package summary

import (
	"sync"
	"time"
)

// Window is for how long lines of one kind are summed up.
const Window = 10 * time.Second

// Lines gives the first line of a kind its place in the log, and sums up those of the next ten seconds in one. There must be few
// kinds, none of which a stranger chooses. Make it with [New]; the zero value does not work. It is safe for concurrent use.
type Lines[Kind comparable] struct {
	tell   func(kind Kind, more int)
	mu     sync.Mutex
	counts map[Kind]int // beside the first, of kinds whose window is open
}

// New returns Lines. tell is called at the end of a window for which there were more lines than the first.
func New[Kind comparable](tell func(kind Kind, more int)) *Lines[Kind] {
	return &Lines[Kind]{tell: tell, counts: map[Kind]int{}}
}

// First reports whether a line has its place in the log. Otherwise it is counted.
func (l *Lines[Kind]) First(kind Kind) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, open := l.counts[kind]; open {
		l.counts[kind]++
		return false
	}
	l.counts[kind] = 0
	time.AfterFunc(Window, func() { l.end(kind) })
	return true
}

// end closes the window of a kind.
func (l *Lines[Kind]) end(kind Kind) {
	l.mu.Lock()
	more := l.counts[kind]
	delete(l.counts, kind)
	l.mu.Unlock()
	if more > 0 {
		l.tell(kind, more)
	}
}

// Flush closes all windows. Call it before the log ends.
func (l *Lines[Kind]) Flush() {
	l.mu.Lock()
	var kinds []Kind
	for kind := range l.counts {
		kinds = append(kinds, kind)
	}
	l.mu.Unlock()
	for _, kind := range kinds {
		l.end(kind)
	}
}
