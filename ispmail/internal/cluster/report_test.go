package cluster_test

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// reports are the figures of all tests, which TestMain prints once more when all have ended.
var reports struct {
	mu    sync.Mutex
	lines []string
}

// report logs the figures of a test as a row of a table.
func report(t *testing.T, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf("| "+format+" |", args...)
	t.Log(line)
	reports.mu.Lock()
	defer reports.mu.Unlock()
	reports.lines = append(reports.lines, line)
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, line := range reports.lines {
		fmt.Println(line)
	}
	os.Exit(code)
}
