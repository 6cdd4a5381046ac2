// Package logwriter lets a service log without ever waiting for whoever reads the log.
package logwriter

import (
	"io"
	"sync/atomic"
	"time"
)

// lines is how many lines wait for the reader. With lines of 200 bytes they take less than a MiB.
const lines = 4096

// A Writer passes lines on to another writer, in their order and in a goroutine of its own. When that writer hangs, as a full
// pipe does, up to 4096 lines wait; further ones are lost, and counted. It is safe for concurrent use. Make one with [New].
type Writer struct {
	out     io.Writer
	queue   chan []byte
	lost    atomic.Int64 // in all
	told    int64        // of those, to onLost
	onLost  func(n int64)
	flushes chan chan struct{}
	closed  chan struct{}
}

// New returns a Writer. When lines were lost and the other writer works again, onLost is told how many; it may log. It is called
// in the goroutine of the Writer.
func New(out io.Writer, onLost func(n int64)) *Writer {
	w := &Writer{out: out, queue: make(chan []byte, lines), onLost: onLost, flushes: make(chan chan struct{}), closed: make(chan struct{})}
	go w.run()
	return w
}

// Write takes a line, and returns at once. There is never an error.
func (w *Writer) Write(line []byte) (int, error) {
	select {
	case w.queue <- append([]byte(nil), line...):
	default:
		w.lost.Add(1)
	}
	return len(line), nil
}

// Lost is the number of lines that were lost since the start.
func (w *Writer) Lost() int64 { return w.lost.Load() }

// Flush waits until what was written before is passed on, but no longer than a time.
func (w *Writer) Flush(most time.Duration) {
	done := make(chan struct{})
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case w.flushes <- done:
	case <-timer.C:
		return
	}
	select {
	case <-done:
	case <-timer.C:
	}
}

// Close ends the goroutine. What was not passed on is lost: see [Writer.Flush]. Write does no harm afterwards.
func (w *Writer) Close() { close(w.closed) }

func (w *Writer) run() {
	for {
		select {
		case line := <-w.queue:
			w.pass(line)
		case done := <-w.flushes:
			for len(w.queue) > 0 {
				w.pass(<-w.queue)
			}
			close(done)
		case <-w.closed:
			return
		}
	}
}

func (w *Writer) pass(line []byte) {
	if _, err := w.out.Write(line); err != nil {
		w.lost.Add(1)
		return
	}
	if lost := w.lost.Load(); lost > w.told && w.onLost != nil {
		n := lost - w.told
		w.told = lost
		w.onLost(n)
	}
}
