package main

import (
	"io"
	"iter"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

const (
	patienceOfPeople = time.Second            // after which they want to see that something happens
	beat             = 200 * time.Millisecond // of what they see
)

// A progress shows at a terminal what goes on, if it takes longer than a second. Other output erases it for a moment.
type progress struct {
	screen io.Writer // nil if nobody sees it

	mu     sync.Mutex
	what   string
	total  int // -1 if it is not known
	done   int
	since  time.Time // zero while nothing goes on
	bar    *progressbar.ProgressBar
	ticker *time.Ticker
}

// watch begins to look after the time. The function that it returns ends that.
func (p *progress) watch(screen io.Writer) (stop func()) {
	if command.Width(screen) == 0 {
		return func() {}
	}
	p.screen, p.ticker = screen, time.NewTicker(beat)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-p.ticker.C:
				p.draw()
			case <-done:
				return
			}
		}
	}()
	return func() {
		p.ticker.Stop()
		close(done)
		p.end()
	}
}

// begin says what goes on from now on, and how many steps it has, -1 if that is not known.
func (p *progress) begin(what string, total int) {
	p.end()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what, p.total, p.done, p.since = what, total, 0, time.Now()
}

// end says that nothing goes on, or that somebody is asked.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.bar, p.since = nil, time.Time{}
}

// set says how many steps are done.
func (p *progress) set(done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = done
}

// add says that some more steps are done.
func (p *progress) add(steps int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += steps
}

// counting returns records, each of which is a step.
func (p *progress) counting(all iter.Seq2[ispmail.Record, error]) iter.Seq2[ispmail.Record, error] {
	return func(yield func(ispmail.Record, error) bool) {
		for r, err := range all {
			p.add(1)
			if !yield(r, err) {
				return
			}
		}
	}
}

func (p *progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() || time.Since(p.since) < patienceOfPeople {
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions(p.total, progressbar.OptionSetWriter(p.screen), progressbar.OptionSetDescription(p.what),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
	}
	_ = p.bar.Set(p.done) // a progress bar that fails is no reason to
}

func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// over returns a writer that erases the progress before it writes.
func (p *progress) over(w io.Writer) io.Writer {
	if p.screen == nil {
		return w
	}
	return overProgress{p, w}
}

type overProgress struct {
	p *progress
	w io.Writer
}

func (o overProgress) Write(text []byte) (int, error) {
	o.p.mu.Lock()
	defer o.p.mu.Unlock()
	o.p.clear()
	return o.w.Write(text)
}
