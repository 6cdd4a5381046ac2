package logwriter_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/passwd/internal/logwriter"
)

// A pipe is a writer that hangs while it is closed, and fails while it is broken.
type pipe struct {
	open   chan struct{} // synctest sees through channels, not through locks
	broken bool
	text   strings.Builder
}

func (p *pipe) Write(line []byte) (int, error) {
	p.open <- struct{}{}
	defer func() { <-p.open }()
	if p.broken {
		return 0, errors.New("broken pipe")
	}
	return p.text.Write(line)
}

func TestWriter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const buffered = 4096
		p := &pipe{open: make(chan struct{}, 1)}
		var lost []int64
		w := logwriter.New(p, func(n int64) { lost = append(lost, n) })
		_, _ = fmt.Fprint(w, "first\n")
		w.Flush(time.Second)
		assert.Equal(t, "first\n", p.text.String())

		p.open <- struct{}{} // it hangs, with one line in it
		_, _ = fmt.Fprint(w, "hangs\n")
		synctest.Wait()
		for i := range buffered + 100 {
			n, err := fmt.Fprintf(w, "%d\n", i)
			assert.NoError(t, err)
			assert.NotZero(t, n)
		}
		assert.EqualValues(t, 100, w.Lost())
		start := time.Now()
		w.Flush(time.Second)
		assert.Equal(t, time.Second, time.Since(start), "it does not wait for ever") // by the clock of synctest
		<-p.open
		w.Flush(time.Second)
		assert.True(t, strings.HasPrefix(p.text.String(), "first\nhangs\n0\n1\n2\n"))
		assert.True(t, strings.HasSuffix(p.text.String(), fmt.Sprintf("\n%d\n", buffered-1)))
		assert.Equal(t, []int64{100}, lost)

		p.broken = true // and nobody dies
		_, _ = fmt.Fprint(w, "into the void\n")
		w.Flush(time.Second)
		p.broken = false
		_, _ = fmt.Fprint(w, "again\n")
		w.Flush(time.Second)
		assert.True(t, strings.HasSuffix(p.text.String(), "\nagain\n"))
		assert.Equal(t, []int64{100, 1}, lost)
		assert.EqualValues(t, 101, w.Lost())
		w.Close()
	})
}
