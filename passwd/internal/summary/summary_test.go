package summary_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/passwd/internal/summary"
)

// TestLines: of each kind the first has its line, and those of its window are told once, also before its end.
func TestLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told := map[string][]int{}
		lines := summary.New(func(kind string, more int) { told[kind] = append(told[kind], more) })
		first := 0
		for range 30 {
			if lines.First("many") {
				first++
			}
			time.Sleep(summary.Window / 10)
			synctest.Wait()
		}
		assert.True(t, lines.First("one"))
		assert.Equal(t, 3, first)
		assert.Equal(t, map[string][]int{"many": {9, 9, 9}}, told)
		assert.True(t, lines.First("many"))
		assert.False(t, lines.First("many"))
		lines.Flush()
		time.Sleep(2 * summary.Window)
		synctest.Wait()
		assert.Equal(t, map[string][]int{"many": {9, 9, 9, 1}}, told)
	})
}
